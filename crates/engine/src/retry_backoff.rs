//! When to look again at a log that did not answer.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The first pause is up to 100 ms, and each up to twice as long as the one before. They are drawn between this and
/// twice as much, so that replicas which lost their log together do not come back to it together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(50))
    .with_max_delay(Duration::from_millis(2500))
    .with_jitter()
    .without_max_times();

/// Counts how long the log has been missing.
#[derive(Debug, Default)]
pub(crate) struct RetryBackoff {
    pauses: Option<ExponentialBackoff>,
}

impl RetryBackoff {
    /// Waits for the time to look again; for ever when the log is not missing.
    pub(crate) fn look_again(&mut self, is_missing: bool) -> impl Future<Output = ()> + use<> {
        if !is_missing {
            self.pauses = None;
        }
        let pause =
            is_missing.then(|| self.pauses.get_or_insert_with(|| PAUSES.build()).next().unwrap_or(PAUSE_MAX));
        async move {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        }
    }
}
