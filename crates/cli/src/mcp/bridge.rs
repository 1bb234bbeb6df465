//! The messages between a client and a server: which wait for an answer, which end, and in which order they go out.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use midflight_client::Client;
use reqwest::Url;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::headers::ParamHeaders;
use super::lines::{InputLine, LINE_BYTES_MAX};
use super::message::{AgentMessage, INVALID_REQUEST, MessageKind, UNAVAILABLE, error_answer};
use super::session::AgentSession;
use crate::fail::Failure;
use crate::output::eprint_status;

/// The most requests that wait for their answers, subscriptions among them.
const REQUESTS_MAX: usize = 64;
/// How long what others wait behind may take: the begin of a session, a notification, an answer to the server.
const IN_ORDER_MAX: Duration = Duration::from_secs(30);
/// How long the answers that are still missing may take when the input has ended, and then their way out.
const DRAIN_MAX: Duration = Duration::from_secs(5);

const LISTEN: &str = "subscriptions/listen";

/// Passes messages on between a client, which has the lines, and a server.
pub(super) struct McpBridge {
    pub(super) client: Client,
    pub(super) url: Url,
    out: mpsc::Sender<String>,
    /// Whether the list of tools can change.
    pub(super) can_change: bool,
    /// The session, for a client that began one.
    pub(super) session: watch::Sender<Option<AgentSession>>,
    pub(super) renewing: tokio::sync::Mutex<()>,
    pub(super) params: ParamHeaders,
    /// The requests that wait for their answers, by id.
    pending: Mutex<HashMap<String, PendingRequest>>,
}

/// A request that waits for its answer.
struct PendingRequest {
    /// Closes the request when it is dropped.
    _stop: oneshot::Sender<()>,
    /// Whether it states its version itself: closing it is how it is cancelled then.
    stands_alone: bool,
    is_listen: bool,
}

impl McpBridge {
    pub(super) fn new(client: Client, url: Url, out: mpsc::Sender<String>, can_change: bool) -> Arc<Self> {
        Arc::new(Self {
            client,
            url,
            out,
            can_change,
            session: watch::Sender::new(None),
            renewing: tokio::sync::Mutex::default(),
            params: ParamHeaders::default(),
            pending: Mutex::default(),
        })
    }

    /// Passes messages on until the input ends, or the reader of the output closes it.
    pub(super) async fn run(
        self: Arc<Self>,
        mut lines: mpsc::Receiver<io::Result<InputLine>>,
        mut written: oneshot::Receiver<Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let mut tasks = JoinSet::new();
        let mut follower = None;
        let ended = loop {
            let line = tokio::select! {
                line = lines.recv() => line,
                end = &mut written => return end.unwrap_or(Err(Failure::Closed)),
            };
            match line {
                None => break Ok(()),
                Some(Err(error)) => break Err(Failure::failed(format!("cannot read stdin: {error}"))),
                Some(Ok(line)) => self.take(line, &mut tasks, &mut follower).await,
            }
            while tasks.try_join_next().is_some() {}
        };
        // What never ends by itself ends now; the other requests get their answers.
        self.pending().retain(|_, request| !request.is_listen);
        if let Some(follower) = follower {
            follower.abort();
        }
        drop(timeout(DRAIN_MAX, async { while tasks.join_next().await.is_some() {} }).await);
        tasks.shutdown().await;
        self.close().await;
        // The last sender of lines goes with it.
        drop(self);
        match timeout(DRAIN_MAX, written).await {
            Ok(Ok(Err(failure))) => Err(failure),
            _ => ended,
        }
    }

