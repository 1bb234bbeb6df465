//! The results of feedback.

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{Correction, FeedbackAnswer};
use midflight_wire::patterns::{CorrectionAnswer, FeedbackDone};

use super::classification::matched_answer;

fn correction_answer(correction: Correction) -> CorrectionAnswer {
    match correction {
        Correction::Made(made) => CorrectionAnswer {
            outcome: "made".into(),
            pattern_id: Some(made.id.to_string()),
            status: Some(made.status.as_str().into()),
            revision: Some(made.revision.get()),
            hidden_by: made.hidden_by.map(|id| id.to_string()),
            why: None,
        },
        Correction::Agrees => CorrectionAnswer { outcome: "agrees".into(), ..CorrectionAnswer::default() },
        Correction::Repeated(revision) => CorrectionAnswer {
            outcome: "repeated".into(),
            revision: Some(revision.get()),
            ..CorrectionAnswer::default()
        },
        Correction::NotLearned(why) => CorrectionAnswer {
            outcome: "not_learned".into(),
            why: Some(why.to_string()),
            ..CorrectionAnswer::default()
        },
    }
}

/// The result of a feedback.
pub(in super::super) fn feedback_done(answer: FeedbackAnswer) -> FeedbackDone {
    FeedbackDone {
        repeated: answer.is_repeated,
        matched: answer.matched.map(matched_answer),
        correction: answer.correction.map(correction_answer),
        revision: answer.revision.get(),
        quarantined: quarantined_revisions(&answer.quarantined),
    }
}
