//! Which requests are sent again, how often, and after which pauses.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use uuid::Uuid;

/// How often a failed request is sent again, and after which pauses. Each pause is about twice the one before, with
/// jitter; a server that sends `Retry-After` sets the pause itself, up to `delay_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often it is sent again. 0 turns retries off.
    pub retries_max: usize,
    /// The first pause.
    pub delay_min: Duration,
    /// The longest pause.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    /// Three retries within about a second: a server that restarts or a busy one gets over it, and a person who gave a
    /// wrong address does not wait.
    fn default() -> Self {
        Self { retries_max: 3, delay_min: Duration::from_millis(100), delay_max: Duration::from_secs(2) }
    }
}

impl RetryPolicy {
    /// No request is sent again.
    pub const NONE: Self = Self { retries_max: 0, delay_min: Duration::ZERO, delay_max: Duration::ZERO };

    pub(crate) fn pauses(self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.delay_min)
            .with_max_delay(self.delay_max)
            .with_max_times(self.retries_max)
            .build()
    }
}

/// Whether a request may be sent again when its result is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repeatable {
    /// It changes nothing.
    Safe,
    /// The server makes it once for this key (`Idempotency-Key`).
    Keyed(String),
    /// Only when it did not reach the server.
    Unsent,
}

impl Repeatable {
    /// With a key that no other request has.
    pub(crate) fn keyed() -> Self {
        Self::Keyed(Uuid::now_v7().to_string())
    }
}
