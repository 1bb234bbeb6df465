//! When to look again at a log that did not answer.

use std::time::Duration;

/// The first pause. Each is up to twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Counts how long the log has been missing.
#[derive(Debug, Default)]
pub(crate) struct RetryBackoff {
    pause: Option<Duration>,
}

impl RetryBackoff {
    /// Waits for the time to look again; for ever when the log is not missing. The pauses are drawn, so that replicas
    /// which lost their log together do not come back to it together.
    pub(crate) fn look_again(&mut self, is_missing: bool) -> impl Future<Output = ()> + use<> {
        let next = self.pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX));
        self.pause = is_missing.then_some(next);
        let pause = self.pause.map(|pause| pause.mul_f64(0.5 + fastrand::f64() / 2.0));
        async move {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        }
    }
}
