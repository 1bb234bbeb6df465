//! One document of the server and its file.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::id;
use crate::app::{Client, show_error};
use crate::files::replace::replace;
use crate::options::DocumentFile;
use crate::say;

/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How long the server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The mode of a file that was not there before.
const MODE: u32 = 0o644;
/// How much of what a server says about an error is passed on, in characters.
const DETAIL_MAX: usize = 200;

/// What was found of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The file says what the server does.
    Same,
    /// It was written.
    Written,
    /// The server has no such document now.
    Gone,
    /// It cannot be said, or not be written.
    Problem(String),
}

/// Keeps one file in step.
#[derive(Debug)]
pub(super) struct Document {
    client: Client,
    document: DocumentFile,
    url: String,
    /// What the server called the version that the file was last given or found to have. What somebody else writes to
    /// the file since, as a last good content, stays until the server says something new.
    etag: Option<String>,
    /// What was last said, so that it is said once.
    said: Option<Found>,
}

impl Document {
    pub(super) fn new(server: &str, document: DocumentFile) -> Self {
        let url =
            format!("{server}/api/v1/documents/{}/{}", escape(&document.kind), escape_name(&document.name));
        Self { client: Client::new(), document, url, etag: None, said: None }
    }

    /// Reads the document and writes the file when it says something else.
    pub(super) fn look(&mut self, authorization: Option<&str>) -> Found {
        let mut headers = Vec::from_iter(authorization.map(|value| ("authorization", value)));
        let known = self.etag.clone().filter(|_| self.document.file.exists());
        headers.extend(known.as_deref().map(|tag| ("if-none-match", tag)));
        let answer = match self.client.get_large(&self.url, &headers, ANSWER_MAX, ANSWER_BYTES_MAX) {
            Ok(answer) => answer,
            Err(error) => return Found::Problem(format!("{}: {}", self.url, show_error(&error))),
        };
        let body = match answer.status {
            200 => body(&answer.body),
            304 if known.is_some() => return Found::Same,
            404 if is_problem(&answer.body) => return Found::Gone,
            300..=399 => Err("it redirects elsewhere, which is not followed; give --from that URL".into()),
            401 | 403 => {
                Err(format!("it answers {}; --token-file holds a token that may read", answer.status))
            }
            status => Err(format!("it answers {status}{}", detail(&answer.body))),
        };
        let body = match body {
            Ok(Value::Null) => return Found::Gone,
            Ok(body) => body,
            Err(why) => return Found::Problem(format!("{}: {why}", self.url)),
        };
        let written = self.write(format!("{body:#}\n").as_bytes());
        if !matches!(written, Found::Problem(_)) {
            self.etag = answer.etag;
        }
        written
    }

    fn write(&self, bytes: &[u8]) -> Found {
        let file = &self.document.file;
        if fs::read(file).is_ok_and(|known| known == bytes) {
            return Found::Same;
        }
        match replace(file, bytes, MODE) {
            Ok(()) => Found::Written,
            Err(error) => Found::Problem(format!("{} cannot be written: {error}", file.display())),
        }
    }

    /// Says what was found, when that is news.
    pub(super) fn say(&mut self, found: Found) {
        let (name, file) = (id(&self.document), self.document.file.display());
        let is_news = self.said.as_ref() != Some(&found);
        match &found {
            Found::Written => {
                say::info("file written from the server", &[("document", &name), ("file", &file)])
            }
            Found::Same if is_news => {
                say::info("file is up to date", &[("document", &name), ("file", &file)]);
            }
            Found::Gone if is_news => say::warn(
                "document not found on the server; keeping the file",
                &[("document", &name), ("file", &file)],
            ),
            Found::Problem(why) if is_news => say::warn(
                "cannot follow the document; keeping the file",
                &[("document", &name), ("file", &file), ("why", why)],
            ),
            Found::Same | Found::Gone | Found::Problem(_) => {}
        }
        // Being in step is what follows being written, and no news.
        self.said = Some(if found == Found::Written { Found::Same } else { found });
    }
}

/// The body of a document in an answer.
fn body(answer: &[u8]) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_slice(answer)
        .map_err(|_| "it does not answer with JSON; is this a Midflight server?")?;
    let body = answer.get_mut("body").map(Value::take);
    body.ok_or_else(|| "it answers without a `body`; is this a Midflight server?".into())
}

/// Whether an answer is an error of Midflight's, and not of something that knows nothing of documents.
fn is_problem(answer: &[u8]) -> bool {
    serde_json::from_slice::<Value>(answer)
        .is_ok_and(|answer| answer.get("code").is_some_and(Value::is_string))
}

fn detail(answer: &[u8]) -> String {
    let detail = serde_json::from_slice::<Value>(answer).ok();
    let detail = detail.as_ref().and_then(|detail| detail.get("detail")?.as_str());
    detail
        .map(|detail| format!(": {}", detail.chars().take(DETAIL_MAX).collect::<String>()))
        .unwrap_or_default()
}

/// A name may end as the path of another call does; then its last slash is not taken for one.
fn escape_name(name: &str) -> String {
    match name.strip_suffix("/versions") {
        Some(rest) => format!("{}%2Fversions", escape(rest)),
        None => escape(name),
    }
}

fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_a_path() {
        assert_eq!(escape_name("loans/R1"), "loans/R1");
        assert_eq!(escape_name("a b?#/é"), "a%20b%3F%23/%C3%A9");
        assert_eq!(escape_name("a/versions"), "a%2Fversions");
    }

    #[test]
    fn only_a_document_has_a_body() {
        assert_eq!(body(br#"{"kind": "config", "body": {"a": 1}}"#), Ok(serde_json::json!({"a": 1})));
        assert_eq!(body(br#"{"body": null}"#), Ok(Value::Null));
        assert!(body(b"<html>").unwrap_err().contains("JSON"));
        assert!(body(b"{}").unwrap_err().contains("`body`"));
    }
}
