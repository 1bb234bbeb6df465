//! What was observed of uses of tools: counted in memory, written beside the log in batches, added up over all
//! replicas; and what is learned of it.

mod counting;
mod forwarded;
mod learn;
mod read;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use midflight_engine::Engine;
use midflight_live::Live;
use midflight_tools::ToolsSnapshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use counting::ObservationCounter;
use learn::CorrectionLearner;

pub(super) use routes::{__path_get_telemetry, __path_observe, get_telemetry, observe};

/// How often what was counted is written: what a crash loses at most.
const FLUSH: Duration = Duration::from_secs(1);
/// How long a stop waits for a log that does not answer.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Counts what is observed, and learns of it where the settings of selections allow it. Cloning gives another handle on
/// the same.
#[derive(Clone)]
pub(super) struct Telemetry(Arc<TelemetryState>);

struct TelemetryState {
    engine: Engine,
    tools: Live<ToolsSnapshot>,
    counting: ObservationCounter,
    learner: CorrectionLearner,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Telemetry {
    /// Begins to write what is counted.
    pub(super) fn start(engine: &Engine, tools: &Live<ToolsSnapshot>, replica_id: &str) -> Self {
        // A start counts under a name of its own: its batches begin again.
        let source = format!("tools:{replica_id}@{}", jiff::Timestamp::now().as_nanosecond());
        let telemetry = Self(Arc::new(TelemetryState {
            engine: engine.clone(),
            tools: tools.clone(),
            counting: ObservationCounter::new(source),
            learner: CorrectionLearner::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        telemetry.0.tasks.spawn(telemetry.clone().run());
        telemetry
    }

    async fn run(self) {
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = tokio::time::sleep(FLUSH) => self.flush().await,
            }
        }
    }

    /// Writes what was counted, and learns of it. What cannot be written is kept, and written later.
    async fn flush(&self) {
        if self.0.counting.flush(&**self.0.engine.store()).await {
            self.0.learner.learn(&self.0.engine, &self.0.tools).await;
        }
    }

    /// Writes what was counted last, as long as the log takes it.
    pub(super) async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        let last = async {
            self.0.tasks.wait().await;
            self.flush().await;
        };
        if tokio::time::timeout(STOP_MAX, last).await.is_err() {
            tracing::error!("log unavailable; the last observations of tools are lost");
        }
    }
}
