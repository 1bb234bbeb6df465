//! The headers of a forwarded call, with their secrets, which are never shown.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::ResolveReference;
use crate::ToolFailure;

/// Headers for how the message is sent, not what is asked.
const OF_THE_CONNECTION: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-authorization",
];
/// A secret that is shorter is not looked for in answers: it would be found everywhere.
const REDACTED_BYTES_MIN: usize = 4;

/// Headers to send.
pub(super) struct ForwardHeaders {
    pub(super) sent: HeaderMap,
    secrets: Vec<String>,
}

impl ForwardHeaders {
    /// A text of the endpoint without the secrets that it was sent.
    pub(super) fn redact(&self, mut text: String) -> String {
        for secret in self.secrets.iter().filter(|secret| secret.len() >= REDACTED_BYTES_MIN) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[redacted]");
            }
        }
        text
    }
}

/// The headers that a document declares, with what they refer to.
pub(super) fn headers(
    forward: &Value,
    references: &dyn ResolveReference,
) -> Result<ForwardHeaders, ToolFailure> {
    let mut headers = ForwardHeaders { sent: HeaderMap::new(), secrets: Vec::new() };
    let declared = forward.get("headers").and_then(Value::as_object);
    for (name, value) in declared.into_iter().flatten() {
        let invalid = |why: &str| {
            let message =
                format!("invalid header {:?} in the document of the tool: {why}", midflight_core::clip(name));
            ToolFailure::new("invalid_header", message)
        };
        let key: HeaderName = name.parse().map_err(|_| invalid("expected the name of a header"))?;
        if OF_THE_CONNECTION.contains(&key.as_str()) {
            return Err(invalid("it belongs to the connection; remove it"));
        }
        let value = value.as_str().ok_or_else(|| invalid("expected a text"))?;
        let text = filled(value, references, &mut headers.secrets).map_err(|why| invalid(&why))?;
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| invalid("its value has control characters"))?;
        value.set_sensitive(true);
        headers.sent.insert(key, value);
    }
    Ok(headers)
}

/// A text with its references, `${env:NAME}` or `${file:PATH}`, replaced.
fn filled(
    text: &str,
    references: &dyn ResolveReference,
    secrets: &mut Vec<String>,
) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, reference)) = rest.split_once("${") {
        let (reference, after) = reference
            .split_once('}')
            .ok_or_else(|| "a reference does not end; write ${env:NAME}".to_owned())?;
        // A line that a file ends with is not part of the secret.
        let secret = references.resolve(reference)?.trim_end_matches(['\r', '\n']).to_owned();
        filled.push_str(before);
        filled.push_str(&secret);
        secrets.push(secret);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Known;

    impl ResolveReference for Known {
        fn resolve(&self, reference: &str) -> Result<String, String> {
            match reference {
                "env:TOKEN" => Ok("s3cret\n".to_owned()),
                _ => Err("documents may not refer to it".to_owned()),
            }
        }
    }

    #[test]
    fn secrets_are_sent_and_never_shown() {
        let forward = json!({"headers": {"Authorization": "Bearer ${env:TOKEN}", "X-Plain": "a"}});
        let headers = headers(&forward, &Known).ok().unwrap();
        assert_eq!(headers.sent["authorization"], "Bearer s3cret");
        assert_eq!(headers.redact("you sent s3cret, a".to_owned()), "you sent [redacted], a");
        assert!(!format!("{:?}", headers.sent).contains("s3cret"));
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        for (name, value, expected) in [
            ("Host", "a", "it belongs to the connection"),
            ("a b", "a", "expected the name of a header"),
            ("X", "${env:OTHER}", "documents may not refer to it"),
            ("X", "${env:TOKEN", "a reference does not end"),
            ("X", "a\nb", "control characters"),
        ] {
            let refused = headers(&json!({"headers": {name: value}}), &Known).err().unwrap();
            assert!(refused.message.contains(expected), "{}", refused.message);
        }
    }
}
