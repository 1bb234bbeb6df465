//! Counts of the reloads of all kinds.

use midflight_core::Outcome;
use midflight_engine::Engine;

use super::registry::{MetricsRegistry, label};

/// Counts every reload and edit that is refused or fails from now on.
pub(crate) fn count(engine: &Engine, registry: &MetricsRegistry) {
    let failed = Outcome::ALL.iter().filter(|outcome| !outcome.is_live()).map(|outcome| {
        let labels = label("outcome", outcome.as_str());
        let help = "Reloads and edits that were rejected or failed, by outcome.";
        (*outcome, registry.counter("midflight_reloads_failed_total", help, labels))
    });
    let failed: Vec<_> = failed.collect();
    engine.history().observe(move |report| {
        if let Some((_, count)) = failed.iter().find(|(outcome, _)| report.event.outcome == *outcome) {
            count.increment(1);
        }
    });
}
