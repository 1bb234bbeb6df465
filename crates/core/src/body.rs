//! Bounds that hold for the body of every document, whatever its kind.

use serde_json::Value;

use crate::{JsonPointer, Problem, Problems};

/// The deepest nesting of arrays and objects in a body. Deeper ones are refused before any code recurses into them.
pub const BODY_DEPTH_MAX: usize = 64;

/// The problems of a body that no kind could accept: not an object, or nested too deep.
#[must_use]
pub fn check_body(body: &Value) -> Problems {
    let mut problems = Problems::default();
    if !body.is_object() {
        let found = type_word(body);
        problems.add(Problem::new(
            "wrong_type",
            JsonPointer::root(),
            format!("a body is an object, not {found}"),
        ));
    } else if let Some(path) = too_deep(body) {
        let message = format!("nested deeper than {BODY_DEPTH_MAX} levels; flatten it");
        problems.add(Problem::new("too_deep", path, message));
    }
    problems
}

/// The word for a value's JSON type, with its article.
pub(crate) fn type_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The path of a value at the forbidden depth. Iterative, since the point is not to overflow a stack. Nearly every body
/// has none, so paths are made only where there is one.
fn too_deep(body: &Value) -> Option<JsonPointer> {
    let mut todo = vec![(body, 0)];
    while let Some((value, depth)) = todo.pop() {
        if depth > BODY_DEPTH_MAX {
            return deep_path(body);
        }
        match value {
            Value::Array(items) => {
                todo.extend(items.iter().filter(is_container).map(|item| (item, depth + 1)))
            }
            Value::Object(members) => {
                todo.extend(members.values().filter(is_container).map(|member| (member, depth + 1)));
            }
            _ => {}
        }
    }
    None
}

fn deep_path(body: &Value) -> Option<JsonPointer> {
    let mut todo = vec![(body, JsonPointer::root(), 0)];
    while let Some((value, path, depth)) = todo.pop() {
        if depth > BODY_DEPTH_MAX {
            return Some(path);
        }
        match value {
            Value::Array(items) => {
                let nested = items.iter().enumerate().filter(|(_, item)| is_container(item));
                todo.extend(nested.map(|(i, item)| (item, path.index(i), depth + 1)));
            }
            Value::Object(members) => {
                let nested = members.iter().filter(|(_, member)| is_container(member));
                todo.extend(nested.map(|(key, member)| (member, path.key(key), depth + 1)));
            }
            _ => {}
        }
    }
    None
}

fn is_container(value: &&Value) -> bool {
    value.is_array() || value.is_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_objects_of_a_bounded_depth_are_bodies() {
        assert!(check_body(&json!({"a": [1]})).is_empty());
        assert_eq!(check_body(&json!([1])).to_string(), "at the root: a body is an object, not an array");
        let deep = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(check_body(&deep(BODY_DEPTH_MAX)).is_empty());
        let problems = check_body(&deep(BODY_DEPTH_MAX + 1));
        assert_eq!(problems.iter().next().unwrap().code, "too_deep");
    }
}
