//! What is a secret by the name of its key, in a config of which nobody declared what is one.

use midflight_core::Pointer;
use midflight_engine::Interrupted;
use serde_json::Value;

use crate::keys::Keys;
use crate::pace::Pace;

/// What the name of a secret ends with, without capitals and what separates words.
const ENDINGS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretkey",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "credentials",
];

/// Declares the texts and numbers whose key says that they are secrets, as `db_password` and `apiKey`.
pub(crate) fn named_secrets(document: &Value, pace: &mut Pace<'_>) -> Result<Keys, Interrupted> {
    let mut keys = Keys::default();
    find(document, &mut Vec::new(), pace, &mut keys)?;
    Ok(keys)
}

/// A step of the way to a value. A pointer is only made of those that are found.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

fn find<'a>(
    value: &'a Value,
    way: &mut Vec<Step<'a>>,
    pace: &mut Pace<'_>,
    keys: &mut Keys,
) -> Result<(), Interrupted> {
    pace.step()?;
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                way.push(Step::Item(n));
                find(item, way, pace, keys)?;
                way.pop();
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                way.push(Step::Key(key));
                if (value.is_string() || value.is_number()) && says_secret(key) {
                    keys.keep_secret(&pointer(way));
                }
                find(value, way, pace, keys)?;
                way.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

fn pointer(way: &[Step<'_>]) -> Pointer {
    way.iter().fold(Pointer::root(), |at, step| match step {
        Step::Key(key) => at.key(key),
        Step::Item(n) => at.index(*n),
    })
}

fn says_secret(key: &str) -> bool {
    // The last letters are enough for the longest ending.
    let letters = key.bytes().rev().filter(u8::is_ascii_alphanumeric).take(16);
    let mut end: Vec<u8> = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    end.reverse();
    ENDINGS.iter().any(|ending| end.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_end_with_a_secret_say_one() {
        for key in [
            "password",
            "DB_PASSWORD",
            "api_key",
            "apiKey",
            "api-key",
            "x.token",
            "clientSecret",
            "AWS Secret Key",
        ] {
            assert!(says_secret(key), "{key}");
        }
        for key in
            ["", "key", "max_tokens", "token_ttl_ms", "secret_name", "passwords_max", "keyboard", "monkey"]
        {
            assert!(!says_secret(key), "{key}");
        }
    }
}
