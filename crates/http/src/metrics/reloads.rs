//! Counts and times of the reloads of all kinds.

use metrics::{Label, Unit};
use midflight_core::{Outcome, Phase};
use midflight_engine::Engine;

use super::registry::{MetricsRegistry, RELOAD_SECONDS, label};

/// Counts every reload and edit that is refused or fails from now on, and measures those that change something.
pub(crate) fn count(engine: &Engine, registry: &MetricsRegistry) {
    let failed = Outcome::ALL.iter().filter(|outcome| !outcome.is_live()).map(|outcome| {
        let labels = label("outcome", outcome.as_str());
        let help = "Reloads and edits that were rejected or failed, by outcome.";
        (*outcome, registry.sampled_counter("midflight_reloads_failed_total", help, labels))
    });
    let failed: Vec<_> = failed.collect();
    let took = registry.sampled_histogram(
        "midflight_reload_duration_seconds",
        "Time of reloads and edits that changed what is served, in seconds.",
        Unit::Seconds,
        RELOAD_SECONDS,
        Vec::new(),
    );
    let phases = Phase::ALL.iter().map(|phase| {
        let help =
            "Time of a phase of the reloads and edits that changed what is served, in seconds, by phase.";
        let label = Label::from_static_parts("phase", phase.as_str());
        let name = "midflight_reload_phase_duration_seconds";
        (*phase, registry.sampled_means(name, help, Unit::Seconds, RELOAD_SECONDS, label))
    });
    let phases: Vec<_> = phases.collect();
    engine.history().observe(move |report| {
        if let Some((_, count)) = failed.iter().find(|(outcome, _)| report.event.outcome == *outcome) {
            count.increment(1);
        }
        if report.event.outcome == Outcome::Success {
            took.record(report.event.took.as_secs_f64());
            for time in &report.event.phases {
                if let Some((_, phase)) = phases.iter().find(|(phase, _)| time.phase == *phase) {
                    phase.record(time.took.as_secs_f64());
                }
            }
        }
    });
}
