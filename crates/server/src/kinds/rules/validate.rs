//! The seed's validate endpoint: a candidate of all that the log holds, made beside what is served and dropped.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use midflight_core::Problem;
use midflight_engine::Validated;

use super::app::RulesApp;
use super::wire::{InvalidRule, ValidationAnswer};
use midflight_http::principal::Principal;
use midflight_http::problem::{ApiError, ProblemBody};

/// Whether all that the log holds is valid by itself and together, and keeps its checks. What is served stays as it is.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/validate", tag = "hot-reload",
    responses((status = 200, body = ValidationAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn validate(
    principal: Principal,
    State(app): State<RulesApp>,
) -> Result<Json<ValidationAnswer>, ApiError> {
    let Validated { revision, documents, problems } = app.engine.validate(principal.name()).await?;
    let total_rules = documents.get(&app.parts.kind).copied().unwrap_or(0);
    let errors: Vec<_> = problems.iter().map(invalid).collect();
    let invalid_rules = errors.iter().map(|error| &error.rule_id).collect::<BTreeSet<_>>().len();
    Ok(Json(ValidationAnswer {
        valid: problems.is_empty(),
        total_rules,
        valid_rules: total_rules.saturating_sub(invalid_rules),
        invalid_rules,
        errors,
        revision: revision.get(),
    }))
}

fn invalid(problem: &Problem) -> InvalidRule {
    InvalidRule {
        rule_id: problem.document.as_ref().map_or_else(String::new, |id| id.name.to_string()),
        error: problem.message.clone(),
        path: problem.path.as_str().to_owned(),
    }
}
