//! Attributes: dotted paths into the data that a ruleset is executed on.

use serde_json::Value;

use crate::limits::ATTRIBUTE_BYTES_MAX;
use midflight_core::clip;

/// A dotted path, as `customer.orders.0.total`.
///
/// Each part goes one level down: into an object by key, into an array by position counted from 0. A key that itself
/// has a dot cannot be reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    text: Box<str>,
    /// Whether the path has more than one part.
    dotted: bool,
}

impl Attribute {
    /// Checks the path.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > ATTRIBUTE_BYTES_MAX {
            return Err(format!("an attribute has at most {ATTRIBUTE_BYTES_MAX} bytes; shorten it"));
        }
        let bad = |part: &str| part.is_empty() || part.trim() != part;
        let dotted = text.contains('.');
        if (dotted && text.split('.').any(bad)) || bad(text) {
            let shown = clip(text);
            return Err(format!(
                "invalid path {shown:?}: expected names joined by dots, as customer.age, without spaces \
                 around them"
            ));
        }
        Ok(Self { text: text.into(), dotted })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value at this path, if there is one.
    pub(crate) fn find<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        if !self.dotted {
            return step(data, &self.text);
        }
        self.text.split('.').try_fold(data, step)
    }
}

fn step<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
            items.get(part.parse::<usize>().ok()?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_through_objects_and_arrays() {
        let data = json!({"a": {"b": [10, {"c": 20}]}, "d": null, "a.b": 1});
        let find = |path: &str| Attribute::new(path).unwrap().find(&data).cloned();
        assert_eq!(find("a.b.0"), Some(json!(10)));
        assert_eq!(find("a.b.1.c"), Some(json!(20)));
        assert_eq!(find("d"), Some(Value::Null));
        assert_eq!(find("a.b.2"), None);
        assert_eq!(find("a.b.+1"), None);
        assert_eq!(find("a.b.99999999999999999999"), None);
        assert_eq!(find("d.x"), None);
    }

    #[test]
    fn bad_paths_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", " a", "a. b", &"x".repeat(ATTRIBUTE_BYTES_MAX + 1)] {
            assert!(Attribute::new(text).is_err(), "{text:?}");
        }
    }
}
