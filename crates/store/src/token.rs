//! What the store keeps of an API token, and in which form.

use jiff::Timestamp;
use serde_json::{Value, json};

/// An API token, as far as the store knows it: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, which is the author of what it changes.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// The hash of the token, as 64 hexadecimal digits.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of the token that made it, if one did.
    pub created_by: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// The documents that it may see and change, as patterns of `kind/name`; none for all of them.
    pub scopes: Option<Vec<String>>,
    /// What an agent with it sees over the Model Context Protocol.
    pub agent: AgentLimits,
    /// The hash of before the last rotation, while it is still valid.
    pub previous: Option<PreviousHash>,
}

/// What an agent sees that uses a token, whatever its address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentLimits {
    /// The revision whose catalogue it works with.
    pub at: Option<u64>,
    /// `all` or `search`.
    pub expose: Option<String>,
    /// Tools that are listed beside the search.
    pub pin: Vec<String>,
}

/// The hash of a token that was rotated, for as long as it is still valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousHash {
    /// The hash, as 64 hexadecimal digits.
    pub hash: String,
    /// From when on it is refused.
    pub until: Timestamp,
}

impl Token {
    /// A token without a limit beyond its role.
    #[must_use]
    pub fn new(name: &str, role: &str, hash: &str, created_at: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            role: role.to_owned(),
            hash: hash.to_owned(),
            created_at,
            created_by: None,
            expires_at: None,
            scopes: None,
            agent: AgentLimits::default(),
            previous: None,
        }
    }

    /// The scopes as a JSON array; none for all documents.
    #[must_use]
    pub fn scopes_text(&self) -> Option<String> {
        self.scopes.as_ref().map(|scopes| json!(scopes).to_string())
    }

    /// The scopes of a JSON array. What is no array of texts allows nothing: it limits the token in a way that is not
    /// known.
    #[must_use]
    pub fn scopes_of(text: Option<&str>) -> Option<Vec<String>> {
        text.map(|text| serde_json::from_str::<Vec<String>>(text).unwrap_or_default())
    }
}

impl AgentLimits {
    /// As a JSON object; none when there is no limit.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Self { at, expose, pin } = self;
        (*self != Self::default()).then(|| json!({ "at": at, "expose": expose, "pin": pin }).to_string())
    }

    /// Those of a JSON object. Members that are not known are passed over.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        let value = text.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
        let pin = value.get("pin").and_then(Value::as_array).into_iter().flatten();
        Self {
            at: value.get("at").and_then(Value::as_u64),
            expose: value.get("expose").and_then(Value::as_str).map(str::to_owned),
            pin: pin.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_that_cannot_be_read_allow_nothing() {
        assert_eq!(Token::scopes_of(None), None);
        assert_eq!(Token::scopes_of(Some("[\"rules/*\"]")), Some(vec!["rules/*".to_owned()]));
        for unknown in ["", "null", "{\"all\":true}", "[1]"] {
            assert_eq!(Token::scopes_of(Some(unknown)), Some(Vec::new()), "{unknown}");
        }
    }

    #[test]
    fn limits_of_an_agent_come_back() {
        assert_eq!(AgentLimits::default().text(), None);
        let limits =
            AgentLimits { at: Some(7), expose: Some("search".to_owned()), pin: vec!["a".to_owned()] };
        assert_eq!(AgentLimits::of(limits.text().as_deref()), limits);
        assert_eq!(AgentLimits::of(Some("[]")), AgentLimits::default());
    }
}
