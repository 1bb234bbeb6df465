//! What is counted of the modules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, Unit};
use midflight_core::DocumentName;
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_module_host::{CacheCounts, MetricsSnapshot, ModuleHost, ModulePhase};

use super::status::{ModuleState, SeenModule};

/// How many modules have labels of their own; the others share `other`.
const LABELS_MAX: usize = 200;
/// The label of the modules past that.
const OTHER: &str = "other";
/// The upper ends of the buckets of pauses, in seconds: from a state of a few entries to one of a million.
const PAUSE_SECONDS: &[f64] =
    &[0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// A count of one module, by its name and help, and how it is read.
type Count = (&'static str, &'static str, fn(&MetricsSnapshot) -> u64);

const COUNTS: [Count; 14] = [
    ("midflight_module_messages_accepted_total", "Messages accepted by modules.", |it| it.accepted),
    ("midflight_module_messages_answered_total", "Messages answered by modules, with failures too.", |it| {
        it.answered
    }),
    ("midflight_module_messages_failed_total", "Messages answered with a failure of the module.", |it| {
        it.failures
    }),
    ("midflight_module_messages_abandoned_total", "Messages accepted and lost: a defect.", |it| it.abandoned),
    ("midflight_module_messages_refused_total", "Messages refused because the mailbox was full.", |it| {
        it.refused_full
    }),
    ("midflight_module_messages_poisoned_total", "Messages that trapped two instances.", |it| it.poisoned),
    ("midflight_module_messages_lost_by_restart_total", "Acknowledged messages lost by a restart.", |it| {
        it.lost_by_restart
    }),
    ("midflight_module_traps_total", "Instances of modules that trapped.", |it| it.traps),
    ("midflight_module_restarts_total", "Restarts of modules after a trap.", |it| it.restarts),
    ("midflight_module_reloads_total", "Reloads of modules that went live.", |it| it.committed),
    ("midflight_module_returns_total", "Returns of modules to the retained instance.", |it| it.returns),
    (
        "midflight_module_reloads_pre_copied_total",
        "Reloads of modules that took over only changes of the state in the pause.",
        |it| it.pre_copied,
    ),
    (
        "midflight_module_pre_copy_fallbacks_total",
        "Reloads of modules that loaded the whole state in the pause, though it was copied before.",
        |it| it.pre_copy_fallbacks,
    ),
    ("midflight_module_journal_failures_total", "Records that the journal of modules did not take.", |it| {
        it.journal_failures
    }),
];

/// The metrics of the modules. A clone is the same.
#[derive(Clone)]
pub(super) struct ModulesMetrics(Arc<Inner>);

struct Inner {
    pauses: Histogram,
    states: Vec<(ModuleState, Gauge)>,
    failed: Vec<Counter>,
    memory: Gauge,
    compiled: Counter,
    cache_hits: Counter,
    modules: Mutex<Labelled>,
}

/// The counters of each label, and what was counted of modules that are gone.
#[derive(Default)]
struct Labelled {
    by_label: HashMap<String, OfLabel>,
    /// What each module had counted when it was last looked at.
    last: HashMap<DocumentName, (String, MetricsSnapshot)>,
}

struct OfLabel {
    counters: Vec<Counter>,
    queue: Gauge,
}

impl ModulesMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let states = ModuleState::ALL.map(|state| {
            let labels = vec![Label::from_static_parts("state", state.word())];
            (state, registry.gauge("midflight_modules", "Modules on this replica, by state.", labels))
        });
        let failed = ModulePhase::ALL.map(|phase| {
            let labels = vec![Label::from_static_parts("phase", phase.word())];
            registry.counter(
                "midflight_module_reloads_failed_total",
                "Reloads of modules that failed, by phase.",
                labels,
            )
        });
        Self(Arc::new(Inner {
            pauses: registry.histogram(
                "midflight_module_pause_seconds",
                "Pauses of modules by reloads that went live, in seconds.",
                Unit::Seconds,
                PAUSE_SECONDS,
                Vec::new(),
            ),
            states: states.into(),
            failed: failed.into(),
            memory: registry.gauge(
                "midflight_module_memory_reserved_bytes",
                "Memory that is reserved for instances of modules, in bytes.",
                Vec::new(),
            ),
            compiled: registry.counter(
                "midflight_module_compiles_total",
                "Components compiled, for each of two engines.",
                Vec::new(),
            ),
            cache_hits: registry.counter(
                "midflight_module_compile_cache_hits_total",
                "Components found in the compile cache.",
                Vec::new(),
            ),
            modules: Mutex::default(),
        }))
    }

    /// Records the pause of a reload that went live.
    pub(super) fn paused(&self, pause: Duration) {
        self.0.pauses.record(pause.as_secs_f64());
    }

    /// Takes over what the host counts.
    #[expect(clippy::cast_precision_loss, reason = "counts and bytes are far below where that matters")]
    pub(super) fn refresh(&self, registry: &MetricsRegistry, host: &ModuleHost, seen: &[SeenModule]) {
        for (state, gauge) in &self.0.states {
            gauge.set(seen.iter().filter(|seen| seen.state == *state).count() as f64);
        }
        self.0.memory.set(host.reserved_bytes() as f64);
        let CacheCounts { memory_hits, file_hits, compiled, .. } = host.cache_counts();
        self.0.compiled.absolute(compiled);
        self.0.cache_hits.absolute(memory_hits + file_hits);
        let mut labelled = self.0.modules.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, of_label) in labelled.by_label.iter() {
            of_label.queue.set(0.0);
        }
        for seen in seen {
            if let Some(now) = host.metrics(&seen.name) {
                self.add(registry, &mut labelled, &seen.name, now);
            }
        }
    }

    /// Adds what a module has counted since it was last looked at. One that was unloaded and loaded again begins at 0.
    #[expect(clippy::cast_precision_loss, reason = "lengths of queues are far below where that matters")]
    fn add(
        &self,
        registry: &MetricsRegistry,
        labelled: &mut Labelled,
        module: &DocumentName,
        now: MetricsSnapshot,
    ) {
        let Labelled { by_label, last } = labelled;
        let (label, before) = match last.remove(module) {
            Some((label, before)) if before.accepted <= now.accepted => (label, before),
            Some((label, _)) => (label, MetricsSnapshot::default()),
            None => {
                let is_own = by_label.contains_key(module.as_str()) || by_label.len() < LABELS_MAX;
                let label = if is_own { module.as_str() } else { OTHER };
                (label.to_owned(), MetricsSnapshot::default())
            }
        };
        let of_label = by_label.entry(label.clone()).or_insert_with(|| OfLabel::new(registry, &label));
        for (counter, (_, _, read)) in of_label.counters.iter().zip(COUNTS) {
            counter.increment(read(&now).saturating_sub(read(&before)));
        }
        of_label.queue.increment(now.waiting as f64);
        for (counter, (now, before)) in self.0.failed.iter().zip(now.failed.iter().zip(before.failed)) {
            counter.increment(now.saturating_sub(before));
        }
        last.insert(module.clone(), (label, now));
    }
}

