//! The start of the edge: what handlers share is put together, and what runs beside them begins.

use std::time::Duration;

use crate::app::{AppState, Parts};
use crate::metrics::{history, reloads};
use crate::{audit, events};

/// How often recorded times are folded into their summaries.
const UPKEEP: Duration = Duration::from_secs(5);

/// Composes what handlers share, and begins to count reloads and to send them to observers.
#[must_use]
pub fn start(parts: Parts) -> AppState {
    let reports = parts.engine.history().listen();
    reloads::count(&parts.engine, &parts.metrics);
    let app = AppState::new(parts);
    app.tasks.spawn(events::run::run(app.clone(), reports));
    app.tasks.spawn(upkeep(app.clone()));
    app.tasks.spawn(history::run::run(app.clone()));
    app.tasks.spawn(audit::run(app.clone()));
    app
}

async fn upkeep(app: AppState) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => app.metrics.upkeep(),
            () = app.stopping.cancelled() => return,
        }
    }
}
