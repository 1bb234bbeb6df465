//! Forgets the entries of the audit that are older than the config says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use midflight_http::app::AppState;

/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(3_600);

/// Looks at the start and then by the period, until the server stops. `kept` says how long entries are kept; it is
/// asked each time.
pub(crate) async fn run(app: AppState, kept: impl Fn() -> SignedDuration + Send) {
    loop {
        if let Ok(before) = Timestamp::now().checked_sub(kept()) {
            match app.engine.store().forget_audit(before).await {
                Ok(0) => {}
                Ok(forgotten) => tracing::info!(forgotten, %before, "old entries of the audit deleted"),
                Err(error) => tracing::debug!(%error, "cannot delete old entries of the audit; trying again"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopping.cancelled() => return,
        }
    }
}
