//! `compat: original`: constants typed as by the rule engine whose files are imported.
//!
//! The rule engine kept every constant as text and guessed its type: a numeric text became a number, quotes round a
//! text were taken off, and a text in brackets was read as a list of Python literals. `range` was always membership.
//!
//! Three answers differ beside the constants: `not_equal` and `not_in` are true of a value of another type than the
//! constant, a negated regular expression is true of null, and `drop_missing` drops nothing when the input is empty.

use serde_json::{Number, Value};

use crate::operator::Operator;

/// How a ruleset types the constants of its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum Typing {
    /// As JSON has them.
    #[default]
    Strict,
    /// As the rule engine typed them.
    Original,
}

/// The constant as the rule engine typed it; none when it typed it as JSON does.
pub(crate) fn retyped(operator: Operator, constant: &Value) -> Option<Value> {
    let Value::String(text) = constant else { return None };
    match operator {
        // The original guessed these constants too, so its `contains "5"` asked for the number 5. That is
        // not repeated: the constant stays a text, and only quotes round it are taken off.
        Operator::Contains
        | Operator::RegexMatch
        | Operator::RegexSearch
        | Operator::RegexNotMatch
        | Operator::RegexNotSearch => unquoted(text).map(|inside| Value::String(inside.to_owned())),
        // The original did not have these.
        Operator::StartsWith | Operator::EndsWith | Operator::IsNull => None,
        _ => guessed(text.trim()),
    }
}

/// The text between the quotes that it begins and ends with. Nothing inside is unescaped: a backslash may belong to a
/// regular expression.
fn unquoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inside = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inside.contains(quote)).then_some(inside)
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

    #[test]
    fn contains_and_regexes_lose_only_the_quotes_round_their_constant() {
        for operator in [Operator::Contains, Operator::RegexMatch, Operator::RegexNotSearch] {
            for (stated, typed) in [("\"open\"", "open"), ("'\\d+'", "\\d+"), ("\"it's\"", "it's")] {
                assert_eq!(retyped(operator, &json!(stated)), Some(json!(typed)), "{stated}");
            }
            for stays in ["5", "open", "'open", "'", "'a' or 'b'", "['a']"] {
                assert_eq!(retyped(operator, &json!(stays)), None, "{stays}");
            }
        }
        assert_eq!(retyped(Operator::StartsWith, &json!("'open'")), None);
    }
}
