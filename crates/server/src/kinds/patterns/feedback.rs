//! Feedback on an answer.

use axum::Json;
use axum::extract::State;
use midflight_core::JsonPointer;
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::idempotency::RequestKey;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_learning::{Feedback, FeedbackError, Sender};
use midflight_wire::patterns::{FeedbackBody, FeedbackDone, FeedbackWord};
use midflight_wire::problem::ProblemBody;

use super::app::PatternsApp;
use super::classify::refused;
use super::wire::feedback_done;

/// Counts for the pattern that answers the query whether it is right; a correction becomes a pattern.
#[utoipa::path(post, path = "/api/v1/patterns/feedback", tag = "patterns", request_body = FeedbackBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 128 visible characters. A \
                                                                       feedback that is sent again with its \
                                                                       key within 24 hours is counted and \
                                                                       learned once: the answer says \
                                                                       `repeated`. Another feedback with \
                                                                       the same key is refused if the first \
                                                                       one made a pattern, and otherwise \
                                                                       counted separately")),
    responses((status = 200, body = FeedbackDone), (status = "default", body = ProblemBody)))]
pub(super) async fn feedback(
    principal: Principal,
    State(app): State<PatternsApp>,
    key: Option<RequestKey>,
    JsonBody(body): JsonBody<FeedbackBody>,
) -> Result<Json<FeedbackDone>, ApiError> {
    let FeedbackBody { query, profile, feedback_type, corrected_category } = body;
    let wrong = |detail: &str| {
        let place = JsonPointer::root().key("corrected_category");
        Err(ApiError::new(Code::INVALID_BODY, detail).at(&place, detail))
    };
    let feedback = match (feedback_type, corrected_category) {
        (FeedbackWord::Positive, None) => Feedback::Positive,
        (FeedbackWord::Negative, None) => Feedback::Negative,
        (FeedbackWord::Correction, Some(category)) => Feedback::Correction(category),
        (FeedbackWord::Correction, None) => return wrong("a correction names the corrected_category"),
        (_, Some(_)) => return wrong("corrected_category goes with feedback_type correction"),
    };
    let sender = Sender {
        author: principal.name().to_owned(),
        principal: principal.id(),
        key: key.map(|key| key.of_edit(&principal)),
    };
    let done = app.parts.classifier.feedback(&query, profile.as_deref(), feedback, sender).await;
    match done {
        Ok(done) => Ok(Json(feedback_done(done))),
        Err(FeedbackError::Classify(error)) => Err(refused(&error)),
        Err(error @ FeedbackError::Store(_)) => Err(ApiError::new(Code::OUTCOME_UNKNOWN, error.to_string())),
        Err(FeedbackError::Refused(refusal)) => Err(midflight_http::refusal::refused(&app.kinds, *refusal)),
        Err(error) => Err(ApiError::new(Code::INVALID_INPUT, error.to_string())),
    }
}
