//! One document of the server and its file.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::id;
use crate::app::{HttpClient, show_error};
use crate::files::replace::replace;
use crate::logging;
use crate::options::DocumentFile;

/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How long the server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The mode of a file that was not there before.
const MODE: u32 = 0o644;
/// How much of a server's error message is passed on, in characters.
const DETAIL_MAX: usize = 200;

/// What was found of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FetchedDocument {
    /// The file has the contents of the server.
    Same,
    /// It was written.
    Written,
    /// The server has no such document now.
    Gone,
    /// It cannot be read, or not be written.
    Problem(String),
}

/// Keeps one file in step.
#[derive(Debug)]
pub(super) struct FollowedDocument {
    client: HttpClient,
    document: DocumentFile,
    url: String,
    /// What the server called the version that the file was last given or found to have. What another writer puts into
    /// the file since, as a last good content, stays until the server has something new.
    etag: Option<String>,
    /// What was last reported, so that it is reported once.
    stated: Option<FetchedDocument>,
}

impl FollowedDocument {
    pub(super) fn new(server: &str, document: DocumentFile) -> Self {
        let url =
            format!("{server}/api/v1/documents/{}/{}", escape(&document.kind), escape_name(&document.name));
        Self { client: HttpClient::new(), document, url, etag: None, stated: None }
    }

    /// Reads the document and writes the file when it changed.
    pub(super) fn look(&mut self, authorization: Option<&str>) -> FetchedDocument {
        let mut headers = Vec::from_iter(authorization.map(|value| ("authorization", value)));
        let known = self.etag.clone().filter(|_| self.document.file.exists());
        headers.extend(known.as_deref().map(|tag| ("if-none-match", tag)));
        let answer = match self.client.get_large(&self.url, &headers, ANSWER_MAX, ANSWER_BYTES_MAX) {
            Ok(answer) => answer,
            Err(error) => return FetchedDocument::Problem(format!("{}: {}", self.url, show_error(&error))),
        };
        let body = match answer.status {
            200 => body(&answer.body),
            304 if known.is_some() => return FetchedDocument::Same,
            404 if is_problem(&answer.body) => return FetchedDocument::Gone,
            300..=399 => Err("it redirects to another URL; give that URL to --from".into()),
            401 | 403 => {
                Err(format!("it answers {}; --token-file needs a token that may read", answer.status))
            }
            status => Err(format!("it answers {status}{}", detail(&answer.body))),
        };
        let body = match body {
            Ok(Value::Null) => return FetchedDocument::Gone,
            Ok(body) => body,
            Err(why) => return FetchedDocument::Problem(format!("{}: {why}", self.url)),
        };
        let written = self.write(format!("{body:#}\n").as_bytes());
        if !matches!(written, FetchedDocument::Problem(_)) {
            self.etag = answer.etag;
        }
        written
    }

    fn write(&self, bytes: &[u8]) -> FetchedDocument {
        let file = &self.document.file;
        if fs::read(file).is_ok_and(|known| known == bytes) {
            return FetchedDocument::Same;
        }
        match replace(file, bytes, MODE) {
            Ok(()) => FetchedDocument::Written,
            Err(error) => FetchedDocument::Problem(format!("cannot write {}: {error}", file.display())),
        }
    }

    /// Reports what was found, when that is news.
    pub(super) fn say(&mut self, found: FetchedDocument) {
        let (name, file) = (id(&self.document), self.document.file.display());
        let is_news = self.stated.as_ref() != Some(&found);
        match &found {
            FetchedDocument::Written => {
                logging::info("file written from the server", &[("document", &name), ("file", &file)])
            }
            FetchedDocument::Same if is_news => {
                logging::info("file is up to date", &[("document", &name), ("file", &file)]);
            }
            FetchedDocument::Gone if is_news => logging::warn(
                "document not found on the server; keeping the file",
                &[("document", &name), ("file", &file)],
            ),
            FetchedDocument::Problem(why) if is_news => logging::warn(
                "cannot follow the document; keeping the file",
                &[("document", &name), ("file", &file), ("why", why)],
            ),
            FetchedDocument::Same | FetchedDocument::Gone | FetchedDocument::Problem(_) => {}
        }
        // Being in step is what follows being written, and no news.
        self.stated = Some(if found == FetchedDocument::Written { FetchedDocument::Same } else { found });
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
