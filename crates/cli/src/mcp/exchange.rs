//! One message and what comes back: nothing, an answer as JSON, or a stream of messages that ends with the answer.

use bytes::Bytes;
use midflight_client::EventStream;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::bridge::McpBridge;
use super::headers;
use super::message::{AgentMessage, MessageKind};
use crate::fail::Failure;
use crate::output::eprint_status;

pub(super) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_OR_STREAM: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
/// The longest message of the server, in bytes: a list has up to some thousand tools with their schemas.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The messages of a stream.
pub(super) struct MessageStream(EventStream);

impl MessageStream {
    pub(super) fn new(address: &str, response: Response) -> Self {
        Self(EventStream::new(address, response, ANSWER_BYTES_MAX))
    }

    /// The next message; none at the end.
    ///
    /// # Errors
    /// When the connection broke.
    pub(super) async fn next(&mut self) -> Result<Option<AgentMessage>, Failure> {
        while let Some(event) = self.0.next().await? {
            if event.data.is_empty() {
                continue;
            }
            match AgentMessage::read(event.data.as_bytes()) {
                Ok(message) => return Ok(Some(message)),
                Err(_) => eprint_status("the server sent an invalid message; dropped"),
            }
        }
        Ok(None)
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
    /// Sends a text, and gives the answer whatever its status. The caller sets how long that may take.
    pub(super) async fn exchange(
        &self,
        method: Method,
        headers: HeaderMap,
        text: impl Into<Bytes>,
    ) -> Result<Response, Failure> {
        Ok(self.client.request_at(method, self.url.clone()).headers(headers).body(text).send_raw().await?)
    }

    /// Sends a message with these headers.
    pub(super) async fn send(&self, headers: HeaderMap, message: &AgentMessage) -> Result<Response, Failure> {
        self.exchange(Method::POST, post_headers(headers), message.text.clone()).await
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
            let mut stream = MessageStream::new(self.client.address(), response);
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
                self.client.address()
            ))),
            _ => Err(self.client.error_of(status, &text).into()),
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
            Ok(text) => self.client.error_of(status, &text).into(),
            Err(failure) => failure,
        }
    }

    /// The whole of an answer.
    async fn text(&self, mut response: Response) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let broken = |error| Failure::failed(format!("the answer of the server broke off: {error}"));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
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
