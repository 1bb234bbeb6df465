//! The difference between two JSON values as a JSON Patch (RFC 6902), with a bound on the work and on its size.
//!
//! Comparing costs time linear in the values, whatever they are: arrays are compared without what is equal at their
//! beginning and at their end, and then item by item. A value with one item put in or taken out makes one operation;
//! one that is rearranged makes more of them than would be necessary.

use serde_json::{Number, Value};

use crate::digest::EXACT_F64;
use crate::{JsonPath, JsonPointer};

/// What a patch may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchBounds {
    /// How many values may be compared with each other. What is not compared any more is replaced as a whole.
    pub nodes_max: usize,
    /// How long the operations may be together as JSON, in bytes.
    pub bytes_max: usize,
}

/// One operation of a patch.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchOp {
    /// Puts a member into an object, or an item before that place of an array.
    Add(JsonPointer, Value),
    /// Takes a member or an item out.
    Remove(JsonPointer),
    /// Puts another value in place of what is there.
    Replace(JsonPointer, Value),
}

/// A patch that leads from `old` to `new`; none when it would be longer than `bytes_max`.
#[must_use]
pub fn patch(old: &Value, new: &Value, bounds: PatchBounds) -> Option<Vec<PatchOp>> {
    let mut differ =
        Differ { ops: Vec::new(), bytes: 0, bytes_max: bounds.bytes_max, nodes: bounds.nodes_max };
    match differ.compare(old, new, &JsonPath::Root) {
        Ok(()) => Some(differ.ops),
        Err(TooLong) => None,
    }
}

/// How long a value is as JSON, in bytes, counted up to `max`. Keys and texts are counted as they are when nothing in
/// them needs an escape.
#[must_use]
pub fn json_bytes(value: &Value, max: usize) -> usize {
    let mut bytes = 0_usize;
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        bytes += match value {
            Value::Null => 4,
            Value::Bool(truth) => {
                if *truth {
                    4
                } else {
                    5
                }
            }
            Value::Number(number) => digits(number),
            Value::String(text) => text.len() + 2,
            Value::Array(items) => {
                todo.extend(items);
                items.len() + 2
            }
            Value::Object(members) => {
                todo.extend(members.values());
                members.keys().map(|key| key.len() + 4).sum::<usize>() + 2
            }
        };
        if bytes > max {
            break;
        }
    }
    bytes
}

fn digits(number: &Number) -> usize {
    match number.as_u64() {
        Some(number) => number.checked_ilog10().map_or(1, |log| log as usize + 1),
        None => number.to_string().len(),
    }
}

/// What an operation is long beside its path and its value: `{"op":"replace","path":"","value":}` and a comma.
const OP_BYTES: usize = 36;

struct TooLong;

struct Differ {
    ops: Vec<PatchOp>,
    bytes: usize,
    bytes_max: usize,
    /// How many values may still be compared.
    nodes: usize,
}

