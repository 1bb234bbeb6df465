//! Values as trees: their leaves, and one laid over another.

use std::collections::BTreeMap;

use midflight_core::JsonPointer;
use midflight_engine::Interrupted;
use serde_json::{Map, Value};

use crate::origin::Origin;
use crate::pace::Pace;

/// Which layer each leaf comes from.
pub(crate) type LeafOrigins = BTreeMap<JsonPointer, Origin>;

/// Every leaf with its place: what is no object, and objects without members. A list is one leaf.
pub(crate) fn leaves(value: &Value, at: &JsonPointer, leaf: &mut impl FnMut(JsonPointer, &Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| leaves(value, &at.key(key), leaf));
        }
        value => leaf(at.clone(), value),
    }
}

/// Everything in a value that is neither a list nor an object, with its place.
pub(crate) fn scalars(
    value: &Value,
    at: &JsonPointer,
    pace: &mut Pace<'_>,
    scalar: &mut impl FnMut(JsonPointer, &Value),
) -> Result<(), Interrupted> {
    match value {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(i, item)| scalars(item, &at.index(i), pace, scalar))
        }
        Value::Object(members) => {
            members.iter().try_for_each(|(key, value)| scalars(value, &at.key(key), pace, scalar))
        }
        value => {
            pace.step()?;
            scalar(at.clone(), value);
            Ok(())
        }
    }
}

/// How many bytes the places of everything in a value take, each written by itself, where `above` are those of the
/// value.
pub(crate) fn paths_bytes(value: &Value, above: usize, pace: &mut Pace<'_>) -> Result<usize, Interrupted> {
    pace.step()?;
    let mut total = above;
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let digits = i.checked_ilog10().unwrap_or_default() as usize + 1;
                total = total.saturating_add(paths_bytes(item, above + 1 + digits, pace)?);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let escapes = key.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count();
                total = total.saturating_add(paths_bytes(value, above + 1 + key.len() + escapes, pace)?);
            }
        }
        _ => {}
    }
    Ok(total)
}

/// Every text in a value, in lists too.
pub(crate) fn texts_of(
    value: &Value,
    at: &JsonPointer,
    pace: &mut Pace<'_>,
    text: &mut impl FnMut(JsonPointer, &str),
) -> Result<(), Interrupted> {
    scalars(value, at, pace, &mut |path, value| {
        if let Value::String(it) = value {
            text(path, it);
        }
    })
}

/// Lays `over` on `base`: members of objects one by one, everything else as a whole. A null has no value. Cost: that of
/// `over` and of what it covers, whatever else `base` has.
pub(crate) fn lay_over(
    base: &mut Value,
    over: &Value,
    at: &JsonPointer,
    origin: &Origin,
    origins: &mut LeafOrigins,
    pace: &mut Pace<'_>,
) -> Result<(), Interrupted> {
    pace.step()?;
    if base.is_null() && over.as_object().is_some_and(|over| !over.is_empty()) {
        *base = Value::Object(Map::new());
    }
    match (base, over) {
        (_, Value::Null) => {}
        // No member is set.
        (Value::Object(base), Value::Object(over)) if over.is_empty() && !base.is_empty() => {}
        (Value::Object(base), Value::Object(over)) if !over.is_empty() => {
            // It may have been a leaf without members.
            origins.remove(at);
            for (key, value) in over {
                let base = base.entry(key).or_insert(Value::Null);
                lay_over(base, value, &at.key(key), origin, origins, pace)?;
            }
        }
        (base, over) => {
            forget_under(origins, at, pace)?;
            *base = over.clone();
            leaves(over, at, &mut |path, _| drop(origins.insert(path, origin.clone())));
        }
    }
    Ok(())
}

/// Forgets the origins of a place and of all that is below it. Cost: that of what is forgotten.
pub(crate) fn forget_under(
    origins: &mut LeafOrigins,
    at: &JsonPointer,
    pace: &mut Pace<'_>,
) -> Result<(), Interrupted> {
    origins.remove(at);
    // The places under it are those that begin with it and a slash; the character after the slash is the zero.
    let [first, end] = ["/", "0"].map(|end| JsonPointer::parse(&format!("{at}{end}")));
    while let Some((path, _)) = origins.range(&first..&end).next() {
        pace.step()?;
        let path = path.clone();
        origins.remove(&path);
    }
    Ok(())
}

