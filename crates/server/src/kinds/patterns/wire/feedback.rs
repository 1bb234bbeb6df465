//! Feedback on answers, and its results.

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{Correction, FeedbackAnswer};
use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::classification::MatchedAnswer;

/// The feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum FeedbackWord {
    /// It was right.
    Positive,
    /// It was wrong.
    Negative,
    /// It was wrong, and `corrected_category` would have been right.
    Correction,
}

/// Feedback on the answer to a query.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct FeedbackBody {
    /// The query.
    pub(in super::super) query: String,
    /// The profile; `default` by default.
    pub(in super::super) profile: Option<String>,
    /// The feedback.
    pub(in super::super) feedback_type: FeedbackWord,
    /// For a correction: what it would have been.
    pub(in super::super) corrected_category: Option<String>,
}

/// The result of a feedback.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct FeedbackDone {
    /// Whether it was sent before under the same `Idempotency-Key`: nothing was counted or learned again.
    repeated: bool,
    /// The pattern that answers the query, and of which it was counted; null when none does.
    matched: Option<MatchedAnswer>,
    /// The result of a correction; null when there was none.
    correction: Option<CorrectionAnswer>,
    /// The revision by which the query was looked at.
    revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
}

/// The result of a correction.
#[derive(Debug, Default, Serialize, ToSchema)]
struct CorrectionAnswer {
    /// `made`, `agrees` (the query has that category already), `not_learned`, or `repeated` when `revision` made it
    /// before.
    outcome: &'static str,
    /// The pattern that has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern_id: Option<String>,
    /// Its status: `approved` answers, `pending` waits to be approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// The revision that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// The pattern that answers the query all the same, since it comes first in the declared order.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden_by: Option<String>,
    /// Why it was not learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<FeedbackAnswer> for FeedbackDone {
    fn from(answer: FeedbackAnswer) -> Self {
        let correction = answer.correction.map(|correction| match correction {
            Correction::Made(made) => CorrectionAnswer {
                outcome: "made",
                pattern_id: Some(made.id.to_string()),
                status: Some(made.status.as_str()),
                revision: Some(made.revision.get()),
                hidden_by: made.hidden_by.map(|id| id.to_string()),
                why: None,
            },
            Correction::Agrees => CorrectionAnswer { outcome: "agrees", ..CorrectionAnswer::default() },
            Correction::Repeated(revision) => CorrectionAnswer {
                outcome: "repeated",
                revision: Some(revision.get()),
                ..CorrectionAnswer::default()
            },
            Correction::NotLearned(why) => CorrectionAnswer {
                outcome: "not_learned",
                why: Some(why.to_string()),
                ..CorrectionAnswer::default()
            },
        });
        Self {
            repeated: answer.is_repeated,
            matched: answer.matched.map(MatchedAnswer::from),
            correction,
            revision: answer.revision.get(),
            quarantined: quarantined_revisions(&answer.quarantined),
        }
    }
}
