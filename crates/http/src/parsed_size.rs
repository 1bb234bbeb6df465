//! How much memory the values of a text need once it is parsed, estimated before it is: a few bytes of text may need
//! hundreds.

use serde_json::Value;

/// What the first member of an object needs, in bytes: a node of `BTreeMap<String, Value>` has room for 11.
const OBJECT_BYTES: usize = 640;
/// How many members that node has room for.
const NODE_MEMBERS: usize = 11;
/// What each further member needs, in bytes: a node is at least half full.
const MEMBER_BYTES: usize = 112;
/// What an array needs for its first items, in bytes.
const ARRAY_BYTES: usize = 128;
/// What an item of an array needs, in bytes: a value, and as much again for what an array grows by.
const ITEM_BYTES: usize = 64;
/// What a text needs, in bytes, beside its characters.
const TEXT_BYTES: usize = 32;
/// The deepest nesting that a parser reads.
const DEPTH_MAX: usize = 128;

/// About how many bytes the values of a JSON text occupy. Of what is no JSON it is some number; a parser refuses that.
///
/// Cost: one pass over the bytes.
pub(crate) fn of_json(text: &[u8]) -> usize {
    let mut bytes = text.len();
    // How many members each open object has. Those that are too deep are not parsed.
    let mut open = [0_usize; DEPTH_MAX];
    let mut depth = 0_usize;
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => {
                bytes += TEXT_BYTES;
                while let Some(byte) = rest.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(rest.next()),
                        _ => {}
                    }
                }
            }
            b'{' => {
                depth += 1;
                if let Some(members) = open.get_mut(depth) {
                    *members = 0;
                }
            }
            b'}' => depth = depth.saturating_sub(1),
            b':' => {
                let Some(members) = open.get_mut(depth) else { continue };
                *members += 1;
                bytes += match *members {
                    1 => OBJECT_BYTES,
                    2..=NODE_MEMBERS => 0,
                    _ => MEMBER_BYTES,
                };
            }
            b'[' => bytes += ARRAY_BYTES,
            b',' => bytes += ITEM_BYTES,
            _ => {}
        }
    }
    bytes
}

/// About how many bytes a parsed value occupies.
pub(crate) fn of_value(value: &Value) -> usize {
    let mut bytes = 0;
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        bytes += match value {
            Value::String(text) => TEXT_BYTES + text.len(),
            Value::Array(items) => {
                todo.extend(items);
                ITEM_BYTES * items.len()
            }
            Value::Object(members) => {
                todo.extend(members.values());
                let keys: usize = members.keys().map(|key| TEXT_BYTES + key.len()).sum();
                let first = if members.is_empty() { 0 } else { OBJECT_BYTES };
                keys + first + MEMBER_BYTES * members.len().saturating_sub(NODE_MEMBERS)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        };
    }
    bytes
}

/// About how many bytes the values of a YAML text occupy, without those of its aliases, which are bounded by
/// themselves. A map begins where a line is indented further than the one before, after a `-`, or with a brace.
///
/// Cost: one pass over the bytes.
pub(crate) fn of_yaml(text: &str) -> usize {
    let mut bytes = text.len();
    let mut before = 0;
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if content.is_empty() {
            continue;
        }
        let indent = line.len() - content.len();
        if indent > before || indent == 0 && content.starts_with("---") {
            bytes += OBJECT_BYTES;
        }
        before = indent;
        let mut last = b' ';
        for byte in content.bytes() {
            bytes += match (last, byte) {
                (b'-', b' ') => OBJECT_BYTES + ARRAY_BYTES,
                (_, b'{') => OBJECT_BYTES,
                (_, b'[') => ARRAY_BYTES,
                (_, b',') => ITEM_BYTES,
                (_, b':') => TEXT_BYTES + ITEM_BYTES,
                _ => 0,
            };
            last = byte;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a value needs, in bytes, without what an allocator adds.
    fn needed(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(|item| 32 + needed(item)).sum(),
            Value::Object(members) => {
                let nodes = if members.is_empty() { 0 } else { 632 * members.len().div_ceil(11) };
                nodes + members.iter().map(|(key, value)| key.len() + needed(value)).sum::<usize>()
            }
            _ => 0,
        }
    }

    #[track_caller]
    fn check(value: &Value, factor_max: usize) {
        let needed = needed(value);
        for text in [value.to_string(), format!("{value:#}")] {
            let estimated = of_json(text.as_bytes());
            assert!(estimated >= needed, "{estimated} for {needed}");
            assert!(estimated <= factor_max * needed.max(text.len()), "{estimated} for {needed}");
        }
        assert!(of_value(value) >= needed, "{} for {needed} as a value", of_value(value));
        let as_yaml = of_yaml(&value.to_string());
        assert!(as_yaml >= needed, "{as_yaml} for {needed} as YAML");
    }

    #[test]
    fn estimates_are_above_what_is_needed_and_not_far() {
        check(&Value::from(vec![json!({"": 0}); 1000]), 2);
        check(&Value::from(vec![json!([0]); 1000]), 8);
        check(&Value::from(vec![json!([]); 1000]), 8);
        check(&Value::from(vec![0; 1000]), 3);
        check(&json!({"text": "a \"quoted\" {text}: [with, commas]".repeat(100)}), 3);
        let wide: serde_json::Map<_, _> = (0..1000).map(|n| (n.to_string(), json!(n))).collect();
        check(&wide.into(), 4);
        check(&(0..100).fold(json!(0), |value, _| json!({ "": value })), 2);
    }

    #[test]
    fn what_is_no_json_is_counted_too() {
        for text in ["", "\"", "\"\\", "}}}}", "::::", &"{".repeat(1000), &"{\"a\":".repeat(1000)] {
            assert!(of_json(text.as_bytes()) >= text.len());
        }
    }

    #[test]
    fn maps_of_yaml_are_counted_however_they_are_written() {
        for (one, text) in [
            ("block", "- a: 0\n".repeat(1000)),
            ("flow", "- {a: 0}\n".repeat(1000)),
            ("below", "-\n  a: 0\n".repeat(1000)),
            ("commented", "a: #\n  b: 0\n".repeat(1000)),
            ("documents", "---\na: 0\n".repeat(1000)),
        ] {
            assert!(of_yaml(&text) >= 640_000, "{one}: {}", of_yaml(&text));
        }
        assert!(of_yaml(&"text: words and words\n".repeat(1000)) < 150_000);
    }
}
