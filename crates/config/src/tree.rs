//! Values as trees: their leaves, and one laid over another.

use std::collections::BTreeMap;

use midflight_core::Pointer;
use serde_json::{Map, Value};

use crate::keys::is_under;
use crate::origin::Origin;

/// Which layer each leaf comes from.
pub(crate) type Origins = BTreeMap<Pointer, Origin>;

/// Every leaf with its place: what is no object, and objects without members. A list is one leaf.
pub(crate) fn leaves(value: &Value, at: &Pointer, leaf: &mut impl FnMut(Pointer, &Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| leaves(value, &at.key(key), leaf));
        }
        value => leaf(at.clone(), value),
    }
}

/// Lays `over` on `base`: members of objects one by one, everything else as a whole. A null says nothing.
pub(crate) fn lay_over(base: &mut Value, over: &Value, at: &Pointer, origin: &Origin, origins: &mut Origins) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Object(base), Value::Object(over)) if !over.is_empty() => {
            // It may have been a leaf without members.
            origins.remove(at);
            for (key, value) in over {
                let base = base.entry(key).or_insert(Value::Null);
                lay_over(base, value, &at.key(key), origin, origins);
            }
        }
        (base @ Value::Null, Value::Object(over)) if !over.is_empty() => {
            *base = Value::Object(Map::new());
            lay_over(base, &Value::Object(over.clone()), at, origin, origins);
        }
        (base, over) => {
            origins.retain(|path, _| !is_under(path, at));
            *base = over.clone();
            leaves(over, at, &mut |path, _| drop(origins.insert(path, origin.clone())));
        }
    }
}

/// Puts a value at a place, and objects where there are none on the way. False when something else is in the way.
pub(crate) fn put(root: &mut Value, path: &Pointer, value: Value) -> bool {
    let mut here = root;
    for key in keys_of(path) {
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        let Value::Object(members) = here else { return false };
        here = members.entry(key).or_insert(Value::Null);
    }
    *here = value;
    true
}

/// Takes a place out of an object. False when there is none.
pub(crate) fn take_out(root: &mut Value, path: &Pointer) -> bool {
    let Some((above, key)) = path.as_str().rsplit_once('/') else { return false };
    let members = root.pointer_mut(above).and_then(Value::as_object_mut);
    members.is_some_and(|members| members.remove(&unescape(key)).is_some())
}

/// The keys on the way to a place.
pub(crate) fn keys_of(path: &Pointer) -> impl Iterator<Item = String> {
    path.as_str().split('/').skip(1).map(unescape)
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_layer_covers_what_it_says_and_nothing_else() {
        let mut base =
            json!({"log": {"level": "info", "format": "text"}, "tags": ["a", "b"], "extra": {}, "db": null});
        let mut origins = Origins::new();
        leaves(&base, &Pointer::root(), &mut |path, _| drop(origins.insert(path, Origin::Default)));
        let over = json!({"log": {"level": "debug", "format": null}, "tags": ["c"], "extra": {"x/y": 1}, "db": {"host": "h"}});
        lay_over(&mut base, &over, &Pointer::root(), &Origin::Document, &mut origins);
        assert_eq!(
            base,
            json!({"log": {"level": "debug", "format": "text"}, "tags": ["c"], "extra": {"x/y": 1}, "db": {"host": "h"}})
        );
        let shown: Vec<_> = origins.iter().map(|(path, origin)| format!("{path} {origin}")).collect();
        assert_eq!(
            shown,
            ["/db", "/db/host", "/extra/x~1y", "/log/format", "/log/level", "/tags"]
                .map(|path| format!(
                    "{path} {}",
                    if path == "/log/format" || path == "/db" { "default" } else { "document" }
                ))
                .iter()
                .filter(|line| *line != "/db default")
                .cloned()
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn places_are_made_and_taken_out() {
        let mut value = json!({"a": 1});
        assert!(put(&mut value, &Pointer::root().key("b/c").key("d"), json!(2)));
        assert!(!put(&mut value, &Pointer::parse("/a/b"), json!(3)));
        assert_eq!(value, json!({"a": 1, "b/c": {"d": 2}}));
        assert!(take_out(&mut value, &Pointer::root().key("b/c").key("d")));
        assert!(!take_out(&mut value, &Pointer::parse("/x/y")));
        assert_eq!(value, json!({"a": 1, "b/c": {}}));
    }
}
