//! From a value to a type of serde's, with every problem on the way and not only the first.

use midflight_core::{JsonPointer, Problem, Problems, hint};
use midflight_engine::Interrupted;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::keys::KeyDeclarations;
use crate::layered_value::LayeredValue;
use crate::pace::Pace;
use crate::tree::{put, take_out};

/// How many problems of one value are looked for.
const PROBLEMS_MAX: usize = 50;

/// Reads the value of a draft as a `T`. Keys that the type does not have are refused, with or without
/// `deny_unknown_fields`.
pub(crate) fn parse<T: DeserializeOwned>(
    draft: &mut LayeredValue,
    defaults: &Value,
    keys: &KeyDeclarations,
    pace: &mut Pace<'_>,
) -> Result<Result<T, Problems>, Interrupted> {
    Ok(match parse_mended(draft, defaults, keys, pace)? {
        (Some(parsed), problems) => problems.or(parsed),
        (None, problems) => Err(problems),
    })
}

/// The same, with the value where all that does not fit is replaced by its default or left out; none when that does not
/// help either.
pub(crate) fn parse_mended<T: DeserializeOwned>(
    draft: &mut LayeredValue,
    defaults: &Value,
    keys: &KeyDeclarations,
    pace: &mut Pace<'_>,
) -> Result<(Option<T>, Problems), Interrupted> {
    let mut problems = Problems::default();
    // A copy that is corrected where it does not fit, so that further errors show too.
    let mut mended = draft.value.clone();
    for _ in 0..PROBLEMS_MAX {
        pace.long_step()?;
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mended, &mut track);
        let parsed = serde_ignored::deserialize(tracked, |path| unknown.push(pointer_of(&path)));
        match parsed {
            Ok(parsed) => {
                for path in unknown {
                    pace.step()?;
                    // Past the bound it is only counted; its text would be made for nothing.
                    problems.add(match problems.count() < Problems::LISTED_MAX {
                        true => unknown_key(path, defaults, &[]),
                        false => Problem::new("unknown_key", path, ""),
                    });
                }
                return Ok((Some(parsed), problems));
            }
            Err(error) => {
                let path = JsonPointer::from(&track.path());
                let output = serde_json::Error::to_string(&error);
                if let Some(text) = draft.texts.remove(&path) {
                    // It looked like a number, and a text belongs there.
                    put(&mut mended, &path, Value::String(text.clone()));
                    put(&mut draft.value, &path, Value::String(text));
                    continue;
                }
                let (problem, repair) = problem(&path, &output, draft, defaults, keys);
                problems.add(problem);
                if !correct(&mut mended, &repair, defaults) {
                    break;
                }
            }
        }
    }
    Ok((None, problems))
}

/// What serde reports, in our words, and the place to correct.
fn problem(
    path: &JsonPointer,
    output: &str,
    draft: &LayeredValue,
    defaults: &Value,
    keys: &KeyDeclarations,
) -> (Problem, JsonPointer) {
    if let Some(rest) = output.strip_prefix("unknown field `") {
        let key = rest.split('`').next().unwrap_or_default();
        let known: Vec<_> = rest.split('`').skip(1).collect();
        let known: Vec<_> = known.iter().skip(1).step_by(2).copied().collect();
        let is_there = path.as_str().rsplit('/').next() == Some(key);
        let path = if is_there { path.clone() } else { path.key(key) };
        return (unknown_key(path.clone(), defaults, &known), path);
    }
    if let Some(rest) = output.strip_prefix("missing field `") {
        let key = rest.split('`').next().unwrap_or_default();
        let missing = path.key(key);
        let message = format!("{key} is missing; it has no default");
        return (Problem::new("missing_key", missing, message), path.clone());
    }
    let message = match draft.is_hidden(path, keys) {
        // The message of serde quotes the value.
        true => match output.rsplit_once(", expected ") {
            Some((_, expected)) => format!("invalid value: expected {expected}"),
            None => "invalid value".to_owned(),
        },
        false => output.to_owned(),
    };
    (draft.with_origin(Problem::new("invalid_value", path.clone(), message)), path.clone())
}

fn unknown_key(path: JsonPointer, defaults: &Value, known: &[&str]) -> Problem {
    let (above, key) = path.split_last().unwrap_or_default();
    let defaults = defaults.pointer(above).and_then(Value::as_object);
    let siblings = defaults.into_iter().flat_map(|members| members.keys().map(String::as_str));
    let hint = hint(&key, siblings.chain(known.iter().copied()));
    let message = format!("unknown key {key:?}{hint}");
    Problem::new("unknown_key", path, message)
}

/// Puts the default where something does not fit, or takes it out. False when that changes nothing.
fn correct(value: &mut Value, path: &JsonPointer, defaults: &Value) -> bool {
    let is = value.pointer(path.as_str());
    match defaults.pointer(path.as_str()).filter(|default| Some(*default) != is) {
        Some(default) => put(value, path, default.clone()),
        None => take_out(value, path),
    }
}

fn pointer_of(path: &serde_ignored::Path<'_>) -> JsonPointer {
    use serde_ignored::Path;
    match path {
        Path::Root => JsonPointer::root(),
        Path::Seq { parent, index } => pointer_of(parent).index(*index),
        Path::Map { parent, key } => pointer_of(parent).key(key),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            pointer_of(parent)
        }
    }
}
