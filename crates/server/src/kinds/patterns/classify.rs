//! Classification: one load of what is served per query.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use midflight_engine::Work;
use midflight_http::agent_function::AgentFunction;
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::compute::{TimeLimit, brief};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_learning::{AskedBy, PatternLookup};
use midflight_patterns::ClassifyError;
use midflight_wire::patterns::{ClassificationAnswer, ClassifyBody, NormalizeBody, NormalizedAnswer};
use midflight_wire::problem::ProblemBody;
use serde_json::json;

use super::app::PatternsApp;
use super::wire::classification_answer;

/// Classifies a query: by the patterns that are live, and what nothing matches by the LLM, if there is one.
#[utoipa::path(post, path = "/api/v1/patterns/classify", tag = "patterns", request_body = ClassifyBody,
    responses((status = 200, body = ClassificationAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn classify(
    principal: Principal,
    State(app): State<PatternsApp>,
    JsonBody(body): JsonBody<ClassifyBody>,
) -> Result<Json<ClassificationAnswer>, ApiError> {
    answered(&app, &principal, body).await.map(Json)
}

/// The same for agents.
pub(super) fn function(app: PatternsApp) -> AgentFunction {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["query"], "properties": {
        "query": {"type": "string", "description": "The text to classify, at most 8 KiB."},
        "profile": {"type": "string", "description": "The profile by which it is made comparable."},
    }});
    let description = "Classifies a short text: its category, the action, and the pattern that matched.";
    let run = move |principal: Principal, body: ClassifyBody| {
        let app = app.clone();
        async move {
            let answer = answered(&app, &principal, body).await?;
            serde_json::to_value(answer).map_err(|error| ApiError::internal(&error))
        }
    };
    AgentFunction::new("classify", description, schema, run)
}

async fn answered(
    app: &PatternsApp,
    principal: &Principal,
    body: ClassifyBody,
) -> Result<ClassificationAnswer, ApiError> {
    // Any pattern may answer. Agents call this too, who are let in for the tools.
    principal.check_sees_all("patterns")?;
    let began = Instant::now();
    let asked_by = if principal.is_anonymous() { AskedBy::Anonymous } else { AskedBy::Known };
    let (query, profile) = (body.query, body.profile);
    let (query, looked) = match app.parts.classifier.look(&query, profile.as_deref(), &brief()) {
        Err(ClassifyError::TooExpensive { .. }) => look_long(app, principal, query, profile).await?,
        looked => (query, looked.map_err(|error| refused(&error))?),
    };
    let answer = app.parts.classifier.answer(&query, looked, asked_by).await;
    app.parts.metrics.classified(answer.source, answer.llm_used, began.elapsed());
    Ok(classification_answer(answer, began.elapsed()))
}

/// Looks at the patterns for longer than an async thread may.
async fn look_long(
    app: &PatternsApp,
    principal: &Principal,
    query: String,
    profile: Option<String>,
) -> Result<(String, PatternLookup), ApiError> {
    let limit = TimeLimit { ms_max: app.parts.limits.classify_ms_max, name: "classify_ms_max" };
    let classifier = app.parts.classifier.clone();
    let look = move |work: &Work| (classifier.look(&query, profile.as_deref(), work), query);
    let (looked, query) = app.compute.run(principal.into(), limit, look).await?;
    match looked {
        Err(ClassifyError::TooExpensive { .. }) => Err(limit.exceeded()),
        looked => Ok((query, looked.map_err(|error| refused(&error))?)),
    }
}

/// The key of a query: what exact patterns compare.
#[utoipa::path(post, path = "/api/v1/patterns/normalize", tag = "patterns", request_body = NormalizeBody,
    responses((status = 200, body = NormalizedAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn normalize(
    State(app): State<PatternsApp>,
    JsonBody(body): JsonBody<NormalizeBody>,
) -> Result<Json<NormalizedAnswer>, ApiError> {
    let patterns = app.parts.patterns.load();
    let normalized = patterns.normalize(&body.query, body.profile.as_deref());
    let normalized = normalized.map_err(|error| refused(&error))?;
    Ok(Json(NormalizedAnswer {
        normalized,
        revision: patterns.revision().get(),
        quarantined: quarantined_revisions(patterns.quarantined()),
    }))
}

/// A query that cannot be classified.
pub(super) fn refused(error: &ClassifyError) -> ApiError {
    let code = match error {
        ClassifyError::UnknownProfile { .. } => Code::NOT_FOUND,
        ClassifyError::TooLong { .. } => Code::TOO_LARGE,
        ClassifyError::TooExpensive { .. } => Code::TOO_EXPENSIVE,
        _ => Code::INVALID_INPUT,
    };
    ApiError::new(code, error.to_string())
}
