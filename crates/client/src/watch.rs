//! Revisions as they go live, over lost connections too: none missed, none twice.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use midflight_core::KindName;
use midflight_wire::log::WatchedRevision;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Deserialize;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::sse::{EventStream, ServerEvent};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The longest event, in bytes: a revision names up to 256 documents.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// How long the beginning of a stream may take: a server that hangs would not be left else.
const CONNECT_MAX: Duration = Duration::from_secs(60);
/// The pauses before another connection. It is tried for as long as the caller asks for events.
const RECONNECT_MIN: Duration = Duration::from_millis(200);
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Follows the log of a server. Made by [`Client::watch`]; it connects with the first [`next`](Self::next).
#[derive(Debug)]
pub struct RevisionWatch {
    client: Client,
    kind: Option<KindName>,
    /// The last revision that was delivered; before the first connection of a watch from now on, none.
    position: Option<u64>,
    connection: WatchConnection,
    backoff: ExponentialBackoff,
    has_been_connected: bool,
}

/// Where a watch is.
#[derive(Debug)]
enum WatchConnection {
    Open(Box<EventStream>),
    /// To be opened, after a pause.
    Closed(Option<Duration>),
    /// The server follows another log.
    Over,
}

/// What a watch delivers.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A revision that went live, or that this replica quarantines (`quarantined`).
    Revision(Box<Answer<WatchedRevision>>),
    /// The revisions that this replica quarantines changed.
    QuarantineChanged(QuarantineChange),
    /// The connection broke. The next event comes when there is another one.
    Disconnected {
        /// The last revision that was delivered.
        after: Option<u64>,
    },
    /// There is a connection again; the watch continues after the last revision.
    Reconnected,
    /// The server follows another log from now on: numbers of revisions before are of other revisions. Read everything
    /// again, and begin another watch. This is the last event.
    LogAdopted,
}

/// Which revisions a replica quarantines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QuarantineChange {
    /// Up to which revision that is known.
    pub position: u64,
    /// All that are quarantined now.
    pub quarantined: Vec<u64>,
    /// Those that no longer are.
    pub released: Vec<u64>,
}

impl Client {
    /// Follows the log: revisions after `since`, or from now on, of one kind or of all.
    #[must_use]
    pub fn watch(&self, since: Option<u64>, kind: Option<KindName>) -> RevisionWatch {
        RevisionWatch {
            client: self.clone(),
            kind,
            position: since,
            connection: WatchConnection::Closed(None),
            backoff: pauses(),
            has_been_connected: false,
        }
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(RECONNECT_MIN)
        .with_max_delay(RECONNECT_MAX)
        .without_max_times()
        .build()
}

impl RevisionWatch {
    /// The last revision that was delivered: what to pass as `since` to continue later.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The next event; none after [`WatchEvent::LogAdopted`]. A broken connection is opened again, after pauses of at
    /// most 5 s, for as long as this is called. Cancel safe: what was not delivered is delivered by the next call.
    ///
    /// # Errors
    /// When the first connection fails, or the server refuses to continue: its log begins after the position
    /// (`compacted`), the token is not valid any more.
    pub async fn next(&mut self) -> Result<Option<WatchEvent>, ClientError> {
        loop {
            let event = match &mut self.connection {
                WatchConnection::Over => return Ok(None),
                WatchConnection::Closed(pause) => {
                    if let Some(after) = *pause {
                        tokio::time::sleep(after).await;
                    }
                    match self.connect().await {
                        Ok(true) => return Ok(Some(WatchEvent::Reconnected)),
                        Ok(false) => {}
                        Err(error) if self.is_final(&error) => return Err(error),
                        Err(_) => self.connection = WatchConnection::Closed(self.backoff.next()),
                    }
                    continue;
                }
                WatchConnection::Open(stream) => stream.next().await,
            };
            match event {
                Ok(Some(event)) => {
                    if let Some(event) = self.read(event)? {
                        return Ok(Some(event));
                    }
                }
                Err(error @ ClientError::NotUnderstood { .. }) => return Err(error),
                Ok(None) | Err(_) => {
                    self.connection = WatchConnection::Closed(self.backoff.next());
                    return Ok(Some(WatchEvent::Disconnected { after: self.position }));
                }
            }
        }
    }

    /// Opens the stream after the last revision; says whether there was one before.
    async fn connect(&mut self) -> Result<bool, ClientError> {
        if self.position.is_none() {
            // From now on means after what is served now, also when the first connection breaks at once.
            self.position = Some(self.client.status().await?.served_revision);
        }
        let request = self.client.request(Method::GET, &["api", "v1", "watch"]);
        let request = request.query("kind", self.kind.as_ref());
        let request = match self.position {
            Some(position) => request.header(LAST_EVENT_ID, &position.to_string()),
            None => request,
        };
        let opened = tokio::time::timeout(CONNECT_MAX, request.open()).await;
        let opened = opened.unwrap_or_else(|_| Err(ClientError::silent(self.client.address(), CONNECT_MAX)));
        let stream = opened?.events(EVENT_BYTES_MAX);
        self.connection = WatchConnection::Open(Box::new(stream));
        self.backoff = pauses();
        Ok(std::mem::replace(&mut self.has_been_connected, true))
    }

    /// Whether connecting again would not help.
    fn is_final(&self, error: &ClientError) -> bool {
        match error {
            ClientError::Unreachable(_) | ClientError::Unavailable(_) => !self.has_been_connected,
            // A proxy may answer while the server restarts.
            ClientError::NotUnderstood { .. } => !self.has_been_connected,
            _ => true,
        }
    }

    fn read(&mut self, event: ServerEvent) -> Result<Option<WatchEvent>, ClientError> {
        let read = match event.name.as_str() {
            "revision" => serde_json::from_str(&event.data).map(|it| WatchEvent::Revision(Box::new(it))),
            "quarantine_changed" => serde_json::from_str(&event.data).map(WatchEvent::QuarantineChanged),
            "log_adopted" => {
                self.connection = WatchConnection::Over;
                Ok(WatchEvent::LogAdopted)
            }
            // `stopping` and `interrupted` announce the end of the stream, which follows.
            _ => return Ok(None),
        };
        let read = read.map_err(|error| ClientError::NotUnderstood {
            address: self.client.address().to_owned(),
            why: format!("cannot read its event {:?}: {error}", event.name),
        })?;
        self.position = event.id.and_then(|id| id.parse().ok()).or(self.position);
        Ok(Some(read))
    }
}