    async fn take(
        self: &Arc<Self>,
        line: InputLine,
        tasks: &mut JoinSet<()>,
        follower: &mut Option<AbortHandle>,
    ) {
        let bytes = match line {
            InputLine::Bytes(bytes) if bytes.trim_ascii().is_empty() => return,
            InputLine::Bytes(bytes) => bytes,
            InputLine::TooLong => {
                let messages =
                    format!("the line has more than {LINE_BYTES_MAX} bytes; send a shorter message");
                return self.write(error_answer(&Value::Null, INVALID_REQUEST, &messages)).await;
            }
        };
        let message = match AgentMessage::read(&bytes) {
            Ok(message) => message,
            Err(answer) => return self.write(answer).await,
        };
        match message.kind() {
            MessageKind::Request { method: "initialize", id } => {
                let id = id.clone();
                let message = Arc::new(message);
                // What comes after it needs the session.
                let begun = in_order(self.begin(&message)).await;
                let answer = begun.map(|(answer, session)| {
                    if session.is_some() {
                        self.session.send_replace(session);
                    }
                    answer
                });
                self.write_answer(&id, answer).await;
            }
            MessageKind::Request { .. } => self.begin_request(message, tasks).await,
            MessageKind::Notification { method: "notifications/cancelled" } => self.cancel(&message).await,
            MessageKind::Notification { method } => {
                let is_ready = method == "notifications/initialized";
                self.tell(&message).await;
                if is_ready && follower.is_none() && self.session().is_some() {
                    let bridge = Arc::clone(self);
                    let (first, opened) = oneshot::channel();
                    *follower = Some(tasks.spawn(async move { bridge.follow(first).await }));
                    // A change after the next list is a notice only once the stream is open.
                    drop(timeout(IN_ORDER_MAX, opened).await);
                }
            }
            MessageKind::Answer => self.tell(&message).await,
        }
    }

    /// Sends a request beside the others.
    async fn begin_request(self: &Arc<Self>, message: AgentMessage, tasks: &mut JoinSet<()>) {
        let id = message.id().cloned().unwrap_or_default();
        let (stop, stopped) = oneshot::channel();
        if let Err(refused) = self.admit(&message, &id, stop) {
            return self.write(error_answer(&id, UNAVAILABLE, &refused)).await;
        }
        let bridge = Arc::clone(self);
        tasks.spawn(async move {
            let answer = tokio::select! {
                answer = bridge.ask(&message, &id) => answer,
                // A request that was cancelled has no answer.
                _ = stopped => return,
            };
            // Its id is free before the client sees the answer.
            bridge.pending().remove(&id.to_string());
            bridge.write_answer(&id, answer).await;
        });
    }

    fn admit(&self, message: &AgentMessage, id: &Value, stop: oneshot::Sender<()>) -> Result<(), String> {
        let mut pending = self.pending();
        if pending.len() >= REQUESTS_MAX {
            return Err(format!(
                "too many requests: {REQUESTS_MAX} wait for their answers; wait for one, or cancel one"
            ));
        }
        let key = id.to_string();
        if pending.contains_key(&key) {
            return Err(format!("a request with the id {key} is in flight; use another id"));
        }
        let request = PendingRequest {
            _stop: stop,
            stands_alone: message.own_version().is_some(),
            is_listen: message.method() == Some(LISTEN),
        };
        pending.insert(key, request);
        Ok(())
    }

    /// Ends a request that its client does not wait for any more.
    async fn cancel(&self, message: &AgentMessage) {
        let id = message.params().and_then(|params| params.get("requestId")).map(Value::to_string);
        let request = id.and_then(|id| self.pending().remove(&id));
        if !request.is_some_and(|request| request.stands_alone) && self.session().is_some() {
            self.tell(message).await;
        }
    }

    /// Sends what has no answer.
    async fn tell(&self, message: &AgentMessage) {
        let messages = in_order(async { self.accepted(self.post(message).await?).await }).await;
        if let Err(failure) = messages {
            let what = message.method().unwrap_or("an answer");
            eprint_status(&format!("{what} did not reach the server: {}", failure.text()));
        }
    }

    /// Writes the result of a request: its answer, or why there is none and what to do.
    async fn write_answer(&self, id: &Value, answer: Result<AgentMessage, Failure>) {
        let text = match answer {
            Ok(answer) => answer.text,
            Err(failure) => {
                let messages: Vec<_> = failure.text().lines().map(|line| line.trim().to_owned()).collect();
                error_answer(id, UNAVAILABLE, &messages.join("; "))
            }
        };
        self.write(text).await;
    }

    /// Writes a line, unless the reader closed the output.
    pub(super) async fn write(&self, text: String) {
        drop(self.out.send(text).await);
    }

    pub(super) fn session(&self) -> Option<AgentSession> {
        self.session.borrow().clone()
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, HashMap<String, PendingRequest>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for what others wait behind, and not for ever.
async fn in_order<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(IN_ORDER_MAX, future).await.unwrap_or_else(|_| {
        let seconds = IN_ORDER_MAX.as_secs();
        Err(Failure::failed(format!("no answer within {seconds} s; run `midflight doctor`")))
    })
}
