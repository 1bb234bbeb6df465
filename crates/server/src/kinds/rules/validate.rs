//! The compatibility endpoint for validation: a candidate of everything in the log, built beside what is served and
//! dropped.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use midflight_core::{DocumentId, Problem};
use midflight_engine::Validated;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::{InvalidRule, ValidationAnswer};

use super::app::RulesApp;

/// Whether all that the log holds is valid by itself and together, and keeps its checks. What is served stays as it is.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/validate", tag = "hot-reload",
    responses((status = 200, body = ValidationAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn validate(
    principal: Principal,
    State(app): State<RulesApp>,
) -> Result<Json<ValidationAnswer>, ApiError> {
    let Validated { revision, documents, problems } = app.engine.validate(principal.name()).await?;
    let is_rule =
        |id: &DocumentId| id.kind == app.parts.kind && !id.name.is_check() && app.sorts.of(id).word == "rule";
    let total_rules = documents.iter().filter(|id| is_rule(id)).count();
    let named = problems.iter().filter_map(|problem| problem.document.as_ref());
    let invalid_rules = named.filter(|id| is_rule(id)).collect::<BTreeSet<_>>().len();
    let errors = problems.iter().map(invalid).collect();
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
