//! Feedback on answers, and its results.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::patterns::MatchedAnswer;

/// The feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FeedbackWord {
    /// It was right.
    Positive,
    /// It was wrong.
    Negative,
    /// It was wrong, and `corrected_category` would have been right.
    Correction,
}

/// Feedback on the answer to a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FeedbackBody {
    /// The query.
    pub query: String,
    /// The profile; `default` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The feedback.
    pub feedback_type: FeedbackWord,
    /// For a correction: what it would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected_category: Option<String>,
}

/// The result of a feedback.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedbackDone {
    /// Whether it was sent before under the same `Idempotency-Key`: nothing was counted or learned again.
    pub repeated: bool,
    /// The pattern that answers the query, and of which it was counted; null when none does.
    pub matched: Option<MatchedAnswer>,
    /// The result of a correction; null when there was none.
    pub correction: Option<CorrectionAnswer>,
    /// The revision by which the query was looked at.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// The result of a correction.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionAnswer {
    /// `made`, `agrees` (the query has that category already), `not_learned`, or `repeated` when `revision` made it
    /// before.
    pub outcome: Cow<'static, str>,
    /// The pattern that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern_id: Option<String>,
    /// Its status: `approved` answers, `pending` waits to be approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'static, str>>,
    /// The revision that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The pattern that answers the query all the same, since it comes first in the declared order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<String>,
    /// Why it was not learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