impl Differ {
    fn compare(&mut self, old: &Value, new: &Value, at: &JsonPath<'_>) -> Result<(), TooLong> {
        if self.nodes == 0 {
            return self.replace(at, new);
        }
        self.nodes -= 1;
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, value) in old {
                    match new.get(key) {
                        Some(other) => self.compare(value, other, &at.key(key))?,
                        None => self.push(PatchOp::Remove(at.key(key).pointer()))?,
                    }
                }
                for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                    self.add(&at.key(key), value)?;
                }
                Ok(())
            }
            (Value::Array(old), Value::Array(new)) => self.compare_items(old, new, at),
            (old, new) if scalars_equal(old, new) => Ok(()),
            _ => self.replace(at, new),
        }
    }

    fn compare_items(&mut self, old: &[Value], new: &[Value], at: &JsonPath<'_>) -> Result<(), TooLong> {
        let shorter = old.len().min(new.len());
        let equal = |place: usize, differ: &mut Self| differ.is_equal(&old[place], &new[place]);
        let mut start = 0;
        while start < shorter && equal(start, self) {
            start += 1;
        }
        let mut end = 0;
        while end < shorter - start && self.is_equal(&old[old.len() - 1 - end], &new[new.len() - 1 - end]) {
            end += 1;
        }
        let (left, right) = (&old[start..old.len() - end], &new[start..new.len() - end]);
        let both = left.len().min(right.len());
        for place in 0..both {
            self.compare(&left[place], &right[place], &at.index(start + place))?;
        }
        // From the end, so that the places of those before stay right.
        for place in (both..left.len()).rev() {
            self.push(PatchOp::Remove(at.index(start + place).pointer()))?;
        }
        for (place, value) in right.iter().enumerate().skip(both) {
            self.add(&at.index(start + place), value)?;
        }
        Ok(())
    }

    /// Whether two values are equal; what cannot be compared any more is not.
    fn is_equal(&mut self, old: &Value, new: &Value) -> bool {
        let mut todo = vec![(old, new)];
        while let Some((old, new)) = todo.pop() {
            if self.nodes == 0 {
                return false;
            }
            self.nodes -= 1;
            let is_equal = match (old, new) {
                (Value::Array(old), Value::Array(new)) => {
                    todo.extend(old.iter().zip(new));
                    old.len() == new.len()
                }
                (Value::Object(old), Value::Object(new)) => {
                    todo.extend(old.values().zip(new.values()));
                    old.len() == new.len() && old.keys().eq(new.keys())
                }
                (old, new) => scalars_equal(old, new),
            };
            if !is_equal {
                return false;
            }
        }
        true
    }

    fn add(&mut self, at: &JsonPath<'_>, value: &Value) -> Result<(), TooLong> {
        self.fits(value)?;
        self.push(PatchOp::Add(at.pointer(), value.clone()))
    }

    fn replace(&mut self, at: &JsonPath<'_>, value: &Value) -> Result<(), TooLong> {
        self.fits(value)?;
        self.push(PatchOp::Replace(at.pointer(), value.clone()))
    }

    /// Counts a value before it is copied.
    fn fits(&mut self, value: &Value) -> Result<(), TooLong> {
        let left = self.bytes_max.saturating_sub(self.bytes);
        self.bytes += json_bytes(value, left);
        if self.bytes > self.bytes_max { Err(TooLong) } else { Ok(()) }
    }

    fn push(&mut self, op: PatchOp) -> Result<(), TooLong> {
        let (PatchOp::Add(at, _) | PatchOp::Remove(at) | PatchOp::Replace(at, _)) = &op;
        self.bytes += OP_BYTES + at.as_str().len();
        if self.bytes > self.bytes_max {
            return Err(TooLong);
        }
        self.ops.push(op);
        Ok(())
    }
}

/// Whether two values without parts are equal. Two containers are not.
fn scalars_equal(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(old), Value::Bool(new)) => old == new,
        (Value::Number(old), Value::Number(new)) => numbers_equal(old, new),
        (Value::String(old), Value::String(new)) => old == new,
        _ => false,
    }
}

