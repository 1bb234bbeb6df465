//! The time by which schedules are due: that of the log's server, so that a replica whose clock is wrong does nothing
//! early or late. A log on this machine has no other clock than its own.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::core::Core;

/// How old a measurement may be. Clocks drift by milliseconds in this time.
const VALID: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct LogClock {
    /// The server's time, and when it was that here.
    measured: Option<(Timestamp, Instant)>,
    asked_at: Option<Instant>,
}

impl LogClock {
    /// Asks the log for its time, unless that is known. Without an answer the last measurement stays valid.
    pub(super) async fn synchronize(&mut self, core: &Core) {
        if self.asked_at.is_some_and(|asked_at| asked_at.elapsed() < VALID) {
            return;
        }
        let asked_at = Instant::now();
        self.asked_at = Some(asked_at);
        match core.store.now().await {
            // The server read its clock somewhere between the question and the answer.
            Ok(Some(now)) => self.measured = Some((now, asked_at + asked_at.elapsed() / 2)),
            Ok(None) => self.measured = None,
            Err(error) => tracing::debug!(%error, "cannot read the clock of the log"),
        }
    }

    pub(super) fn now(&self, core: &Core) -> Timestamp {
        let Some((then, at)) = self.measured else { return core.now() };
        let since = SignedDuration::try_from(at.elapsed()).unwrap_or(SignedDuration::MAX);
        then.saturating_add(since).unwrap_or(Timestamp::MAX)
    }
}
