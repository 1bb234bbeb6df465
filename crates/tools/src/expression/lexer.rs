//! Cuts the text of a formula into lexemes, as Python does.

use std::ops::Range;

use super::error::{FormulaError, FormulaFault};
use super::value::{ArithmeticFault, Numeric};

/// A piece of a formula.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lexeme {
    Number(Numeric),
    Name,
    /// An operator, a parenthesis or a comma; the longest that fits.
    Sign(&'static str),
    End,
}

/// The signs, longer ones first.
const SIGNS: [&str; 17] =
    ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",", "="];

/// The lexeme at or after `from`, with its place.
pub(super) fn next(text: &str, from: usize) -> Result<(Lexeme, Range<usize>), FormulaError> {
    let rest = &text[from..];
    let start = from + (rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len());
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else { return Ok((Lexeme::End, start..start)) };
    let is_number = |c: char| c.is_ascii_digit();
    if is_number(first) || (first == '.' && rest[1..].starts_with(is_number)) {
        return number(text, start);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return Ok((Lexeme::Name, start..start + end));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Lexeme::Sign(sign), start..start + sign.len()));
    }
    let cure = match first {
        '^' => "a power is written **",
        '&' | '|' | '!' => "conditions are joined with and, or, not",
        '$' | '{' | '}' => "write the variable's name alone, as N",
        _ => "use numbers, names, + - * / // % ** ( ) , and comparisons",
    };
    let message = format!("unexpected character {first:?}; {cure}");
    Err(FormulaError::new(text, start..start + first.len_utf8(), FormulaFault::Syntax, message))
}

/// A number: `12`, `1_000`, `1.5`, `.5`, `2.`, `1e3`.
fn number(text: &str, start: usize) -> Result<(Lexeme, Range<usize>), FormulaError> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
            at += 1;
        }
        at
    };
    let mut end = digits(start);
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        is_float = true;
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(signed).is_some_and(u8::is_ascii_digit) {
            is_float = true;
            end = digits(signed);
        }
    }
    let written = &text[start..end];
    let bad =
        |span: Range<usize>, message: String| FormulaError::new(text, span, FormulaFault::Syntax, message);
    let after = text[end..].chars().next();
    if after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
        let message = format!(
            "unexpected {:?} after a number; write * between a factor and a name",
            after.unwrap_or(' ')
        );
        return Err(bad(end..end + after.map_or(1, char::len_utf8), message));
    }
    if has_stray_underscore(written) {
        return Err(bad(
            start..end,
            format!("invalid number {written}: an underscore stands between two digits"),
        ));
    }
    let plain = written.replace('_', "");
    if !is_float && plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|byte| byte != b'0') {
        return Err(bad(start..end, format!("invalid number {written}: write it without leading zeros")));
    }
    let value = if is_float {
        let value = plain.parse().ok().filter(|value: &f64| value.is_finite()).map(Numeric::Float);
        value.ok_or(ArithmeticFault::Overflow)
    } else {
        plain.parse().map(Numeric::Integer).map_err(|_| ArithmeticFault::IntegerOverflow)
    };
    match value {
        Ok(value) => Ok((Lexeme::Number(value), start..end)),
        Err(fault) => {
            Err(FormulaError::new(text, start..end, FormulaFault::Arithmetic(fault), fault.to_string()))
        }
    }
}

fn has_stray_underscore(written: &str) -> bool {
    let bytes = written.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'_' && !(is_digit(at.checked_sub(1)) && is_digit(Some(at + 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_number(text: &str, expected: &str) {
        let found = match next(text, 0) {
            Ok((Lexeme::Number(number), span)) => format!("{number:?} {}", span.end),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.message,
        };
        assert!(found.contains(expected), "{text}: {found}");
    }

    #[test]
    fn numbers_are_written_as_in_python() {
        check_number("12", "Integer(12) 2");
        check_number("1_000", "Integer(1000) 5");
        check_number("00", "Integer(0) 2");
        check_number("1.5", "Float(1.5) 3");
        check_number(".5", "Float(0.5) 2");
        check_number("2.", "Float(2.0) 2");
        check_number("1e3", "Float(1000.0) 3");
        check_number("1E-3 ", "Float(0.001) 4");
        check_number("09.5", "Float(9.5) 4");
        check_number("007", "without leading zeros");
        check_number("1__0", "an underscore stands between");
        check_number("1_", "an underscore stands between");
        check_number("5N", "write * between");
        check_number("1.2.3", "unexpected '.'");
        check_number("0x10", "unexpected 'x'");
        check_number("9223372036854775808", "outside 64 bits");
        check_number("1e999", "too large");
    }

    #[test]
    fn other_characters_are_refused_with_a_cure() {
        for (text, cure) in [("^", "**"), ("&&", "and, or, not"), ("$N", "alone"), ("é", "use numbers")] {
            let error = next(text, 0).unwrap_err();
            assert!(error.message.contains(cure), "{error}");
        }
    }
}
