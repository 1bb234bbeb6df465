//! The reload of the originals, in their fields and a few more.

use std::collections::BTreeMap;

use midflight_components::{BreakerState, LlmCounts, LlmStatus};
use midflight_learning::{AnswerSource, Counts};
use midflight_patterns::NotLearned;
use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::reload::{ReloadAnswer, StatisticsAnswer};
use midflight_wire::replicas::Ack;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::table::TableAnswer;

/// What to reload. Every replica looks at the log as a whole, so that it never serves a mix of two revisions. Of a
/// table that is followed only the row of a pattern that is named is taken over.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(in super::super) struct ReloadPatterns {
    /// A pattern that must be there: a string or a number.
    #[serde(default)]
    pub(in super::super) pattern_id: Option<Value>,
}

/// The result of a reload.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ReloadedPatterns {
    /// Whether every replica that is alive serves the current state of the log.
    pub(in super::super) success: bool,
    /// The same in words.
    pub(in super::super) message: String,
    /// How many replicas serve it, this one among them.
    pub(in super::super) subscribers: usize,
    /// The pattern that was named, as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) pattern_id: Option<Value>,
    /// The version of the pattern that was named which is served, and the revision that made it; null when none was
    /// named, or when its row is gone.
    pub(in super::super) pattern: Option<ReloadedPattern>,
    /// The report of each replica.
    pub(in super::super) replicas: Vec<Ack>,
    /// How the reload ended here: `success`, `unchanged`, or why not.
    pub(in super::super) outcome: String,
    /// How many patterns are served here.
    pub(in super::super) patterns: usize,
    /// The revision that is served here.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
    /// How long it took here.
    pub(in super::super) reload_time_ms: f64,
    /// When it began.
    pub(in super::super) timestamp: String,
}

/// A pattern that was named in a reload.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ReloadedPattern {
    /// Its version in the log.
    pub(in super::super) version: u64,
    /// The revision that made it so.
    pub(in super::super) revision: u64,
}

/// Reloads of patterns and results of queries, since this replica started.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct HotReloadMetrics {
    /// How many patterns are served.
    pub(in super::super) patterns: usize,
    /// How many of each category.
    pub(in super::super) categories: BTreeMap<String, usize>,
    /// The revision that is served.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub(in super::super) desired_revision: u64,
    /// Whether hints that the log moved come in.
    pub(in super::super) listening: bool,
    /// How often the bus reconnected.
    pub(in super::super) reconnects: u64,
    /// The reloads that changed patterns, of those that are kept.
    pub(in super::super) reloads: StatisticsAnswer,
    /// The last of them.
    pub(in super::super) last_reload: Option<ReloadAnswer>,
    /// What queries were answered with.
    pub(in super::super) classifications: ClassificationCounts,
    /// The LLM; null when none is configured.
    pub(in super::super) llm: Option<LlmAnswer>,
    /// The table that is followed; null when none is.
    pub(in super::super) table: Option<TableAnswer>,
}

/// What queries were answered with, and what was learned of them, on this replica.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ClassificationCounts {
    /// How many queries were answered by `pattern`, `learned`, `llm` and `none`.
    by_source: BTreeMap<&'static str, u64>,
    /// How many patterns were learned here.
    learned: u64,
    /// How many answers of the LLM were not learned, by reason; those that never occurred are left out.
    not_learned: BTreeMap<&'static str, u64>,
    /// How many queries the LLM was not asked about, since `llm_calls_per_minute_max` was reached.
    llm_rate_limited: u64,
    /// How many questions are on their way to the LLM.
    asking: usize,
}

impl From<Counts> for ClassificationCounts {
    fn from(counts: Counts) -> Self {
        let by_source = AnswerSource::ALL.iter().map(|source| source.as_str()).zip(counts.answered).collect();
        let not_learned = NotLearned::REASONS.into_iter().zip(counts.not_learned);
        Self {
            by_source,
            learned: counts.learned,
            not_learned: not_learned.filter(|(_, count)| *count > 0).collect(),
            llm_rate_limited: counts.llm_rate_limited,
            asking: counts.asking,
        }
    }
}

/// The LLM, and how its calls go.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct LlmAnswer {
    /// Who it is.
    provider: String,
    /// Which model answers.
    model: String,
    /// `closed` (it is asked), `open` (it is left alone for a while, since it failed) or `half_open` (it is tried
    /// again).
    breaker: &'static str,
    /// How many calls are on their way.
    in_flight: usize,
    /// How often it was called.
    calls: u64,
    /// How often it answered.
    answered: u64,
    /// How often it did not.
    failed: u64,
    /// How many calls were not made, since it was left alone.
    refused_by_breaker: u64,
    /// The tokens of all questions.
    tokens_asked: u64,
    /// The tokens of all answers.
    tokens_answered: u64,
    /// How long all calls together took.
    took_ms_total: u64,
}

impl From<(LlmStatus, LlmCounts)> for LlmAnswer {
    fn from((status, counts): (LlmStatus, LlmCounts)) -> Self {
        Self {
            provider: status.provider,
            model: status.model,
            breaker: match status.breaker {
                BreakerState::Closed => "closed",
                BreakerState::Open => "open",
                BreakerState::HalfOpen => "half_open",
            },
            in_flight: status.in_flight,
            calls: counts.calls,
            answered: counts.answered,
            failed: counts.failed,
            refused_by_breaker: counts.refused_by_breaker,
            tokens_asked: counts.tokens_asked,
            tokens_answered: counts.tokens_answered,
            took_ms_total: counts.took_ms_total,
        }
    }
}
