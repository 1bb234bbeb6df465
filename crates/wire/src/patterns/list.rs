//! Patterns in a list, and how they do.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;

/// A pattern that is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatternItem {
    /// Its id.
    pub id: String,
    /// Its text as it was written, the first where it has several.
    pub pattern: String,
    /// All its texts, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<String>,
    /// What is looked for: the key of the first text.
    pub key: String,
    /// How its texts are found.
    pub r#match: Cow<'static, str>,
    /// Its profile.
    pub profile: String,
    /// The category of the queries that it matches.
    pub category: String,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// What is to be done with them.
    pub action: Cow<'static, str>,
    /// The answer to give to them.
    pub direct_response: Option<String>,
    /// `pending`, `approved` or `disabled`.
    pub status: Cow<'static, str>,
    /// Its place in the declared order.
    pub order: i32,
    /// `manual` or `llm`.
    pub created_by: Cow<'static, str>,
    /// How often it answered a query, on all replicas; the last moments may be missing.
    pub times_used: u64,
    /// Number of positive feedbacks.
    pub times_correct: u64,
    /// Number of negative feedbacks.
    pub times_wrong: u64,
    /// The share of positive feedback; null without feedback.
    pub accuracy: Option<f64>,
    /// When it last answered a query; null when it never did.
    pub last_used_at: Option<String>,
}

/// What was counted of a pattern, on all replicas together; the last moments may be missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageAnswer {
    /// How often it answered a query.
    pub times_used: u64,
    /// Number of positive feedbacks.
    pub times_correct: u64,
    /// Number of negative feedbacks.
    pub times_wrong: u64,
    /// The share of positive feedback; null without feedback.
    pub accuracy: Option<f64>,
    /// When it last answered a query; null when it never did.
    pub last_used_at: Option<String>,
}

/// A page of patterns, by id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatternList {
    /// The patterns.
    pub items: Vec<PatternItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// How patterns do, on all replicas together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PerformanceAnswer {
    /// The best patterns, best first.
    pub patterns: Vec<PatternPerformanceAnswer>,
    /// How many patterns were ever used or spoken of.
    pub ranked: usize,
    /// What patterns saved, by profile.
    pub profiles: BTreeMap<String, SavingsAnswer>,
    /// The revision that the patterns are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// How a pattern does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatternPerformanceAnswer {
    /// The pattern.
    pub id: String,
    /// Its category.
    pub category: String,
    /// What was counted of it.
    pub usage: UsageAnswer,
    /// The lower bound of the share of what was right, with 95 % confidence (Wilson).
    pub wilson_lower_bound: f64,
}

/// What patterns saved of a profile's calls of an LLM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SavingsAnswer {
    /// How many queries a pattern answered.
    pub answered_by_patterns: u64,
    /// How many an LLM answered.
    pub answered_by_llm: u64,
    /// How many nothing answered.
    pub unanswered: u64,
    /// What a call costs, by the learning policy.
    pub llm_call_cost: f64,
    /// What the calls would have cost that were not made.
    pub cost_saved: f64,
}
