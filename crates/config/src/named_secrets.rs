//! What is a secret by the name of its key, in a config without declarations.

use midflight_core::JsonPointer;
use midflight_engine::Interrupted;
use serde_json::Value;

use crate::keys::KeyDeclarations;
use crate::pace::Pace;
use crate::reference::has_reference;

/// What the name of a secret ends with, without capitals and what separates words.
const ENDINGS: [&str; 15] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secretkey",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "credential",
    "credentials",
    "authorization",
];

/// What of a document is a secret by its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamedSecrets {
    /// The keys that have such a name, as `db_password` and `apiKey`, with all that is under them.
    pub(crate) keys: KeyDeclarations,
    /// The texts and numbers under them that are written out: everything but references.
    pub(crate) literals: Vec<JsonPointer>,
}

impl NamedSecrets {
    /// Finds them. Cost: linear in the document.
    pub(crate) fn of(document: &Value, pace: &mut Pace<'_>) -> Result<Self, Interrupted> {
        let mut found = Self::default();
        found.find(document, &mut Vec::new(), false, pace)?;
        Ok(found)
    }

    fn find<'a>(
        &mut self,
        value: &'a Value,
        way: &mut Vec<PathStep<'a>>,
        is_secret: bool,
        pace: &mut Pace<'_>,
    ) -> Result<(), Interrupted> {
        pace.step()?;
        match value {
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    way.push(PathStep::Item(n));
                    self.find(item, way, is_secret, pace)?;
                    way.pop();
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    way.push(PathStep::Key(key));
                    let is_named = !is_secret && names_secret(key);
                    if is_named {
                        self.keys.keep_secret(&pointer(way));
                    }
                    self.find(value, way, is_secret || is_named, pace)?;
                    way.pop();
                }
            }
            value if is_secret && is_literal(value) => self.literals.push(pointer(way)),
            _ => {}
        }
        Ok(())
    }
}

/// Whether a value of a secret is written out.
pub(crate) fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !has_reference(text),
        value => value.is_number(),
    }
}

/// A step of the way to a value. A pointer is only made of those that are found.
enum PathStep<'a> {
    Key(&'a str),
    Item(usize),
}

fn pointer(way: &[PathStep<'_>]) -> JsonPointer {
    way.iter().fold(JsonPointer::root(), |at, step| match step {
        PathStep::Key(key) => at.key(key),
        PathStep::Item(n) => at.index(*n),
    })
}

/// Whether a key has the name of a secret.
pub(crate) fn names_secret(key: &str) -> bool {
    let letters =
        || key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    let ends_with = |ending: &&str| {
        let mut letters = letters();
        ending.bytes().rev().all(|wanted| letters.next() == Some(wanted))
    };
    ENDINGS.iter().any(ends_with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_end_with_a_secret_word_are_secrets() {
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
            assert!(names_secret(key), "{key}");
        }
        for key in
            ["", "key", "max_tokens", "token_ttl_ms", "secret_name", "passwords_max", "keyboard", "monkey"]
        {
            assert!(!names_secret(key), "{key}");
        }
    }
}
