//! What a client reports while a request is under way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ClientError;

/// What happens beside the result of a request. For messages and progress bars; nothing depends on it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent<'a> {
    /// The server's log is unavailable: the answer is from its local copy, as of this revision.
    FromCopy {
        /// The revision.
        revision: &'a str,
    },
    /// A request failed and is sent again after a pause.
    Retrying {
        /// Why it failed.
        error: &'a ClientError,
        /// The pause.
        after: Duration,
    },
    /// A part of a body of 1 MiB or more was sent.
    Uploading {
        /// How many bytes were sent.
        sent: u64,
        /// How many there are.
        total: u64,
    },
}

/// What is called with each event.
type EventCallback = dyn Fn(ClientEvent<'_>) + Send + Sync;

/// Who is notified of events.
#[derive(Clone)]
pub(crate) struct EventObserver(Option<Arc<EventCallback>>);

impl EventObserver {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(observer: impl Fn(ClientEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(crate) fn notify(&self, event: ClientEvent<'_>) {
        if let Some(observer) = &self.0 {
            observer(event);
        }
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for EventObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventObserver").field(&self.0.is_some()).finish()
    }
}
