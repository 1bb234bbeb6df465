//! One message and what comes back: nothing, an answer as JSON, or a stream of messages that ends with the answer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::bridge::McpBridge;
use super::headers;
use super::message::{AgentMessage, MessageKind};
use crate::fail::Failure;
use crate::output::eprint_status;
use crate::sse::SseReader;

pub(super) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_OR_STREAM: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
/// The longest message of the server, in bytes: a list has up to some thousand tools with their schemas.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long a stream may be silent. The server writes to one every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The messages of a stream.
pub(super) struct MessageStream {
    response: Response,
    events: SseReader,
    messages: VecDeque<AgentMessage>,
}

impl MessageStream {
    pub(super) fn new(response: Response) -> Self {
        Self { response, events: SseReader::new(ANSWER_BYTES_MAX), messages: VecDeque::new() }
    }

    /// The next message; none at the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub(super) async fn next(&mut self) -> Result<Option<AgentMessage>, Failure> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(Some(message));
            }
            let chunk = match timeout(SILENCE_MAX, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(Failure::failed(format!("the stream failed: {error}"))),
                Err(_) => {
                    let silent = SILENCE_MAX.as_secs();
                    return Err(Failure::failed(format!("the stream was silent for {silent} s")));
                }
            };
            for event in self.events.take(&chunk)?.into_iter().filter(|event| !event.data.is_empty()) {
                match AgentMessage::read(event.data.as_bytes()) {
                    Ok(message) => self.messages.push_back(message),
                    Err(_) => eprint_status("the server sent an invalid message; dropped"),
                }
            }
        }
    }
}

/// Whether an answer is a stream of events.
pub(super) fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// The headers of every POST, and these.
pub(super) fn post_headers(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, JSON_OR_STREAM);
    headers
}

impl McpBridge {
    /// Sends a message with these headers.
    pub(super) async fn send(&self, headers: HeaderMap, message: &AgentMessage) -> Result<Response, Failure> {
        let body = Bytes::from(message.text.clone());
        self.client.exchange(Method::POST, self.url.clone(), post_headers(headers), body).await
    }

    /// Sends a message as its era has it. A session that the server does not know any more is begun again.
    pub(super) async fn post(&self, message: &AgentMessage) -> Result<Response, Failure> {
        let session = match (message.own_version(), self.session()) {
            (None, Some(session)) => session,
            (Some(version), _) => {
                let headers = headers::of_message(message, version, &self.params);
                return self.send(headers, message).await;
            }
            (None, None) => {
                return Err(Failure::failed(
                    "no session: send initialize first, or state the version of the protocol in \
                     params._meta[\"io.modelcontextprotocol/protocolVersion\"]",
                ));
            }
        };
        let response = self.send(session.headers(), message).await?;
        if response.status() != StatusCode::NOT_FOUND {
            return Ok(response);
        }
        let session = self.renew(&session).await?;
        self.send(session.headers(), message).await
    }

    /// Sends a request, passes on what comes before its answer, and answers that.
    pub(super) async fn ask(&self, message: &AgentMessage, id: &Value) -> Result<AgentMessage, Failure> {
        let response = self.post(message).await?;
        let answer = self.answer(response, id).await?;
        if let (Some("tools/list"), Some(result)) = (message.method(), answer.result()) {
            self.params.learn(result);
        }
        Ok(answer)
    }

    /// Passes on what comes until the answer to a request, and answers that.
    pub(super) async fn answer(&self, response: Response, id: &Value) -> Result<AgentMessage, Failure> {
        let status = response.status();
        if status.is_success() && is_stream(&response) {
            let mut stream = MessageStream::new(response);
            let why = loop {
                match stream.next().await {
                    Ok(Some(message)) if message.answers(id) => return Ok(message),
                    Ok(Some(message)) => self.write(message.text).await,
                    Ok(None) => break "the stream ended".to_owned(),
                    Err(failure) => break failure.text(),
                }
            };
            return Err(Failure::failed(format!(
                "{why} before the answer came; the request may have been done: check, then send it again"
            )));
        }
        let text = self.text(response).await?;
        match AgentMessage::read(text.as_bytes()) {
            Ok(message) if message.kind() == MessageKind::Answer => Ok(message.with_id(id)),
            _ if status.is_success() => Err(Failure::failed(format!(
                "{} does not respond like a Midflight server; name another with --url or MIDFLIGHT_URL",
                self.client.base()
            ))),
            _ => Err(self.client.refusal(status, &text)),
        }
    }

    /// Checks that a notification or an answer was taken.
    pub(super) async fn accepted(&self, response: Response) -> Result<(), Failure> {
        match response.status().is_success() {
            true => Ok(()),
            false => Err(self.refused(response).await),
        }
    }

    pub(super) async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        match self.text(response).await {
            Ok(text) => self.client.refusal(status, &text),
            Err(failure) => failure,
        }
    }

    /// The whole of an answer.
    async fn text(&self, mut response: Response) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.client.unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(Failure::failed(format!(
                    "the answer has more than {ANSWER_BYTES_MAX} bytes; ask for less, or use --expose search"
                )));
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
