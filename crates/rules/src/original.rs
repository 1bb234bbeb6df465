//! `compat: original`: constants typed as the original typed them.
//!
//! The original kept every constant as text and guessed its type: a numeric text became a number, quotes round a text
//! were taken off, and a text in brackets was read as a list of Python literals. `range` was always membership.

use serde_json::{Number, Value};

use crate::operator::Operator;

/// How a ruleset types the constants of its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Typing {
    /// As JSON has them.
    #[default]
    Strict,
    /// As the original did.
    Original,
}

/// The constant as the original typed it; none when it typed it as JSON does.
pub(crate) fn retyped(operator: Operator, constant: &Value) -> Option<Value> {
    // The operators on text want text, so the original's guess never applied to them.
    let on_text = matches!(
        operator,
        Operator::RegexMatch
            | Operator::RegexSearch
            | Operator::RegexNotMatch
            | Operator::RegexNotSearch
            | Operator::StartsWith
            | Operator::EndsWith
            | Operator::Contains
            | Operator::IsNull
    );
    match constant {
        Value::String(text) if !on_text => guessed(text.trim()),
        _ => None,
    }
}

fn guessed(text: &str) -> Option<Value> {
    if let Some(number) = number(text) {
        return Some(number);
    }
    let bracketed = |open, close| text.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    if let Some(inside) = bracketed('[', ']').or_else(|| bracketed('(', ')')) {
        return list(inside).map(Value::Array);
    }
    quoted(text).filter(|(_, rest)| rest.is_empty()).map(|(inside, _)| Value::String(inside))
}

/// A number in decimal, as Python reads it; a sign and blanks are allowed, words such as `nan` are not.
fn number(text: &str) -> Option<Value> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(integer.into());
    }
    let float = text.parse::<f64>().ok()?;
    Number::from_f64(float).map(Value::Number)
}

/// The items of a Python list, without its brackets: quoted texts, numbers, True, False and None.
fn list(inside: &str) -> Option<Vec<Value>> {
    let mut items = Vec::new();
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let (item, after) = match quoted(rest) {
            Some((text, after)) => (Value::String(text), after),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (word(rest[..end].trim())?, &rest[end..])
            }
        };
        items.push(item);
        rest = match after.trim_start().strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.trim().is_empty() => "",
            None => return None,
        };
    }
    Some(items)
}

fn word(text: &str) -> Option<Value> {
    match text {
        "True" => Some(Value::Bool(true)),
        "False" => Some(Value::Bool(false)),
        "None" => Some(Value::Null),
        _ => number(text),
    }
}

/// A quoted text at the start of `text`, and what follows it. A backslash keeps the next character as it is.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((inside, &text[at + c.len_utf8()..]));
        }
        let kept = if c == '\\' { chars.next()?.1 } else { c };
        inside.push(kept);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(constant: Value, typed: Option<Value>) {
        assert_eq!(retyped(Operator::Equal, &constant), typed, "{constant}");
    }

    #[test]
    fn texts_are_guessed_and_everything_else_stays() {
        check(json!("30"), Some(json!(30)));
        check(json!(" -1.5 "), Some(json!(-1.5)));
        check(json!("18446744073709551615"), Some(json!(18_446_744_073_709_551_615_u64)));
        check(json!("'Superman'"), Some(json!("Superman")));
        check(json!("\"it's\""), Some(json!("it's")));
        check(json!("['DC','Marvel']"), Some(json!(["DC", "Marvel"])));
        check(json!("(1, 2.5, True, None, 'a, b')"), Some(json!([1, 2.5, true, null, "a, b"])));
        check(json!("[]"), Some(json!([])));
        for stays in ["Superman", "true", "nan", "inf", "'open", "[DC]", "['a' 'b']", "", "'a' or 'b'"] {
            check(json!(stays), None);
        }
        for stays in [json!(30), json!(true), json!(["30"]), json!(null)] {
            check(stays, None);
        }
        assert_eq!(retyped(Operator::RegexSearch, &json!("30")), None);
    }
}
