//! Reloads of patterns, and figures since the start.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::QuarantinedRevisions;
use crate::patterns::TableAnswer;
use crate::reload::{ReloadAnswer, StatisticsAnswer};
use crate::replicas::Ack;

/// What to reload. Every replica looks at the log as a whole, so that it never serves a mix of two revisions. Of a
/// table that is followed only the row of a pattern that is named is taken over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadPatterns {
    /// A pattern that must be there: a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_id: Option<Value>,
}

/// The result of a reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadedPatterns {
    /// Whether every replica that is alive serves the current state of the log.
    pub success: bool,
    /// The same in words.
    pub message: String,
    /// How many replicas serve it, this one among them.
    pub subscribers: usize,
    /// The pattern that was named, as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_id: Option<Value>,
    /// The version of the pattern that was named which is served, and the revision that made it; null when none was named,
    /// or when its row was deleted.
    pub pattern: Option<ReloadedPattern>,
    /// The report of each replica.
    pub replicas: Vec<Ack>,
    /// How the reload ended here: `success`, `unchanged`, or why not.
    pub outcome: String,
    /// How many patterns are served here.
    pub patterns: usize,
    /// The revision that is served here.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// How long it took here.
    pub reload_time_ms: f64,
    /// When it began.
    pub timestamp: String,
}

/// A pattern that was named in a reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadedPattern {
    /// Its version in the log.
    pub version: u64,
    /// The revision that made it so.
    pub revision: u64,
}

/// Reloads of patterns and results of queries, since this replica started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HotReloadMetrics {
    /// How many patterns are served.
    pub patterns: usize,
    /// How many of each category.
    pub categories: BTreeMap<String, usize>,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// Whether hints that the log moved come in.
    pub listening: bool,
    /// How often the bus reconnected.
    pub reconnects: u64,
    /// The reloads that changed patterns, of those that are kept.
    pub reloads: StatisticsAnswer,
    /// The last of them.
    pub last_reload: Option<ReloadAnswer>,
    /// What queries were answered with.
    pub classifications: ClassificationCounts,
    /// The LLM; null when none is configured.
    pub llm: Option<LlmAnswer>,
    /// The table that is followed; null when none is.
    pub table: Option<TableAnswer>,
}

/// What queries were answered with, and what was learned of them, on this replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassificationCounts {
    /// How many queries were answered by `pattern`, `learned`, `llm` and `none`.
    pub by_source: BTreeMap<String, u64>,
    /// How many patterns were learned here.
    pub learned: u64,
    /// How many answers of the LLM were not learned, by reason; those that never occurred are left out.
    pub not_learned: BTreeMap<String, u64>,
    /// How many queries the LLM was not asked about, since `llm_calls_per_minute_max` was reached.
    pub llm_rate_limited: u64,
    /// How many questions are on their way to the LLM.
    pub asking: usize,
}

/// The LLM, and how its calls go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LlmAnswer {
    /// Who it is.
    pub provider: String,
    /// Which model answers.
    pub model: String,
    /// `closed` (it is asked), `open` (no calls for a while, since it failed) or `half_open` (it is tried
    /// again).
    pub breaker: Cow<'static, str>,
    /// How many calls are on their way.
    pub in_flight: usize,
    /// How often it was called.
    pub calls: u64,
    /// How often it answered.
    pub answered: u64,
    /// How often it did not.
    pub failed: u64,
    /// How many calls were not made, since the circuit was open.
    pub refused_by_breaker: u64,
    /// The tokens of all questions.
    pub tokens_asked: u64,
    /// The tokens of all answers.
    pub tokens_answered: u64,
    /// How long all calls together took.
    pub took_ms_total: u64,
}
