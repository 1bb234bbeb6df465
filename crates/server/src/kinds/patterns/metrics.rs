//! What is counted of the patterns, and of the LLM that is asked about what they do not know.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit};
use midflight_components::{BreakerState, Llm};
use midflight_learning::{AnswerSource, Classifier};
use midflight_patterns::NotLearned;

use midflight_http::metrics::registry::{EXECUTION_SECONDS, MetricsRegistry, label, set_truth};

/// The metrics of the patterns. Cloning gives another handle on the same.
#[derive(Clone)]
pub(super) struct PatternsMetrics {
    classifications: [Counter; AnswerSource::ALL.len()],
    classification_time: Histogram,
    learned: Counter,
    not_learned: Vec<Counter>,
    llm_available: Gauge,
    llm_calls: Counter,
    llm_failures: Counter,
    llm_rate_limited: Counter,
}

impl PatternsMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let counter = |name, help| registry.counter(name, help, Vec::new());
        Self {
            classifications: AnswerSource::ALL.map(|source| {
                registry.sampled_counter(
                    "midflight_classifications_total",
                    "Queries classified, by source of the answer.",
                    label("source", source.as_str()),
                )
            }),
            classification_time: registry.sampled_histogram(
                "midflight_classification_time_seconds",
                "Time of classifications without a call of the LLM, in seconds.",
                Unit::Seconds,
                EXECUTION_SECONDS,
                Vec::new(),
            ),
            learned: counter("midflight_patterns_learned_total", "Patterns learned by this replica."),
            not_learned: NotLearned::REASONS
                .into_iter()
                .map(|reason| {
                    registry.counter(
                        "midflight_patterns_not_learned_total",
                        "Answers of the LLM that were not learned by this replica, by reason.",
                        label("reason", reason),
                    )
                })
                .collect(),
            llm_available: registry.gauge(
                "midflight_llm_available",
                "1 while an LLM is configured and its circuit breaker is not open.",
                Vec::new(),
            ),
            llm_calls: counter("midflight_llm_calls_total", "Calls of the LLM."),
            llm_failures: counter("midflight_llm_failures_total", "Failed calls of the LLM."),
            llm_rate_limited: counter(
                "midflight_llm_rate_limited_total",
                "Queries for which the rate limit prevented a call of the LLM.",
            ),
        }
    }

    /// Counts a query that was classified; its time too, unless it is mostly that of an LLM.
    pub(super) fn classified(&self, source: AnswerSource, llm_used: bool, took: Duration) {
        if let Some(place) = AnswerSource::ALL.iter().position(|known| *known == source) {
            self.classifications[place].increment(1);
        }
        if !llm_used {
            self.classification_time.record(took.as_secs_f64());
        }
    }

    /// Takes over what the classifier and the client of the LLM count themselves.
    pub(super) fn refresh(&self, classifier: &Classifier, llm: &Llm) {
        let (learning, calls) = (classifier.counts(), llm.counts());
        self.learned.absolute(learning.learned);
        for (counter, count) in self.not_learned.iter().zip(learning.not_learned) {
            counter.absolute(count);
        }
        set_truth(
            &self.llm_available,
            llm.status().is_some_and(|status| status.breaker != BreakerState::Open),
        );
        self.llm_calls.absolute(calls.calls);
        self.llm_failures.absolute(calls.failed);
        self.llm_rate_limited.absolute(learning.llm_rate_limited);
    }
}
