//! The headers that repeat the contents of a message, as the protocol has them since 2026-07-28.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::message::AgentMessage;

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const PARAM_PREFIX: &str = "mcp-param-";

/// The member of a property's schema that names the header of its argument.
const ANNOTATION: &str = "x-mcp-header";
/// The most tools with such properties that are remembered. 10,000; the arguments of further ones get no headers.
const TOOLS_MAX: usize = 10_000;

/// An argument that a header repeats.
#[derive(Debug, Clone, PartialEq)]
struct AnnotatedArgument {
    /// The names that lead to it.
    path: Vec<String>,
    header: HeaderName,
}

/// Which arguments of which tools headers repeat, learned from the lists that pass through.
#[derive(Debug, Default)]
pub(super) struct ParamHeaders(Mutex<HashMap<String, Vec<AnnotatedArgument>>>);

impl ParamHeaders {
    /// Learns from the result of `tools/list`.
    pub(super) fn learn(&self, result: &Value) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for tool in result.get("tools").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            let mut found = Vec::new();
            if let Some(schema) = tool.get("inputSchema") {
                collect(schema, &mut Vec::new(), &mut found);
            }
            if found.is_empty() {
                known.remove(name);
            } else if known.len() < TOOLS_MAX || known.contains_key(name) {
                known.insert(name.to_owned(), found);
            }
        }
    }

    fn of(&self, tool: &str) -> Vec<AnnotatedArgument> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tool).cloned().unwrap_or_default()
    }
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<AnnotatedArgument>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        let header = property.get(ANNOTATION).and_then(Value::as_str).filter(|header| !header.is_empty());
        let header = header.map(|header| format!("{PARAM_PREFIX}{}", header.to_ascii_lowercase()));
        if let Some(header) = header.and_then(|header| HeaderName::from_bytes(header.as_bytes()).ok()) {
            found.push(AnnotatedArgument { path: path.clone(), header });
        }
        collect(property, path, found);
        path.pop();
    }
}

/// The headers of a message that states its version itself.
pub(super) fn of_message(message: &AgentMessage, version: &str, params: &ParamHeaders) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(PROTOCOL_VERSION, version);
    let Some(method) = message.method() else { return headers };
    put(METHOD, method);
    let Some(name) = name_of(method, message.params()) else { return headers };
    put(NAME, &encoded(name));
    if method == "tools/call" {
        let arguments = message.params().and_then(|params| params.get("arguments")).unwrap_or(&Value::Null);
        for AnnotatedArgument { path, header } in params.of(name) {
            let argument = path.iter().try_fold(arguments, |value, key| value.get(key));
            if let Some(text) = argument.and_then(plain) {
                put(header, &encoded(&text));
            }
        }
    }
    headers
}

/// What a message is about, for the methods that are about one thing.
fn name_of<'m>(method: &str, params: Option<&'m Value>) -> Option<&'m str> {
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params?.get(key)?.as_str()
}

/// A string, a number or a boolean as a header has it; none for anything else.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A value as a header can carry it: as it is, or in Base64 when a header cannot.
fn encoded(value: &str) -> String {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && value.trim_matches(' ').len() == value.len()
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    match is_plain {
        true => value.to_owned(),
        false => format!("=?base64?{}?=", STANDARD.encode(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(message: &Value, params: &ParamHeaders) -> Vec<(String, String)> {
        let message = AgentMessage::read(message.to_string().as_bytes()).unwrap();
        let headers = of_message(&message, "2026-07-28", params);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut found: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        found.sort();
        found
    }

    #[test]
    fn headers_repeat_the_message() {
        let params = ParamHeaders::default();
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "place": {"type": "object", "properties": {"floor": {"type": "integer", "x-mcp-header": "Floor"}}},
            "other": {"type": "string"}, "bad": {"type": "string", "x-mcp-header": "no token"}}});
        params.learn(&json!({"tools": [{"name": "a", "inputSchema": schema}]}));
        let arguments = json!({"region": "Zürich", "place": {"floor": 3}, "other": "x", "bad": "y"});
        let call = json!({"id": 1, "method": "tools/call", "params": {"name": "a", "arguments": arguments}});
        let expected = [
            ("mcp-method", "tools/call"),
            ("mcp-name", "a"),
            ("mcp-param-floor", "3"),
            ("mcp-param-region", "=?base64?WsO8cmljaA==?="),
            ("mcp-protocol-version", "2026-07-28"),
        ];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(headers(&call, &params), expected);
        // A list without the annotation removes the headers.
        params.learn(&json!({"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}));
        assert_eq!(headers(&call, &params).len(), 3);
        let read = json!({"id": 1, "method": "resources/read", "params": {"uri": "file:///a"}});
        assert!(headers(&read, &params).contains(&("mcp-name".to_owned(), "file:///a".to_owned())));
        assert_eq!(headers(&json!({"id": 1, "method": "tools/list"}), &params).len(), 2);
    }

    #[test]
    fn what_a_header_cannot_carry_is_encoded() {
        for (value, expected) in [
            ("plain text", "plain text"),
            ("", ""),
            (" a", "=?base64?IGE=?="),
            ("a\nb", "=?base64?YQpi?="),
            ("=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="),
        ] {
            assert_eq!(encoded(value), expected, "{value:?}");
        }
    }
}
