//! How a bus does, for those who watch it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How a bus does. The counts are of this process since the bus was made.
#[derive(Debug, Clone)]
pub struct BusStatus {
    /// Which bus it is: `memory`, `redis`, `nats` or `postgres`.
    pub name: &'static str,
    /// Where its server is, without a password.
    pub address: String,
    /// Whether hints go out and come in now.
    pub connected: bool,
    /// Since when it is connected, or is not.
    pub since: Instant,
    /// How often it reconnected.
    pub reconnects: u64,
    /// How many hints went out.
    pub published: u64,
    /// How many messages came in that were hints.
    pub heard: u64,
    /// How many messages were malformed, or not signed with the log's key.
    pub ignored: u64,
    /// Why it is not connected, or why it was not the last time.
    pub last_error: Option<String>,
}

/// Where a bus writes down how it does.
#[derive(Debug)]
pub(crate) struct Record(Mutex<BusStatus>);

impl Record {
    pub(crate) fn new(name: &'static str, address: String, connected: bool) -> Self {
        let since = Instant::now();
        let (reconnects, published, heard, ignored) = (0, 0, 0, 0);
        let last_error = None;
        Self(Mutex::new(BusStatus {
            name,
            address,
            connected,
            since,
            reconnects,
            published,
            heard,
            ignored,
            last_error,
        }))
    }

    /// The status, to be read or written. Never held across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, BusStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