/// As documents are compared: 1 and 1.0 are the same number.
fn numbers_equal(old: &Number, new: &Number) -> bool {
    let same = |old: f64, new: f64| old == new && old.abs() < EXACT_F64;
    old == new
        || old.is_f64() != new.is_f64() && old.as_f64().zip(new.as_f64()).is_some_and(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const WIDE: PatchBounds = PatchBounds { nodes_max: 1 << 20, bytes_max: 1 << 20 };

    /// Applies a patch as defined by RFC 6902.
    fn applied(mut value: Value, ops: &[PatchOp]) -> Value {
        for op in ops {
            let (PatchOp::Add(at, _) | PatchOp::Remove(at) | PatchOp::Replace(at, _)) = op;
            let Some((above, key)) = at.split_last() else {
                let PatchOp::Replace(_, new) = op else { panic!("only a replace is of the root") };
                value = new.clone();
                continue;
            };
            match (value.pointer_mut(above).unwrap(), op) {
                (Value::Object(members), PatchOp::Add(_, new) | PatchOp::Replace(_, new)) => {
                    members.insert(key.into_owned(), new.clone());
                }
                (Value::Object(members), PatchOp::Remove(_)) => drop(members.remove(&*key).unwrap()),
                (Value::Array(items), PatchOp::Add(_, new)) => {
                    items.insert(key.parse().unwrap(), new.clone())
                }
                (Value::Array(items), PatchOp::Remove(_)) => drop(items.remove(key.parse().unwrap())),
                (Value::Array(items), PatchOp::Replace(_, new)) => {
                    items[key.parse::<usize>().unwrap()] = new.clone();
                }
                _ => panic!("{at} is in no container"),
            }
        }
        value
    }

    #[track_caller]
    fn check(old: Value, new: Value, expected: &[PatchOp]) {
        assert_eq!(patch(&old, &new, WIDE).unwrap(), expected, "{old} to {new}");
    }

    fn at(path: &str) -> JsonPointer {
        JsonPointer::parse(path)
    }

    #[test]
    fn one_edit_is_one_operation() {
        check(json!({"a": 1}), json!({"a": 1}), &[]);
        check(json!({"a": [1, 2]}), json!({"a": [1, 3]}), &[PatchOp::Replace(at("/a/1"), json!(3))]);
        check(json!([1, 2, 3, 4]), json!([1, 2, 9, 3, 4]), &[PatchOp::Add(at("/2"), json!(9))]);
        check(json!([1, 2, 3, 4]), json!([1, 4]), &[PatchOp::Remove(at("/2")), PatchOp::Remove(at("/1"))]);
        check(
            json!({"a/b": {"x": 1, "y": 2}}),
            json!({"a/b": {"x": 1, "z": 2}}),
            &[PatchOp::Remove(at("/a~1b/y")), PatchOp::Add(at("/a~1b/z"), json!(2))],
        );
        check(json!(null), json!({"a": 1}), &[PatchOp::Replace(at(""), json!({"a": 1}))]);
        check(json!({"a": 1.0}), json!({"a": 1}), &[]);
    }

    #[test]
    fn what_is_not_compared_any_more_is_replaced_as_a_whole() {
        let (old, new) = (json!({"a": [1, 2, 3], "b": [1, 2, 3]}), json!({"a": [1, 2, 3], "b": [1, 2, 4]}));
        let ops = patch(&old, &new, PatchBounds { nodes_max: 5, ..WIDE }).unwrap();
        assert_eq!(ops, [PatchOp::Replace(at("/b"), json!([1, 2, 4]))]);
        let ops = patch(&old, &new, PatchBounds { nodes_max: 0, ..WIDE }).unwrap();
        assert_eq!(ops, [PatchOp::Replace(at(""), new)]);
    }

    #[test]
    fn a_patch_past_its_bound_is_none() {
        let long = json!({"a": "x".repeat(100)});
        assert_eq!(patch(&json!({}), &long, PatchBounds { bytes_max: 100, ..WIDE }), None);
        assert!(patch(&json!({}), &long, PatchBounds { bytes_max: 200, ..WIDE }).is_some());
        let (zeros, ones) = (json!(vec![0; 10_000]), json!(vec![1; 10_000]));
        assert_eq!(patch(&zeros, &ones, PatchBounds { bytes_max: 10_000, ..WIDE }), None);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4_u8).prop_map(Value::from),
            "[a/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-c/~]{1,2}", inner, 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_leads_from_one_value_to_the_other(
            old in any_value(), new in any_value(), nodes_max in 0..200_usize,
        ) {
            let ops = patch(&old, &new, PatchBounds { nodes_max, ..WIDE }).unwrap();
            prop_assert_eq!(applied(old, &ops), new);
        }

        #[test]
        fn the_bytes_of_a_value_are_counted(value in any_value()) {
            let written = value.to_string().len();
            let counted = json_bytes(&value, usize::MAX);
            prop_assert!(counted >= written && counted <= 2 * written, "{counted} {written}");
            prop_assert!(json_bytes(&value, 0) <= counted);
        }
    }
}