/// Puts a value at a place, and objects where there are none on the way. False when another value is at the place.
pub(crate) fn put(root: &mut Value, path: &JsonPointer, value: Value) -> bool {
    let mut here = root;
    for key in path.steps() {
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
pub(crate) fn take_out(root: &mut Value, path: &JsonPointer) -> bool {
    let Some((above, key)) = path.split_last() else { return false };
    let members = root.pointer_mut(above).and_then(Value::as_object_mut);
    members.is_some_and(|members| members.remove(&*key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_engine::Work;
    use serde_json::json;

    fn document_origins(paths: &[&str]) -> LeafOrigins {
        paths.iter().map(|path| (JsonPointer::parse(path), Origin::Document)).collect()
    }

    #[test]
    fn only_what_is_below_a_place_is_forgotten() {
        let work = Work::unbounded();
        let all = ["/a", "/a!", "/a-b/c", "/a/b", "/a/b/c", "/a/~1", "/a/\u{10ffff}", "/a0", "/ab", "/b"];
        let mut origins = document_origins(&all);
        forget_under(&mut origins, &JsonPointer::parse("/a"), &mut Pace::new(&work)).unwrap();
        assert_eq!(origins, document_origins(&["/a!", "/a-b/c", "/a0", "/ab", "/b"]));
        forget_under(&mut origins, &JsonPointer::root(), &mut Pace::new(&work)).unwrap();
        assert_eq!(origins, LeafOrigins::new());
    }

    #[test]
    fn the_bytes_of_all_places_are_counted() {
        let work = Work::unbounded();
        let value = json!({"a/~": {"b": vec![0; 11]}, "c": null});
        let mut places = ["/a~1~0", "/a~1~0/b", "/c"].iter().map(|it| it.len()).sum::<usize>();
        scalars(
            &value["a/~"]["b"],
            &JsonPointer::parse("/a~1~0/b"),
            &mut Pace::new(&work),
            &mut |path, _| {
                places += path.as_str().len();
            },
        )
        .unwrap();
        assert_eq!(paths_bytes(&value, 0, &mut Pace::new(&work)), Ok(places));
    }

    #[test]
    fn laying_a_large_document_takes_a_step_for_each_leaf_and_can_be_interrupted() {
        let keys = 130_000_u64;
        let over: Value = (0..keys).map(|n| (format!("k{n}"), json!(n))).collect::<Map<_, _>>().into();
        let work = Work::unbounded();
        let (mut base, mut origins) = (json!({}), LeafOrigins::new());
        let mut pace = Pace::new(&work);
        for _ in 0..2 {
            lay_over(&mut base, &over, &JsonPointer::root(), &Origin::Document, &mut origins, &mut pace)
                .unwrap();
        }
        assert_eq!((pace.steps(), origins.len() as u64), (2 * (keys + 1), keys));
        forget_under(&mut origins, &JsonPointer::root(), &mut pace).unwrap();
        assert_eq!(pace.steps(), 3 * keys + 2);
        work.cancel();
        let (mut base, mut pace) = (json!({}), Pace::new(&work));
        let laid =
            lay_over(&mut base, &over, &JsonPointer::root(), &Origin::Document, &mut origins, &mut pace);
        assert_eq!((laid, pace.steps()), (Err(Interrupted::Cancelled), 1_000));
    }

    #[test]
    fn a_layer_overrides_only_its_values() {
        let mut base = json!({"log": {"level": "info", "format": "text"}, "tags": ["a", "b"], "extra": {}, "db": null, "kept": {"n": 1}});
        let mut origins = LeafOrigins::new();
        leaves(&base, &JsonPointer::root(), &mut |path, _| drop(origins.insert(path, Origin::Default)));
        let over = json!({"log": {"level": "debug", "format": null}, "tags": ["c"], "extra": {"x/y": 1}, "db": {"host": "h"}, "kept": {}});
        let work = Work::unbounded();
        let mut pace = Pace::new(&work);
        lay_over(&mut base, &over, &JsonPointer::root(), &Origin::Document, &mut origins, &mut pace).unwrap();
        assert_eq!(
            base,
            json!({"log": {"level": "debug", "format": "text"}, "tags": ["c"], "extra": {"x/y": 1}, "db": {"host": "h"}, "kept": {"n": 1}})
        );
        let shown: Vec<_> = origins.iter().map(|(path, origin)| format!("{path} {origin}")).collect();
        assert_eq!(
            shown,
            ["/db", "/db/host", "/extra/x~1y", "/kept/n", "/log/format", "/log/level", "/tags"]
                .map(|path| format!(
                    "{path} {}",
                    if ["/log/format", "/db", "/kept/n"].contains(&path) { "default" } else { "document" }
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
        assert!(put(&mut value, &JsonPointer::root().key("b/c").key("d"), json!(2)));
        assert!(!put(&mut value, &JsonPointer::parse("/a/b"), json!(3)));
        assert_eq!(value, json!({"a": 1, "b/c": {"d": 2}}));
        assert!(take_out(&mut value, &JsonPointer::root().key("b/c").key("d")));
        assert!(!take_out(&mut value, &JsonPointer::parse("/x/y")));
        assert_eq!(value, json!({"a": 1, "b/c": {}}));
    }
}
