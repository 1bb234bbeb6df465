//! Which value a plain YAML scalar is, by the core schema of YAML 1.2 (section 10.3.2 of its specification).
//!
//! So `no` is the text "no", `1_000` is a text and `012` is twelve, whatever YAML 1.1 made of them.

use serde_json::{Number, Value};

/// Why a scalar is no value of the type its tag names, or no value that JSON has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAValue {
    /// Not a number, or infinite, or too large for a 64-bit float.
    NonFinite,
    /// Not of the type that the tag names.
    WrongTag,
}

/// The value of a scalar that has neither quotes nor a tag.
pub(crate) fn plain(text: &str) -> Result<Value, NotAValue> {
    if let Some(value) = null(text).or_else(|| boolean(text)) {
        return Ok(value);
    }
    // Every number starts with one of these, and most texts with none of them.
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Ok(Value::from(text));
    }
    match number(text)? {
        Some(value) => Ok(value),
        None => Ok(Value::from(text)),
    }
}

/// The value of a scalar that has a tag of the core schema (`!!int` is "int").
pub(crate) fn tagged(tag: &str, text: &str) -> Result<Value, NotAValue> {
    let value = match tag {
        "str" => Some(Value::from(text)),
        "null" => null(text),
        "bool" => boolean(text),
        "int" => integer(text),
        "float" => number(text)?,
        _ => None,
    };
    value.ok_or(NotAValue::WrongTag)
}

fn null(text: &str) -> Option<Value> {
    matches!(text, "" | "~" | "null" | "Null" | "NULL").then_some(Value::Null)
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn number(text: &str) -> Result<Option<Value>, NotAValue> {
    if let Some(value) = integer(text) {
        return Ok(Some(value));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(NotAValue::NonFinite);
    }
    if !is_float(unsigned) {
        return Ok(None);
    }
    let parsed = text.parse::<f64>().ok().and_then(Number::from_f64);
    parsed.map(|number| Some(Value::Number(number))).ok_or(NotAValue::NonFinite)
}

/// An integer of up to 64 bits, exact. A longer one is read as a float, as JSON readers do.
fn integer(text: &str) -> Option<Value> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') {
        let value = text.parse::<i64>().ok();
        // Minus zero is the integer zero: only a float has a sign without a value.
        value.map(Value::from)
    } else {
        digits.parse::<u64>().ok().map(Value::from)
    }
}

fn radix(digits: &str, radix: u32) -> Option<Value> {
    // `from_str_radix` would take a sign here.
    let plain = digits.chars().all(|c| c.is_digit(radix));
    let value = u64::from_str_radix(digits, radix).ok().filter(|_| plain);
    value.map(Value::from)
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_holds = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    has_digits && all_digits(whole) && all_digits(fraction) && exponent_holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_core_schema_of_yaml_1_2() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("nULL", json!("nULL")),
            ("true", json!(true)),
            ("tRUE", json!("tRUE")),
            ("yes", json!("yes")),
            ("no", json!("no")),
            ("on", json!("on")),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("+5", json!(5)),
            ("012", json!(12)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x", json!("0x")),
            ("0x+1", json!("0x+1")),
            ("0o8", json!("0o8")),
            ("0b1", json!("0b1")),
            ("1_000", json!("1_000")),
            ("1.5", json!(1.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("-.5e-3", json!(-0.0005)),
            ("1e3", json!(1000.0)),
            (".", json!(".")),
            ("-", json!("-")),
            ("1e", json!("1e")),
            ("1.2.3", json!("1.2.3")),
            ("2026-01-01", json!("2026-01-01")),
            ("12:30:45", json!("12:30:45")),
            ("infinity", json!("infinity")),
            ("nan", json!("nan")),
        ] {
            assert_eq!(plain(text), Ok(value), "{text:?}");
        }
        for text in [".nan", ".inf", "-.INF", "1e999", "-1e999"] {
            assert_eq!(plain(text), Err(NotAValue::NonFinite), "{text:?}");
        }
        assert_eq!(tagged("str", "12"), Ok(json!("12")));
        assert_eq!(tagged("int", "x"), Err(NotAValue::WrongTag));
        assert_eq!(tagged("float", "1"), Ok(json!(1)));
    }
}
