//! Queries, and what they are.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;

/// A query to classify.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClassifyBody {
    /// The query, at most 8 KiB.
    pub query: String,
    /// The profile by which it is made comparable; `default` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The caller's own name for the conversation; nothing is kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// What a query is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassificationAnswer {
    /// Its category; null when nothing classified it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub category: Option<Arc<str>>,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// What is to be done with it: `respond`, `tool`, `route` or `react`.
    pub action: Option<Cow<'static, str>>,
    /// The answer to give, if there is one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub direct_response: Option<Arc<str>>,
    /// The pattern that matched.
    pub matched: Option<MatchedAnswer>,
    /// Where it comes from: `pattern`, `learned`, `llm` or `none`.
    pub source: Cow<'static, str>,
    /// The query as exact patterns see it.
    pub normalized: String,
    /// Whether an LLM was asked.
    pub llm_used: bool,
    /// Why nothing classified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub why: Option<Arc<str>>,
    /// The revision that it was computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// How long it took, in microseconds.
    pub time_us: f64,
}

/// The pattern that matched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MatchedAnswer {
    /// The pattern.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: Arc<str>,
    /// How its texts are found.
    pub r#match: Cow<'static, str>,
    /// Which text was found, as it is looked for.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub key: Arc<str>,
}

/// A query to normalize.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NormalizeBody {
    /// The query, at most 8 KiB.
    pub query: String,
    /// The profile; `default` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// The key of a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NormalizedAnswer {
    /// What exact patterns compare; empty when nothing is left of it.
    pub normalized: String,
    /// The revision that the profile is of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
