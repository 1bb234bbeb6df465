//! Reads the migrations of a manifest.

use std::sync::Arc;

use midflight_core::{JsonPath, JsonType, ObjectReader, Problem, Problems};
use serde_json::Value;

use super::convert::CONVERT_WORDS;
use super::{Migration, MigrationAction, MigrationStep, StatePath, StateSchema};
use crate::limits::{MIGRATIONS_MAX, PARTS_MAX, STEPS_MAX};

/// The member that names the step, with the others that it takes.
const ACTIONS: [(&str, &[&str]); 7] = [
    ("add", &["default"]),
    ("remove", &[]),
    ("rename", &["to"]),
    ("move", &["to"]),
    ("convert", &["into"]),
    ("split", &["separator", "into"]),
    ("merge", &["separator", "to"]),
];

/// Reads the member `migrations`; `schema` is the one of the manifest, when it is known.
pub(crate) fn read_migrations(
    value: &Value,
    schema: Option<u32>,
    place: &JsonPath<'_>,
    problems: &mut Problems,
) -> Vec<Arc<Migration>> {
    let Some(items) = read_list(value, "migrations", MIGRATIONS_MAX, place, problems) else {
        return Vec::new();
    };
    let mut migrations: Vec<Arc<Migration>> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let place = place.index(i);
        let Some(migration) = read_migration(item, &place, problems) else { continue };
        if migrations.iter().any(|other| (other.from, other.to) == (migration.from, migration.to)) {
            let message =
                format!("a second migration from {} to {}; remove one", migration.from, migration.to);
            problems.add(Problem::new("duplicate", place.pointer(), message));
        }
        // A way back from later schemas is a chain that ends at the manifest's own; a way up beyond it is never used.
        let is_up = migration.from < migration.to;
        if let Some(schema) = schema.filter(|schema| is_up && migration.to > *schema) {
            let message = format!(
                "the migration from {} to {} leads beyond schema {schema}; set schema, or remove the migration",
                migration.from, migration.to
            );
            problems.add(Problem::new("unused_migration", place.pointer(), message));
        }
        migrations.push(Arc::new(migration));
    }
    migrations
}

fn read_list<'v>(
    value: &'v Value,
    noun: &str,
    max: usize,
    place: &JsonPath<'_>,
    problems: &mut Problems,
) -> Option<&'v [Value]> {
    let (code, message) = match value {
        Value::Array(items) if items.len() <= max => return Some(items),
        Value::Array(items) => ("too_many", format!("{} {noun}; write at most {max}", items.len())),
        value => ("wrong_type", format!("{noun} is an array, not {}", JsonType::of(value).word())),
    };
    problems.add(Problem::new(code, place.pointer(), message));
    None
}

fn read_migration(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Option<Migration> {
    let mut reader = ObjectReader::open("a migration", value, place, problems)?;
    reader.only(&["from", "to", "steps", "before", "after"]);
    let mut number = |key: &str| {
        if reader.get(key).is_none() {
            reader.missing(key, "the number of a schema");
        }
        let number = reader.integer(key)?;
        let schema = u32::try_from(number).ok().filter(|schema| *schema > 0);
        if schema.is_none() {
            reader.refuse(
                key,
                "out_of_bounds",
                format!("{key} is {number}; write a schema from 1 to {}", u32::MAX),
            );
        }
        schema
    };
    let (from, to) = (number("from"), number("to"));
    if let (Some(from), Some(to)) = (from, to)
        && from.abs_diff(to) != 1
    {
        let message = format!(
            "a migration leads to the next schema or the one before, not from {from} to {to}; write a hop for each"
        );
        reader.refuse("to", "no_hop", message);
    }
    let mut schema = |key: &'static str| {
        let built = StateSchema::new(reader.get(key)?);
        built.map_err(|why| reader.refuse(key, "invalid_schema", why)).ok()
    };
    let (before, after) = (schema("before"), schema("after"));
    let steps_place = place.key("steps");
    let steps = match reader.get("steps") {
        None => {
            reader.missing("steps", "what is done, in order; [] when only the number changes");
            Vec::new()
        }
        Some(value) => {
            let items =
                read_list(value, "steps", STEPS_MAX, &steps_place, reader.problems()).unwrap_or_default();
            let read = |(i, item)| read_step(item, &steps_place.index(i), reader.problems());
            items.iter().enumerate().filter_map(read).collect()
        }
    };
    Some(Migration { from: from?, to: to?, steps, before, after })
}

