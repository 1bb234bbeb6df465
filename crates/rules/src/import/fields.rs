//! Takes members of the original's objects over into documents, under their names there and here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use midflight_core::{Pointer, Problem, Problems};
use serde_json::{Map, Value};

use midflight_core::clip;

/// A text, or a number written out; none for anything else.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Copies the first of `keys` that is there, and not null, to the member `to`.
pub(super) fn take(from: &Value, keys: &[&str], to: &str, out: &mut Map<String, Value>) {
    let found = keys.iter().find_map(|key| from.get(key).filter(|value| !value.is_null()));
    if let Some(value) = found {
        out.insert(to.to_owned(), value.clone());
    }
}

/// The items of the list `key`, which has to be there.
pub(super) fn list<'a>(file: &'a Value, key: &str, problems: &mut Problems) -> &'a [Value] {
    match file.get(key) {
        Some(Value::Array(items)) => items,
        found => {
            let code = if found.is_none() { "missing_field" } else { "wrong_type" };
            let message = format!("write {key}: a list");
            problems.add(Problem::new(code, Pointer::root().key(key), message));
            &[]
        }
    }
}

/// Adds a document, or the problem that its id is taken.
pub(super) fn add(
    documents: &mut BTreeMap<String, Value>,
    name: String,
    body: Map<String, Value>,
    place: &Pointer,
    problems: &mut Problems,
) {
    match documents.entry(name) {
        Entry::Vacant(free) => {
            free.insert(Value::Object(body));
        }
        Entry::Occupied(taken) => {
            let message = format!("{:?} is there twice; give one of them another id", clip(taken.key()));
            problems.add(Problem::new("duplicate_id", place.clone(), message));
        }
    }
}
