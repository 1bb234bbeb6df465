//! Conversions of one value into another type. Each either keeps the meaning or fails.

use midflight_core::JsonType;
use serde_json::Value;

/// What a value is converted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvertTo {
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An array with the value as its only item.
    List,
}

/// The words for them in a manifest.
pub(crate) const CONVERT_WORDS: [(&str, ConvertTo); 5] = [
    ("text", ConvertTo::Text),
    ("integer", ConvertTo::Integer),
    ("number", ConvertTo::Number),
    ("boolean", ConvertTo::Boolean),
    ("list", ConvertTo::List),
];

/// Converts a value.
///
/// # Errors
/// Why it has no equivalent of that type.
pub(crate) fn convert(value: &Value, into: ConvertTo) -> Result<Value, String> {
    let converted = match (into, value) {
        (ConvertTo::List, Value::Array(_)) => Some(value.clone()),
        (ConvertTo::List, value) => Some(Value::Array(vec![value.clone()])),
        (ConvertTo::Text, Value::String(_)) => Some(value.clone()),
        (ConvertTo::Text, Value::Number(number)) => Some(Value::String(number.to_string())),
        (ConvertTo::Text, Value::Bool(boolean)) => Some(Value::String(boolean.to_string())),
        (ConvertTo::Integer, Value::Bool(boolean)) => Some(Value::from(u8::from(*boolean))),
        (ConvertTo::Integer, Value::Number(_)) => integer(value),
        (ConvertTo::Integer, Value::String(text)) => {
            text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
        }
        (ConvertTo::Number, Value::Number(_)) => Some(value.clone()),
        (ConvertTo::Number, Value::String(text)) => {
            integer_text(text).or_else(|| text.parse::<f64>().ok().and_then(float))
        }
        (ConvertTo::Boolean, Value::Bool(_)) => Some(value.clone()),
        (ConvertTo::Boolean, Value::String(text)) => text.parse::<bool>().map(Value::Bool).ok(),
        (ConvertTo::Boolean, Value::Number(number)) => match number.as_u64() {
            Some(0) => Some(Value::Bool(false)),
            Some(1) => Some(Value::Bool(true)),
            _ => None,
        },
        _ => None,
    };
    converted.ok_or_else(|| {
        let word = CONVERT_WORDS.iter().find(|(_, target)| *target == into).map_or("", |(word, _)| *word);
        format!("{} has no equivalent of the type {word}", JsonType::of(value).word())
    })
}

fn integer(value: &Value) -> Option<Value> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if value.is_i64() || value.is_u64() {
        return Some(value.clone());
    }
    let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT_MAX)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds of both")]
    let integer = float as i64;
    Some(Value::from(integer))
}

fn integer_text(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).ok()
}

fn float(float: f64) -> Option<Value> {
    serde_json::Number::from_f64(float).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conversion_keeps_the_meaning_or_fails() {
        let table = [
            (json!(7), ConvertTo::Text, Some(json!("7"))),
            (json!("7"), ConvertTo::Integer, Some(json!(7))),
            (json!("18446744073709551615"), ConvertTo::Integer, Some(json!(u64::MAX))),
            (json!("7.5"), ConvertTo::Integer, None),
            (json!(7.0), ConvertTo::Integer, Some(json!(7))),
            (json!(7.5), ConvertTo::Integer, None),
            (json!(1e300), ConvertTo::Integer, None),
            (json!(true), ConvertTo::Integer, Some(json!(1))),
            (json!("7.5"), ConvertTo::Number, Some(json!(7.5))),
            (json!("NaN"), ConvertTo::Number, None),
            (json!("true"), ConvertTo::Boolean, Some(json!(true))),
            (json!(2), ConvertTo::Boolean, None),
            (json!(null), ConvertTo::Text, None),
            (json!({"a": 1}), ConvertTo::List, Some(json!([{"a": 1}]))),
            (json!([1]), ConvertTo::List, Some(json!([1]))),
        ];
        for (value, into, expected) in table {
            assert_eq!(convert(&value, into).ok(), expected, "{value} into {into:?}");
        }
    }
}
