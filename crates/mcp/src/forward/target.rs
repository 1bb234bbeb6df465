//! What is sent where: the endpoint of a document, filled with the arguments of a call.

use reqwest::{Method, Url};
use serde_json::{Map, Value};

use crate::ToolFailure;

/// A request to be sent.
#[derive(Debug)]
pub(super) struct ForwardTarget {
    pub(super) method: Method,
    pub(super) url: Url,
    /// The arguments that are neither in the path nor in the query, as JSON.
    pub(super) body: Option<Vec<u8>>,
}

impl ForwardTarget {
    /// The request of a call.
    pub(super) fn new(forward: &Value, arguments: &Map<String, Value>) -> Result<Self, ToolFailure> {
        let text = |key: &str| forward.get(key).and_then(Value::as_str);
        let method = match text("method") {
            Some("GET") => Method::GET,
            Some("PUT") => Method::PUT,
            Some("PATCH") => Method::PATCH,
            Some("DELETE") => Method::DELETE,
            _ => Method::POST,
        };
        let mut rest = arguments.clone();
        let filled = fill_path(text("url").unwrap_or_default(), &mut rest)?;
        let mut url: Url = filled.parse().map_err(|error| {
            ToolFailure::new("invalid_endpoint", format!("invalid url in the document of the tool: {error}"))
        })?;
        if matches!(method, Method::GET | Method::DELETE) {
            add_query(&mut url, &rest);
            return Ok(Self { method, url, body: None });
        }
        let body = Value::Object(rest).to_string().into_bytes();
        Ok(Self { method, url, body: Some(body) })
    }
}

/// Replaces each `{name}` in the path by the argument of that name, which is taken out of `arguments`.
fn fill_path(url: &str, arguments: &mut Map<String, Value>) -> Result<String, ToolFailure> {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    let end = url[path..].find(['?', '#']).map_or(url.len(), |at| path + at);
    let (mut filled, mut rest) = (url[..path].to_owned(), &url[path..end]);
    while let Some((before, name)) = rest.split_once('{') {
        let Some((name, after)) = name.split_once('}') else { break };
        let value = arguments.remove(name).and_then(|value| scalar(&value));
        // A segment of dots would climb out of the path that the document states.
        let value = value.filter(|value| !value.is_empty() && !value.chars().all(|c| c == '.'));
        let value = value.ok_or_else(|| {
            let message = format!(
                "the argument {name:?} is part of the path: give a text or a number, not empty and not dots"
            );
            ToolFailure::new("invalid_arguments", message)
        })?;
        filled.push_str(before);
        push_encoded(&mut filled, &value);
        rest = after;
    }
    filled.push_str(rest);
    filled.push_str(&url[end..]);
    Ok(filled)
}

/// Adds a text with every byte encoded that is not unreserved (RFC 3986).
fn push_encoded(encoded: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)]));
            encoded.extend(['%', digits[0], digits[1]]);
        }
    }
}

/// A list is its name once for each item, an object its JSON, and null nothing.
fn add_query(url: &mut Url, arguments: &Map<String, Value>) {
    if arguments.is_empty() {
        return;
    }
    let mut pairs = url.query_pairs_mut();
    for (name, value) in arguments {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    pairs.append_pair(name, &scalar(item).unwrap_or_else(|| item.to_string()));
                }
            }
            value => drop(pairs.append_pair(name, &scalar(value).unwrap_or_else(|| value.to_string()))),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(method: &str, url: &str, arguments: Value, expected: (&str, Option<&str>)) {
        let arguments = arguments.as_object().unwrap().clone();
        let target = ForwardTarget::new(&json!({"method": method, "url": url}), &arguments).unwrap();
        let body = target.body.map(|body| String::from_utf8(body).unwrap());
        assert_eq!((target.url.as_str(), body.as_deref()), expected);
    }

    #[test]
    fn arguments_are_path_query_and_body() {
        check("POST", "https://a.example/x", json!({"n": 1}), ("https://a.example/x", Some(r#"{"n":1}"#)));
        check(
            "GET",
            "https://a.example/u/{id}?v=1",
            json!({"id": "a/b ?#", "tags": ["x", 2], "none": null, "o": {"k": 1}}),
            ("https://a.example/u/a%2Fb%20%3F%23?v=1&o=%7B%22k%22%3A1%7D&tags=x&tags=2", None),
        );
        check("DELETE", "https://a.example", json!({}), ("https://a.example/", None));
    }

    #[test]
    fn a_path_cannot_be_left() {
        for id in [json!(".."), json!("."), json!(""), json!(null), json!({"a": 1})] {
            let arguments = Map::from_iter([("id".to_owned(), id)]);
            let forward = json!({"method": "GET", "url": "https://a.example/u/{id}/x"});
            let refused = ForwardTarget::new(&forward, &arguments).unwrap_err();
            assert!(refused.message.contains("\"id\" is part of the path"), "{}", refused.message);
        }
        // Only the path is filled: a host is what the document states.
        let arguments = Map::from_iter([("h".to_owned(), json!("evil.example"))]);
        let forward = json!({"method": "GET", "url": "https://{h}.example/x"});
        assert_eq!(ForwardTarget::new(&forward, &arguments).unwrap().url.host_str(), Some("{h}.example"));
    }
}
