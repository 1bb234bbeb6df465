//! Queries and what they are.

use std::sync::Arc;
use std::time::Duration;

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{Matched, QueryAnswer};
use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A query to classify.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ClassifyBody {
    /// The query, at most 8 KiB.
    pub(in super::super) query: String,
    /// The profile by which it is made comparable; `default` by default.
    pub(in super::super) profile: Option<String>,
    /// The caller's own name for the conversation; nothing is kept of it.
    #[expect(dead_code, reason = "clients of the originals send it")]
    session_id: Option<String>,
}

/// What a query is.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ClassificationAnswer {
    /// Its category; null when nothing classified it.
    #[schema(value_type = Option<String>)]
    category: Option<Arc<str>>,
    /// How sure that is, 0 to 1.
    confidence: f64,
    /// What is to be done with it: `respond`, `tool`, `route` or `react`.
    action: Option<&'static str>,
    /// The answer to give, if there is one.
    #[schema(value_type = Option<String>)]
    direct_response: Option<Arc<str>>,
    /// The pattern that matched.
    matched: Option<MatchedAnswer>,
    /// Where it comes from: `pattern`, `learned`, `llm` or `none`.
    source: &'static str,
    /// The query as exact patterns see it.
    normalized: String,
    /// Whether an LLM was asked.
    llm_used: bool,
    /// Why nothing classified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    why: Option<Arc<str>>,
    /// The revision that it was computed from.
    revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
    /// How long it took, in microseconds.
    time_us: f64,
}

/// The pattern that matched.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchedAnswer {
    /// The pattern.
    #[schema(value_type = String)]
    id: Arc<str>,
    /// How its texts are found.
    r#match: &'static str,
    /// Which text was found, as it is looked for.
    #[schema(value_type = String)]
    key: Arc<str>,
}

impl From<Matched> for MatchedAnswer {
    fn from(matched: Matched) -> Self {
        Self { id: matched.id, r#match: matched.how.as_str(), key: matched.key }
    }
}

impl ClassificationAnswer {
    pub(in super::super) fn new(answer: QueryAnswer, took: Duration) -> Self {
        Self {
            category: answer.category,
            confidence: answer.confidence,
            action: answer.action.map(|action| action.as_str()),
            direct_response: answer.direct_response,
            matched: answer.matched.map(MatchedAnswer::from),
            source: answer.source.as_str(),
            normalized: answer.normalized,
            llm_used: answer.llm_used,
            why: answer.why,
            revision: answer.revision.get(),
            quarantined: quarantined_revisions(&answer.quarantined),
            time_us: took.as_secs_f64() * 1e6,
        }
    }
}

/// A query to normalize.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NormalizeBody {
    /// The query, at most 8 KiB.
    pub(in super::super) query: String,
    /// The profile; `default` by default.
    pub(in super::super) profile: Option<String>,
}

/// The key of a query.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct NormalizedAnswer {
    /// What exact patterns compare; empty when nothing is left of it.
    pub(in super::super) normalized: String,
    /// The revision that the profile is of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
