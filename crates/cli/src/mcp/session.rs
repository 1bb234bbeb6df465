//! Sessions of the protocol until 2025-11-25: begun, begun again when the server does not know them any more, and their
//! stream.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::bridge::McpBridge;
use super::exchange::{EVENT_STREAM, MessageStream, is_stream, post_headers};
use super::headers::PROTOCOL_VERSION;
use super::message::AgentMessage;
use crate::fail::Failure;
use crate::output::eprint_status;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The longest pause before the stream is opened again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The pauses before that, each twice as long as the one before.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_max_delay(PAUSE_MAX)
    .without_max_times();
/// How long the end of a session may take.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A session.
#[derive(Debug, Clone)]
pub(super) struct AgentSession {
    id: HeaderValue,
    /// The version that the server chose.
    version: HeaderValue,
    /// The message that began it, to begin another one with.
    opening: Arc<AgentMessage>,
}

impl AgentSession {
    pub(super) fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(SESSION_ID, self.id.clone()), (PROTOCOL_VERSION, self.version.clone())])
    }
}

impl McpBridge {
    /// Begins a session, and answers the server's reply and the session, if it began one.
    pub(super) async fn begin(
        &self,
        opening: &Arc<AgentMessage>,
    ) -> Result<(AgentMessage, Option<AgentSession>), Failure> {
        let id = opening.id().cloned().unwrap_or_default();
        let response = self.send(HeaderMap::new(), opening).await?;
        let session = response.headers().get(SESSION_ID).cloned();
        let answer = self.answer(response, &id).await?;
        let Some(result) = answer.result() else { return Ok((answer, None)) };
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        let (Some(id), Ok(version)) = (session, HeaderValue::from_str(version)) else {
            return Err(Failure::failed(
                "the answer to initialize has no header mcp-session-id; let the proxy before the server pass it on",
            ));
        };
        let opening = Arc::clone(opening);
        Ok((answer, Some(AgentSession { id, version, opening })))
    }

    /// Begins a session in the place of one that the server does not know any more, once for all that find that out.
    pub(super) async fn renew(&self, ended: &AgentSession) -> Result<AgentSession, Failure> {
        let _turn = self.renewing.lock().await;
        if let Some(session) = self.session().filter(|session| session.id != ended.id) {
            return Ok(session);
        }
        let (answer, session) = self.begin(&ended.opening).await?;
        let session = session.ok_or_else(|| {
            let answer = answer.text;
            Failure::failed(format!(
                "the session ended, and the server starts no new one: {answer}; restart the client"
            ))
        })?;
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
        let response = self.exchange(Method::POST, post_headers(session.headers()), ready);
        self.accepted(response.await?).await?;
        // No request is sent in it before the server knows that it is ready.
        self.session.send_replace(Some(session.clone()));
        eprint_status("the server no longer knows the session; started a new one");
        Ok(session)
    }

    /// Passes on what the server sends of its own accord, over lost connections and ended sessions, for as long as the
    /// command runs. A client that may have missed a notice is asked to list again. `first` ends with the first try.
    pub(super) async fn follow(&self, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let mut sessions = self.session.subscribe();
        let (mut pauses, mut is_again) = (PAUSES.build(), false);
        loop {
            let Some(session) = sessions.borrow_and_update().clone() else { return };
            let began = Instant::now();
            let stream = self.stream(&session).await;
            drop(first.take());
            match stream {
                Ok(Some(stream)) => {
                    if is_again && self.can_change {
                        self.write(list_changed()).await;
                    }
                    tokio::select! {
                        () = self.pass_on(stream) => {}
                        // This stream is of a session that ended.
                        _ = sessions.changed() => {
                            is_again = true;
                            continue;
                        }
                    }
                }
                Ok(None) => {
                    if let Err(failure) = self.renew(&session).await {
                        eprint_status(&failure.text());
                    }
                }
                Err(failure) if !is_again => {
                    eprint_status(&format!("notices unavailable: {}", failure.text()))
                }
                Err(_) => {}
            }
            is_again = true;
            // A stream that ends at once each time is asked for ever less often.
            if began.elapsed() > PAUSE_MAX {
                pauses = PAUSES.build();
            }
            sleep(pauses.next().unwrap_or(PAUSE_MAX)).await;
        }
    }

    async fn pass_on(&self, mut stream: MessageStream) {
        while let Ok(Some(message)) = stream.next().await {
            self.write(message.text).await;
        }
    }

    /// Opens the stream of a session; none where the server does not know the session any more.
    async fn stream(&self, session: &AgentSession) -> Result<Option<MessageStream>, Failure> {
        let mut headers = session.headers();
        headers.insert(ACCEPT, EVENT_STREAM);
        let response = self.exchange(Method::GET, headers, "").await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK if is_stream(&response) => {
                Ok(Some(MessageStream::new(self.client.address(), response)))
            }
            _ => Err(self.refused(response).await),
        }
    }

    /// Ends the session, so that the server need not keep it. Where that fails it ends by itself.
    pub(super) async fn close(&self) {
        if let Some(session) = self.session() {
            let closing = self.exchange(Method::DELETE, session.headers(), "");
            drop(timeout(CLOSE_MAX, closing).await);
        }
    }
}

/// The message that makes a client list again.
fn list_changed() -> String {
    json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}).to_string()
}
