//! Digests: SHA-256 of a body's canonical JSON, so that equal values have equal digests wherever they were written.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

/// The largest integer below which every integer is exactly one `f64`.
pub(crate) const EXACT_F64: f64 = 9_007_199_254_740_992.0;

/// A SHA-256 digest, printed as 64 lower-case hexadecimal digits, or with a precision as so many of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these 32 bytes, which are one already.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of bytes as they are. Cost: linear in their number.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a body by value: key order, spacing and the spelling of numbers do not count.
    #[must_use]
    pub fn of_body(body: &Value) -> Self {
        Self::of_bytes(canonical_json(body).as_bytes())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.precision().map_or(self.0.len(), |digits| digits / 2).min(self.0.len());
        self.0[..shown].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 hexadecimal digits")]
pub struct ParseDigestError;

impl FromStr for Digest {
    type Err = ParseDigestError;
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(ParseDigestError);
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| ParseDigestError)?;
        }
        Ok(Self(bytes))
    }
}

/// One text for one value: keys sorted by code point, no spaces, numbers by value.
///
/// This is RFC 8785 (JCS) but for two things: integers keep all their 64 bits, where JCS rounds them to a double and
/// so would give two different numbers one digest; and keys sort by Unicode code point rather than UTF-16 unit.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => write_number(number, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // serde_json's map may keep insertion order when another crate turns that feature on.
            if members.keys().is_sorted() {
                write_members(members.iter(), out);
            } else {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by_key(|(key, _)| *key);
                write_members(sorted.into_iter(), out);
            }
        }
        Value::String(text) => write_string(text, out),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
}

fn write_members<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, out: &mut String) {
    out.push('{');
    for (i, (key, member)) in members.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(member, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // What is escaped is ASCII, so the text can be cut there.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f)) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x8 => out.push_str("\\b"),
            0xc => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => push_fmt(out, format_args!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) {
    let mut digits = itoa::Buffer::new();
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(number), _, _) => out.push_str(digits.format(number)),
        (_, Some(number), _) => out.push_str(digits.format(number)),
        // 1.0 and 1 are one value, so they are one text. (Negative zero becomes 0 by the same rule.)
        (_, _, Some(float)) if float.fract() == 0.0 && float.abs() <= EXACT_F64 => {
            out.push_str(digits.format(float as i64));
        }
        _ => push_fmt(out, format_args!("{number}")),
    }
}

/// Whether two values have one canonical text. Cost: linear, up to the first difference.
pub(crate) fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let text = |number: &Number| {
                let mut text = String::new();
                write_number(number, &mut text);
                text
            };
            a == b || text(a) == text(b)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let is_in_b = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(is_in_b)
        }
        (a, b) => a == b,
    }
}

fn push_fmt(out: &mut String, args: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _infallible = out.write_fmt(args);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_one_text() {
        let a: Value = serde_json::from_str(r#"{"b": 1.0, "a": [true, null, "x\u0041"]}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":[true,null,"xA"],"b":1}"#).unwrap();
        assert_eq!(canonical_json(&a), r#"{"a":[true,null,"xA"],"b":1}"#);
        assert_eq!(Digest::of_body(&a), Digest::of_body(&b));
    }

    #[test]
    fn integers_keep_their_64_bits() {
        let a = json!(9_007_199_254_740_993_u64);
        let b = json!(9_007_199_254_740_992_u64);
        assert_ne!(Digest::of_body(&a), Digest::of_body(&b));
        assert_eq!(canonical_json(&json!(u64::MAX)), u64::MAX.to_string());
        assert_eq!(canonical_json(&json!(-0.0)), "0");
        assert_eq!(canonical_json(&json!(1e300)), "1e300".parse::<Value>().unwrap().to_string());
    }

    #[test]
    fn a_known_digest() {
        // sha256sum of the two bytes `{}`.
        let expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(Digest::of_body(&json!({})).to_string(), expected);
        assert_eq!(expected.parse(), Ok(Digest::of_body(&json!({}))));
        assert_eq!("44".parse::<Digest>(), Err(ParseDigestError));
        assert_eq!("é".repeat(32).parse::<Digest>(), Err(ParseDigestError));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no NaN", |f| f.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    /// Makes one of the leaves of a value another, perhaps in its spelling alone.
    fn change(value: &mut Value, place: prop::sample::Index) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let nth = place.index(items.len());
                change(&mut items[nth], place);
            }
            Value::Object(members) if !members.is_empty() => {
                let nth = place.index(members.len());
                change(members.values_mut().nth(nth).unwrap(), place);
            }
            leaf => *leaf = leaf.as_f64().map_or(json!(1), |float| json!(float)),
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_json_of_the_same_value(value in any_json()) {
            let text = canonical_json(&value);
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical_json(&back), text);
        }

        #[test]
        fn values_are_the_same_that_have_one_text(a in any_json(), b in any_json(), place in any::<prop::sample::Index>()) {
            prop_assert_eq!(is_same(&a, &b), canonical_json(&a) == canonical_json(&b));
            let text = canonical_json(&a);
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(is_same(&a, &back));
            let mut other = a.clone();
            change(&mut other, place);
            prop_assert_eq!(is_same(&a, &other), text == canonical_json(&other));
        }

        #[test]
        fn strings_are_written_as_serde_json_writes_them(text in any::<String>(), control in 0..0x20_u8) {
            let text = format!("{text}{}\\\"{text}", char::from(control));
            prop_assert_eq!(canonical_json(&json!(text)), serde_json::to_string(&text).unwrap());
        }
    }
}
