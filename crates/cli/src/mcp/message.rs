//! Messages: JSON-RPC 2.0, one in a line. They are passed on as they were written; what is read of them decides where
//! to.

use serde_json::{Value, json};

/// A line that is not JSON.
pub(super) const PARSE_ERROR: i64 = -32_700;
/// JSON that is no message.
pub(super) const INVALID_REQUEST: i64 = -32_600;
/// The server is unavailable, refused, or has too much to do.
pub(super) const UNAVAILABLE: i64 = -32_000;

/// The member of `_meta` in which each message of the protocol since 2026-07-28 states its version.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AgentMessage {
    /// As it was written, without breaks of its line.
    pub(super) text: String,
    value: Value,
}

/// What a message is.
#[derive(Debug, PartialEq)]
pub(super) enum MessageKind<'m> {
    Request { method: &'m str, id: &'m Value },
    Notification { method: &'m str },
    Answer,
}

impl AgentMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// An answer with what is wrong with it and what to do.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            let message = format!("invalid line: expected one JSON-RPC message: {error}");
            error_answer(&Value::Null, PARSE_ERROR, &message)
        })?;
        let message = match &value {
            Value::Object(_) => return Self::checked(bytes, value),
            Value::Array(_) => "a batch is not accepted; send one message in each line",
            _ => "invalid message: expected a JSON object with method, or with id and result or error",
        };
        Err(error_answer(&Value::Null, INVALID_REQUEST, message))
    }

    fn checked(bytes: &[u8], value: Value) -> Result<Self, String> {
        let id = value.get("id").filter(|id| !id.is_null());
        let refused = |message: &str| Err(error_answer(&Value::Null, INVALID_REQUEST, message));
        if id.is_some_and(|id| !id.is_string() && !id.is_number()) {
            return refused("invalid id: expected a string or a number");
        }
        match value.get("method") {
            Some(Value::String(_)) => {}
            Some(_) => return refused("invalid method: expected a string"),
            None if value.get("result").is_some() || value.get("error").is_some() => {}
            None => {
                return refused("invalid message: expected method, or id and result or error");
            }
        }
        // Outside of strings a line break is a space to JSON, and inside of them there is none.
        let text = String::from_utf8_lossy(bytes).trim().replace(['\n', '\r'], " ");
        Ok(Self { text, value })
    }

    pub(super) fn kind(&self) -> MessageKind<'_> {
        match (self.method(), self.id()) {
            (Some(method), Some(id)) => MessageKind::Request { method, id },
            (Some(method), None) => MessageKind::Notification { method },
            (None, _) => MessageKind::Answer,
        }
    }

    pub(super) fn method(&self) -> Option<&str> {
        self.value.get("method").and_then(Value::as_str)
    }

    pub(super) fn id(&self) -> Option<&Value> {
        self.value.get("id").filter(|id| !id.is_null())
    }

    pub(super) fn params(&self) -> Option<&Value> {
        self.value.get("params")
    }

    pub(super) fn result(&self) -> Option<&Value> {
        self.value.get("result")
    }

    /// The version that it states itself, as messages do since 2026-07-28.
    pub(super) fn own_version(&self) -> Option<&str> {
        self.params()?.get("_meta")?.get(VERSION_KEY)?.as_str()
    }

    /// Whether it answers the request with this id.
    pub(super) fn answers(&self, id: &Value) -> bool {
        self.method().is_none() && self.id() == Some(id)
    }

    /// The same with this id: a server that refuses a request unread does not know its id.
    pub(super) fn with_id(mut self, id: &Value) -> Self {
        if self.id() != Some(id) {
            self.value["id"] = id.clone();
            self.text = self.value.to_string();
        }
        self
    }
}

/// An answer that is an error.
pub(super) fn error_answer(id: &Value, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_passed_on_as_it_was_written() {
        let written =
            "{\"id\": 1, \"method\":\n \"ping\", \"n\": 12345678901234567890.10, \"s\": \"a\\nb\"}\r\n";
        let message = AgentMessage::read(written.as_bytes()).unwrap();
        assert_eq!(
            message.text,
            r#"{"id": 1, "method":  "ping", "n": 12345678901234567890.10, "s": "a\nb"}"#
        );
        assert_eq!(message.kind(), MessageKind::Request { method: "ping", id: &json!(1) });
        let read = |text: &str| AgentMessage::read(text.as_bytes()).unwrap();
        assert_eq!(read(r#"{"method":"a"}"#).kind(), MessageKind::Notification { method: "a" });
        let answer = read(r#"{"id":"x","result":{}}"#);
        assert!(answer.kind() == MessageKind::Answer && answer.answers(&json!("x")));
        let unread = read(r#"{"id":null,"error":{"code":1}}"#).with_id(&json!(7));
        assert_eq!(unread.text, r#"{"error":{"code":1},"id":7}"#);
    }

    #[test]
    fn what_is_no_message_is_answered_with_what_to_do() {
        for (line, code, messages) in [
            ("garbage", PARSE_ERROR, "expected one JSON-RPC message"),
            ("{\"a\":", PARSE_ERROR, "expected one JSON-RPC message"),
            ("[{}]", INVALID_REQUEST, "one message in each line"),
            ("7", INVALID_REQUEST, "expected a JSON object"),
            ("{}", INVALID_REQUEST, "expected method"),
            (r#"{"method":1}"#, INVALID_REQUEST, "invalid method"),
            (r#"{"method":"a","id":{}}"#, INVALID_REQUEST, "invalid id"),
        ] {
            let answer = AgentMessage::read(line.as_bytes()).unwrap_err();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(code)), "{line}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(messages), "{line}: {answer}");
        }
    }
}
