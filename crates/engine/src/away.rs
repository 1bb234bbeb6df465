//! When to look again at a log that did not answer.

use std::time::Duration;

/// The first pause, and the longest. Each is up to twice as long as the one before.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Counts how long a log has not answered.
#[derive(Debug, Default)]
pub(crate) struct Away {
    pause: Option<Duration>,
}

impl Away {
    /// Waits for the time to look again; for ever when the log answered the last time. The pauses are drawn, so that
    /// replicas which lost their log together do not come back to it together.
    pub(crate) fn look_again(&mut self, is_away: bool) -> impl Future<Output = ()> + use<> {
        self.pause = is_away.then(|| self.pause.map_or(PAUSE.0, |pause| (pause * 2).min(PAUSE.1)));
        let pause = self.pause.map(|pause| pause.mul_f64(0.5 + fastrand::f64() / 2.0));
        async move {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        }
    }
}