impl OfLabel {
    fn new(registry: &MetricsRegistry, module: &str) -> Self {
        let labels = || vec![Label::new("module", module.to_owned())];
        let counters = COUNTS.map(|(name, help, _)| registry.counter(name, help, labels()));
        let queue = registry.gauge(
            "midflight_module_messages_waiting",
            "Messages that wait for a module or are worked on; past 200 modules as `other`.",
            labels(),
        );
        Self { counters: counters.into(), queue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_past_the_bound_share_a_label_and_a_reset_count_goes_on() {
        let (registry, module) =
            (MetricsRegistry::new(), |n: usize| DocumentName::new(&format!("m{n}")).unwrap());
        let metrics = ModulesMetrics::new(&registry);
        let mut labelled = Labelled::default();
        let mut counted = MetricsSnapshot::default();
        counted.accepted = 3;
        for n in 0..LABELS_MAX + 50 {
            metrics.add(&registry, &mut labelled, &module(n), counted.clone());
        }
        assert_eq!(labelled.by_label.len(), LABELS_MAX + 1);
        let mut again = MetricsSnapshot::default();
        again.accepted = 1;
        metrics.add(&registry, &mut labelled, &module(0), again);
        assert_eq!(labelled.last[&module(0)].1.accepted, 1);
    }
}
