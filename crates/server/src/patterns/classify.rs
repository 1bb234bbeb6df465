//! Classification: one load of what is served per query.

use std::time::Instant;

use axum::extract::State;
use axum::{Extension, Json};
use midflight_learning::AskedBy;
use midflight_patterns::ClassifyError;

use super::wire::{ClassificationAnswer, ClassifyBody, NormalizeBody, NormalizedAnswer};
use crate::app::App;
use crate::auth::Caller;
use crate::body::JsonBody;
use crate::problem::{ApiError, Code, ProblemBody};

/// Classifies a query: by the patterns that are live, and what nothing matches by the LLM, if there is one.
#[utoipa::path(post, path = "/api/v1/patterns/classify", tag = "patterns", request_body = ClassifyBody,
    responses((status = 200, body = ClassificationAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn classify(
    Extension(caller): Extension<Caller>,
    State(app): State<App>,
    JsonBody(body): JsonBody<ClassifyBody>,
) -> Result<Json<ClassificationAnswer>, ApiError> {
    let began = Instant::now();
    let asked_by = match caller {
        Caller::Anonymous => AskedBy::Anonymous,
        Caller::Known { .. } => AskedBy::Known,
    };
    let answer = app.classifier.classify_for(&body.query, body.profile.as_deref(), asked_by).await;
    let answer = answer.map_err(|error| refused(&error))?;
    app.metrics.classified(answer.source, answer.llm_used, began.elapsed());
    Ok(Json(ClassificationAnswer::new(answer, began.elapsed())))
}

/// The key of a query: what exact patterns compare.
#[utoipa::path(post, path = "/api/v1/patterns/normalize", tag = "patterns", request_body = NormalizeBody,
    responses((status = 200, body = NormalizedAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn normalize(
    State(app): State<App>,
    JsonBody(body): JsonBody<NormalizeBody>,
) -> Result<Json<NormalizedAnswer>, ApiError> {
    let patterns = app.patterns.load();
    let normalized = patterns.normalize(&body.query, body.profile.as_deref());
    let normalized = normalized.map_err(|error| refused(&error))?;
    Ok(Json(NormalizedAnswer {
        normalized,
        revision: patterns.revision().get(),
        quarantined: patterns.quarantined().into(),
    }))
}

/// A query that cannot be classified.
pub(super) fn refused(error: &ClassifyError) -> ApiError {
    let code = match error {
        ClassifyError::UnknownProfile { .. } => Code::NotFound,
        ClassifyError::TooLong { .. } => Code::TooLarge,
        _ => Code::InvalidInput,
    };
    ApiError::new(code, error.to_string())
}
