//! The WebSocket of the compatibility API: reloads, as they happen. A client that does not keep up is dropped with a
//! reason and delays no other.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::SinkExt as _;
use jiff::Timestamp;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::routes;

use crate::monitoring_status::monitoring_status;

use super::broadcaster::EventBatch;
use super::event::Event;
use crate::app::AppState;
use crate::code::Code;
use crate::kind::add_to;
use crate::principal::Permission::Read;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::wire::stamp;

/// The longest message of a client, in bytes: it has two short ones to send.
const MESSAGE_BYTES_MAX: usize = 4096;
/// What is read of a client at once, in bytes. The library fills a buffer of this size for every client that is connected,
/// of 128 KiB by default: 1.3 GB for 10,000 clients that send nothing.
const READ_BYTES: usize = 1024;
/// How many bytes of the events of a reload are written at once.
const WRITE_BYTES: usize = 16 << 10;
/// How long a last message may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The route of events.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().at(Read, routes!(socket))
}

/// What a client may send.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientRequest {
    Ping,
    Status,
}

/// Reload events as messages `{event_type, timestamp, data}`.
///
/// The first message is `status`; its data has the state of hot reloading as its members and as `hot_reload`, and
/// `registry`. A client may send `{"type":"ping"}`, answered with `{"type":"pong","event_type":"pong", ..}`, and
/// `{"type":"status"}`. A client that falls behind is closed with 1013, one whose token is revoked or expires with
/// 1008, and a stop of the server closes all with 1001.
#[utoipa::path(get, path = "/ws/hot-reload", tag = "hot-reload",
    responses((status = 101, description = "The connection becomes a WebSocket"),
        (status = "default", body = ProblemBody)))]
async fn socket(
    State(app): State<AppState>,
    principal: Principal,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|error| ApiError::new(Code::INVALID_HEADER, error.body_text()))?;
    let own = app.sockets_of_caller.take(&principal)?;
    let max = app.limits.websocket_clients_max;
    let place = app.events.places.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{max} clients are connected (websocket_clients_max); try again later");
        ApiError::new(Code::BUSY, detail)
    })?;
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    let upgrade = upgrade.read_buffer_size(READ_BYTES).write_buffer_size(WRITE_BYTES);
    let tasks = app.tasks.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            // Subscribed before the status is sent, so that nothing is lost in between.
            let batches = app.events.listen();
            let client = SocketClient { socket, app, principal };
            client.run(batches).await;
            drop((place, own));
        })
    }))
}

struct SocketClient {
    socket: WebSocket,
    app: AppState,
    principal: Principal,
}

/// Why a client is disconnected: a close code and a reason. None when it went by itself.
type CloseReason = Option<(u16, &'static str)>;

const STOPPING: CloseReason = Some((close_code::AWAY, "the server is stopping"));
const GONE: CloseReason = Some((close_code::POLICY, "the token was revoked, changed or expired"));
const TOO_SLOW: CloseReason = Some((
    close_code::AGAIN,
    "too slow: more reloads are waiting than websocket_queue_max; read /api/v1/reloads",
));

impl SocketClient {
    async fn run(mut self, mut batches: Receiver<EventBatch>) {
        let close_reason = match self.send(self.status()).await {
            Ok(()) => self.serve(&mut batches).await,
            Err(close_reason) => close_reason,
        };
        if let Some((code, reason)) = close_reason {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            // One that does not read does not receive it either; its connection is dropped all the same.
            drop(tokio::time::timeout(FAREWELL, self.socket.send(Message::Close(Some(frame)))).await);
        }
    }

    async fn serve(&mut self, batches: &mut Receiver<EventBatch>) -> CloseReason {
        let (app, principal) = (self.app.clone(), self.principal.clone());
        let stopping = &app.stopping;
        let mut removed = std::pin::pin!(app.tokens.removed(&principal));
        loop {
            let sent = tokio::select! {
                () = stopping.cancelled() => return STOPPING,
                () = &mut removed => return GONE,
                batch = batches.recv() => match batch {
                    Ok(batch) => self.send_all(&batch).await,
                    Err(RecvError::Lagged(_)) => return TOO_SLOW,
                    Err(RecvError::Closed) => return STOPPING,
                },
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.send(self.answer(text.as_str())).await,
                    Some(Ok(Message::Binary(_))) => return Some((close_code::UNSUPPORTED, "send text")),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                },
            };
            if let Err(close_reason) = sent {
                return close_reason;
            }
        }
    }

    /// Sends the events of a reload, several with each write.
    async fn send_all(&mut self, batch: &EventBatch) -> Result<(), CloseReason> {
        for text in batch.iter() {
            in_time(&self.app, self.socket.feed(Message::Text(text.clone()))).await?;
        }
        in_time(&self.app, self.socket.flush()).await
    }

    async fn send(&mut self, text: Utf8Bytes) -> Result<(), CloseReason> {
        in_time(&self.app, self.socket.send(Message::Text(text))).await
    }

    fn answer(&self, text: &str) -> Utf8Bytes {
        match serde_json::from_str(text) {
            Ok(ClientRequest::Ping) => pong(),
            Ok(ClientRequest::Status) => self.status(),
            Err(error) => {
                let message = format!("send {{\"type\":\"ping\"}} or {{\"type\":\"status\"}}: {error}");
                Event::new("error", json!({ "message": message })).to_message()
            }
        }
    }

    fn status(&self) -> Utf8Bytes {
        let status = self.app.engine.status();
        let mut data = json!(monitoring_status(&self.app, &status));
        if let Some(members) = data.as_object_mut() {
            self.app.kinds.health(&status).into_iter().for_each(|kind| add_to(members, kind.members));
            // Clients of the rule engine read them there.
            let hot_reload = Value::Object(members.clone());
            members.insert("hot_reload".to_owned(), hot_reload);
        }
        Event::new("status", data).to_message()
    }
}

/// Waits until a message has left, unless it takes too long or the server stops.
async fn in_time(
    app: &AppState,
    sent: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), CloseReason> {
    let longest = Duration::from_millis(app.limits.websocket_send_ms_max);
    tokio::select! {
        sent = tokio::time::timeout(longest, sent) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(TOO_SLOW),
        },
        () = app.stopping.cancelled() => Err(STOPPING),
    }
}

/// The answer to a ping. Clients of the rule engine know it by its `type`, all others by its `event_type`.
fn pong() -> Utf8Bytes {
    let timestamp = stamp(Timestamp::now());
    json!({ "type": "pong", "event_type": "pong", "timestamp": timestamp, "data": {} }).to_string().into()
}