fn read_step(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Option<MigrationStep> {
    let mut reader = ObjectReader::open("a step", value, place, problems)?;
    let named: Vec<_> = ACTIONS.iter().filter(|(word, _)| reader.get(word).is_some()).collect();
    let [(word, others)] = named.as_slice() else {
        let words = ACTIONS.map(|(word, _)| word).join(", ");
        let message = format!("a step is one of {words}; write exactly one of them");
        reader.problems().add(Problem::new("unknown_step", place.pointer(), message));
        return None;
    };
    let mut fields = vec![*word, "each"];
    fields.extend_from_slice(others);
    reader.only(&fields);
    let each = match reader.get("each") {
        None => None,
        Some(_) => Some(read_path(&mut reader, "each")?),
    };
    let action = match *word {
        "add" => {
            let default = reader.get("default").cloned();
            if default.is_none() {
                reader.missing("default", "the value to add");
            }
            MigrationAction::Add { path: read_path(&mut reader, "add")?, default: default? }
        }
        "remove" => MigrationAction::Remove { path: read_path(&mut reader, "remove")? },
        "rename" => {
            let path = read_path(&mut reader, "rename")?;
            let to = path.sibling(read_name(&mut reader, "to")?);
            refuse_same(&mut reader, &path, &to)?;
            MigrationAction::Move { path, to }
        }
        "move" => {
            let (path, to) = (read_path(&mut reader, "move")?, read_path(&mut reader, "to")?);
            refuse_same(&mut reader, &path, &to)?;
            MigrationAction::Move { path, to }
        }
        "convert" => {
            if reader.get("into").is_none() {
                reader.missing("into", "text, integer, number, boolean or list");
            }
            let into = reader.word("into", &CONVERT_WORDS);
            MigrationAction::Convert { path: read_path(&mut reader, "convert")?, into: into? }
        }
        "split" => {
            let path = read_path(&mut reader, "split")?;
            let separator = read_separator(&mut reader)?;
            let into: Vec<String> = reader.texts("into", PARTS_MAX).into_iter().map(str::to_owned).collect();
            let has_twice = into.iter().enumerate().any(|(i, name)| into[..i].contains(name));
            if into.len() < 2 || has_twice {
                reader.refuse(
                    "into",
                    "bad_parts",
                    "into is a list of at least two different names; write them",
                );
                return None;
            }
            MigrationAction::Split { path, separator, into }
        }
        _ => {
            let texts = reader.texts("merge", PARTS_MAX);
            let mut paths = Vec::new();
            for (i, text) in texts.into_iter().enumerate() {
                match StatePath::read(text) {
                    Ok(path) => paths.push(path),
                    Err(why) => reader.refuse_in("merge", &i.to_string(), "bad_path", why),
                }
            }
            if paths.len() < 2 {
                reader.refuse("merge", "bad_parts", "merge is a list of at least two paths; write them");
                return None;
            }
            let separator = read_separator(&mut reader)?;
            MigrationAction::Merge { paths, separator, to: read_path(&mut reader, "to")? }
        }
    };
    Some(MigrationStep { each, action })
}

fn read_path(reader: &mut ObjectReader<'_, '_>, key: &str) -> Option<StatePath> {
    if reader.get(key).is_none() {
        reader.missing(key, "a path into the state, as \"/counters/total\"");
    }
    let text = reader.text(key)?;
    StatePath::read(text).map_err(|why| reader.refuse(key, "bad_path", why)).ok()
}

fn read_name<'v>(reader: &mut ObjectReader<'v, '_>, key: &str) -> Option<&'v str> {
    if reader.get(key).is_none() {
        reader.missing(key, "the new name of the member");
    }
    reader.text(key)
}

fn read_separator(reader: &mut ObjectReader<'_, '_>) -> Option<String> {
    let separator = reader.text("separator").filter(|text| !text.is_empty()).map(str::to_owned);
    if separator.is_none() {
        reader.missing("separator", "the text between the parts, of at least one character");
    }
    separator
}

fn refuse_same(reader: &mut ObjectReader<'_, '_>, path: &StatePath, to: &StatePath) -> Option<()> {
    if to.is_within(path) {
        let message = format!("{} lies within {}; write another target", to.as_str(), path.as_str());
        reader.refuse("to", "bad_path", message);
        return None;
    }
    Some(())
}
