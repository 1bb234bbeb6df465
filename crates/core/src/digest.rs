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
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, member)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_value(member, out);
            }
            out.push('}');
        }
        Value::String(text) => write_string(text, out),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => push_fmt(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_number(number: &Number, out: &mut String) {
    match number.as_f64().filter(|_| number.is_f64()) {
        // 1.0 and 1 are one value, so they are one text. (Negative zero becomes 0 by the same rule.)
        Some(float) if float.fract() == 0.0 && float.abs() <= EXACT_F64 => {
            push_fmt(out, format_args!("{}", float as i64));
        }
        _ => push_fmt(out, format_args!("{number}")),
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

    proptest! {
        #[test]
        fn canonical_text_is_json_of_the_same_value(value in any_json()) {
            let text = canonical_json(&value);
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical_json(&back), text);
        }
    }
}
