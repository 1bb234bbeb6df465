//! Takes members of the rule engine's objects over into documents, under their names there and here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use midflight_core::{JsonPointer, Problem, Problems};
use serde_json::{Map, Value};

use midflight_core::clip;

/// What is found on the way.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What cannot be taken over.
    pub(super) problems: Problems,
    /// What is written otherwise than the file has it, and why.
    pub(super) notices: Vec<String>,
}

/// A text, or a number written out; none for anything else.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of `keys` that is there, and not null.
pub(super) fn first<'a>(from: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| from.get(key).filter(|value| !value.is_null()))
}

/// Copies the first of `keys` that is there, and not null, to the member `to`.
pub(super) fn take(from: &Value, keys: &[&str], to: &str, out: &mut Map<String, Value>) {
    if let Some(value) = first(from, keys) {
        out.insert(to.to_owned(), value.clone());
    }
}

/// The same for a member that is a text here: a number is written out.
pub(super) fn take_text(from: &Value, keys: &[&str], to: &str, out: &mut Map<String, Value>) {
    if let Some(value) = first(from, keys) {
        let value = text_of(value).map_or_else(|| value.clone(), Value::String);
        out.insert(to.to_owned(), value);
    }
}

/// Copies the tags, of which each is a text here.
pub(super) fn take_tags(from: &Value, out: &mut Map<String, Value>) {
    let text = |value: &Value| Value::String(text_of(value).unwrap_or_else(|| value.to_string()));
    let tags: Vec<_> = match first(from, &["tags"]) {
        None => return,
        Some(Value::Array(tags)) => tags.iter().map(text).collect(),
        Some(tag) => vec![text(tag)],
    };
    out.insert("tags".to_owned(), Value::Array(tags));
}

/// The members that are there, are not null and have no meaning here.
pub(super) fn unread(from: &Value, read: &[&str]) -> Map<String, Value> {
    let members = from.as_object().into_iter().flatten();
    let unread = members.filter(|(key, value)| !read.contains(&key.as_str()) && !value.is_null());
    unread.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Copies the metadata, and adds the members that have no meaning here. `of` names the item, as `rule R1`.
pub(super) fn take_metadata(
    from: &Value,
    unread: Map<String, Value>,
    of: &str,
    out: &mut Map<String, Value>,
    notices: &mut Vec<String>,
) {
    let mut metadata = match first(from, &["metadata"]) {
        None => Map::new(),
        Some(Value::Object(members)) => members.clone(),
        Some(other) => [("metadata".to_owned(), other.clone())].into_iter().collect(),
    };
    let (actions, others): (Vec<_>, Vec<_>) =
        unread.keys().map(String::as_str).partition(|key| *key == "actions");
    if !actions.is_empty() {
        notices.push(format!("{of}: its actions are kept in its metadata; they are not executed"));
    }
    if !others.is_empty() {
        let others = others.join(", ");
        notices.push(format!("{of}: {others}: no meaning here; kept in its metadata"));
    }
    for (mut key, value) in unread {
        while metadata.contains_key(&key) {
            key.push('_');
        }
        metadata.insert(key, value);
    }
    if !metadata.is_empty() {
        out.insert("metadata".to_owned(), Value::Object(metadata));
    }
}

/// The items of the list `key`, which has to be there.
pub(super) fn list<'a>(file: &'a Value, key: &str, problems: &mut Problems) -> &'a [Value] {
    match file.get(key) {
        Some(Value::Array(items)) => items,
        found => {
            let code = if found.is_none() { "missing_field" } else { "wrong_type" };
            let message = format!("write {key}: a list");
            problems.add(Problem::new(code, JsonPointer::root().key(key), message));
            &[]
        }
    }
}

/// Adds a document, or the problem that its id is taken.
pub(super) fn add(
    documents: &mut BTreeMap<String, Value>,
    name: String,
    body: Map<String, Value>,
    place: &JsonPointer,
    problems: &mut Problems,
) {
    match documents.entry(name) {
        Entry::Vacant(free) => {
            free.insert(Value::Object(body));
        }
        Entry::Occupied(taken) => {
            let message = format!("duplicate id {:?}; give one of them another id", clip(taken.key()));
            problems.add(Problem::new("duplicate_id", place.clone(), message));
        }
    }
}
