//! When to look again at a log that did not answer, and after components that stayed behind.

use std::time::Duration;

/// The first pause. Each is up to twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause while the log is away.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest while a component is behind: each try may take as long as a connection that does not come, and edits wait
/// for it meanwhile.
const PAUSE_MAX_BEHIND: Duration = Duration::from_secs(60);

/// What there is to look again for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The log did not answer the last time.
    Log,
    /// A component stayed behind.
    Component,
}

/// Counts how long something has been missing.
#[derive(Debug, Default)]
pub(crate) struct Away {
    pause: Option<Duration>,
}

impl Away {
    /// Waits for the time to look again; for ever when nothing is missing. The pauses are drawn, so that replicas which lost
    /// their log together do not come back to it together.
    pub(crate) fn look_again(&mut self, missing: Option<Missing>) -> impl Future<Output = ()> + use<> {
        let longest = match missing {
            Some(Missing::Component) => PAUSE_MAX_BEHIND,
            _ => PAUSE_MAX,
        };
        self.pause = missing.map(|_| self.pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(longest)));
        let pause = self.pause.map(|pause| pause.mul_f64(0.5 + fastrand::f64() / 2.0));
        async move {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        }
    }
}
