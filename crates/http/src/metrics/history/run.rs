//! Takes samples while the server runs.

use jiff::Timestamp;

use crate::app::AppState;
use crate::log::status;

/// Takes a sample at each interval until the server stops. Cost: one read of each count, and of the reports of the
/// replicas in the store.
pub(crate) async fn run(app: AppState) {
    let samples = async {
        loop {
            // While the log is unavailable, nothing is known of the lag.
            let lag_ms = status::lag_ms(&app).await.ok().flatten();
            app.replica_metrics.lag.set(lag_ms.map_or(f64::NAN, |lag_ms| lag_ms / 1e3));
            app.history.take(Timestamp::now());
            tokio::time::sleep(app.history.settings().interval).await;
        }
    };
    // A stop does not wait for a store that does not answer.
    app.stopping.run_until_cancelled(samples).await;
}
