//! Events on their way to webhooks.

use std::time::Duration;

use jiff::Timestamp;
use midflight_core::DocumentName;

/// The state of a delivery that is still to be made.
pub(crate) const WAITING: &str = "waiting";

/// An event that is to be sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The id of the event. There is one delivery of an event to a webhook, however often it is added.
    pub id: String,
    /// The webhook.
    pub webhook: DocumentName,
    /// What sort of event it is.
    pub event: String,
    /// What is sent.
    pub payload: String,
    /// Why it is added as a dead letter, which is not tried; none for one that is to be sent.
    pub dead: Option<String>,
}

/// Up to where a source of events was read, and up to where it is read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorMove<'a> {
    /// The source.
    pub source: &'a str,
    /// Its cursor, as it was read; none when it had none.
    pub from: Option<u64>,
    /// The new cursor.
    pub to: u64,
}

/// How it is with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be made.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// It was tried as often as it may be.
    Dead,
}

impl DeliveryState {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => WAITING,
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// An event that is sent to a webhook, with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number, which only grows. Some may be missing.
    pub number: u64,
    /// What is sent where.
    pub new: NewDelivery,
    /// How it is with it.
    pub state: DeliveryState,
    /// How often it was tried, one that is being tried among them.
    pub attempts: u32,
    /// When it was added, by the store's clock, as all times here.
    pub created_at: Timestamp,
    /// When it is tried next; while it is tried, when another replica may.
    pub due_at: Timestamp,
    /// When it was delivered or became a dead letter; none while it waits.
    pub ended_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The receiver took it.
    Delivered,
    /// It is tried again.
    Again {
        /// How long to wait.
        after: Duration,
        /// Why it failed.
        error: String,
    },
    /// It is not tried again.
    Dead {
        /// Why it failed.
        error: String,
    },
}

impl AttemptEnd {
    pub(crate) fn state(&self) -> DeliveryState {
        match self {
            Self::Delivered => DeliveryState::Delivered,
            Self::Again { .. } => DeliveryState::Waiting,
            Self::Dead { .. } => DeliveryState::Dead,
        }
    }

    pub(crate) fn after(&self) -> Duration {
        match self {
            Self::Again { after, .. } => *after,
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Delivered => None,
            Self::Again { error, .. } | Self::Dead { error } => Some(error),
        }
    }
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Only to this webhook.
    pub webhook: Option<DocumentName>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those before the one with this number.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

/// Which deliveries to send again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResendQuery {
    /// This one, if it does not wait.
    One(u64),
    /// The dead letters of a webhook.
    DeadOf(DocumentName),
}

/// How many deliveries there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Those that wait.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Which deliveries are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryRetention {
    /// How long one that was made.
    pub delivered: Duration,
    /// How long a dead letter.
    pub dead: Duration,
    /// How many dead letters at most: the newest.
    pub dead_max: u64,
}

/// Milliseconds as the databases count.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn unknown_state(word: &str) -> crate::StoreError {
    crate::StoreError::Corrupt(format!("unknown state {word:?} of a delivery"))
}
