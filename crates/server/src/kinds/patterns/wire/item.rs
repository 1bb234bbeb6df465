//! Patterns in a list.

use midflight_learning::PatternUsage;
use midflight_patterns::Pattern;
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use utoipa::ToSchema;

use midflight_http::wire::stamp;

/// A pattern that is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PatternItem {
    /// Its id.
    pub(in super::super) id: String,
    /// Its text as it was written, the first where it has several.
    pattern: String,
    /// All its texts, where it has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<String>,
    /// What is looked for: the key of the first text.
    key: String,
    /// How its texts are found.
    r#match: &'static str,
    /// Its profile.
    profile: String,
    /// The category of the queries that it matches.
    category: String,
    /// How sure that is, 0 to 1.
    confidence: f64,
    /// What is to be done with them.
    action: &'static str,
    /// The answer to give to them.
    direct_response: Option<String>,
    /// `pending`, `approved` or `disabled`.
    status: &'static str,
    /// Its place in the declared order.
    order: i32,
    /// `manual` or `llm`.
    created_by: &'static str,
    /// How often it answered a query, on all replicas; the last moments may be missing.
    times_used: u64,
    /// Number of positive feedbacks.
    times_correct: u64,
    /// Number of negative feedbacks.
    times_wrong: u64,
    /// The share of positive feedback; null without feedback.
    accuracy: Option<f64>,
    /// When it last answered a query; null when it never did.
    last_used_at: Option<String>,
}

/// What was counted of a pattern, on all replicas together; the last moments may be missing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct UsageAnswer {
    /// How often it answered a query.
    times_used: u64,
    /// Number of positive feedbacks.
    times_correct: u64,
    /// Number of negative feedbacks.
    times_wrong: u64,
    /// The share of positive feedback; null without feedback.
    accuracy: Option<f64>,
    /// When it last answered a query; null when it never did.
    last_used_at: Option<String>,
}

impl From<PatternUsage> for UsageAnswer {
    fn from(usage: PatternUsage) -> Self {
        Self {
            times_used: usage.used,
            times_correct: usage.right,
            times_wrong: usage.wrong,
            accuracy: usage.accuracy(),
            last_used_at: usage.last_used_at.map(stamp),
        }
    }
}

impl From<&Pattern> for PatternItem {
    fn from(pattern: &Pattern) -> Self {
        let texts: Vec<_> = pattern.texts().map(str::to_owned).collect();
        Self {
            id: pattern.id().to_owned(),
            pattern: texts.first().cloned().unwrap_or_default(),
            any_of: if texts.len() > 1 { texts } else { Vec::new() },
            key: pattern.keys().next().map_or_else(String::new, |key| key.to_string()),
            r#match: pattern.match_kind().as_str(),
            profile: pattern.profile().to_owned(),
            category: pattern.category().to_owned(),
            confidence: pattern.confidence(),
            action: pattern.action().as_str(),
            direct_response: pattern.direct_response().map(str::to_owned),
            status: pattern.status().as_str(),
            order: pattern.order(),
            created_by: pattern.created_by().as_str(),
            times_used: 0,
            times_correct: 0,
            times_wrong: 0,
            accuracy: None,
            last_used_at: None,
        }
    }
}

impl PatternItem {
    /// Puts in what was counted of it.
    pub(in super::super) fn count(&mut self, usage: PatternUsage) {
        let UsageAnswer { times_used, times_correct, times_wrong, accuracy, last_used_at } = usage.into();
        (self.times_used, self.times_correct, self.times_wrong) = (times_used, times_correct, times_wrong);
        (self.accuracy, self.last_used_at) = (accuracy, last_used_at);
    }
}

/// A page of patterns, by id.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PatternList {
    /// The patterns.
    pub(in super::super) items: Vec<PatternItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(in super::super) next_cursor: Option<String>,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
