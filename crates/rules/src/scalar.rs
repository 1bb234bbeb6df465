//! Scalars: the constants and inputs that have no parts, and the words for JSON's types.

use std::fmt;
use std::sync::Arc;

use midflight_core::JsonType;
use serde_json::Value;

use crate::number::Exact;

/// A value without parts, typed and ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    Number(Exact),
    Text(Arc<str>),
}

impl Scalar {
    /// The scalar that `value` is; none for arrays and objects.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(boolean) => Some(Self::Boolean(*boolean)),
            Value::Number(number) => Some(Self::Number(Exact::of(number))),
            Value::String(text) => Some(Self::Text(text.as_str().into())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> JsonType {
        match self {
            Self::Null => JsonType::Null,
            Self::Boolean(_) => JsonType::Boolean,
            Self::Number(_) => JsonType::Number,
            Self::Text(_) => JsonType::Text,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(boolean) => Value::Bool(*boolean),
            Self::Number(number) => number.to_json(),
            Self::Text(text) => Value::String(text.to_string()),
        }
    }

    /// The order of this relative to a value of its own type; none for another type.
    pub(crate) fn compare(&self, value: &Value) -> Option<std::cmp::Ordering> {
        match (self, value) {
            (Self::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
            (Self::Boolean(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Number(a), Value::Number(b)) => Some(a.cmp(&Exact::of(b))),
            (Self::Text(a), Value::String(b)) => Some(a.as_ref().cmp(b.as_str())),
            _ => None,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

/// Whether two values are the same value, numbers by value at every depth.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Exact::of(a) == Exact::of(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sameness_is_by_value_and_by_type() {
        assert!(same(&json!([1, {"a": 2.0}]), &json!([1.0, {"a": 2}])));
        assert!(!same(&json!([1]), &json!(["1"])));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 1})));
        assert!(!same(&json!(1), &json!(true)));
    }

    #[test]
    fn scalars_compare_with_their_own_type_only() {
        let thirty_five = Scalar::of(&json!(35)).unwrap();
        assert_eq!(thirty_five.compare(&json!("35")), None);
        assert_eq!(thirty_five.compare(&json!(35.0)), Some(std::cmp::Ordering::Equal));
        assert_eq!(Scalar::of(&json!([])), None);
        assert_eq!(Scalar::Text("a".into()).to_string(), "\"a\"");
    }
}
