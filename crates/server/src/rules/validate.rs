//! The seed's validate endpoint: compiles all that the log holds from nothing, beside what is served.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use midflight_core::{Document, Problem};
use midflight_engine::{Kind, KindChange, Work};
use midflight_rules::Rules;

use super::wire::{InvalidRule, ValidationAnswer};
use crate::app::App;
use crate::log::every;
use crate::problem::{ApiError, ProblemBody};

/// Whether all that the log holds is valid by itself and together. What is served stays as it is. Checks are asked by
/// every reload and are not asked here again.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/validate", tag = "hot-reload",
    responses((status = 200, body = ValidationAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn validate(State(app): State<App>) -> Result<Json<ValidationAnswer>, ApiError> {
    all(&app).await.map(Json)
}

/// Looks at all that the log holds.
pub(super) async fn all(app: &App) -> Result<ValidationAnswer, ApiError> {
    let head = app.engine.store().head().await?;
    let documents = every(app, &app.rules_kind, "", head).await?;
    let limits = *app.engine.limits();
    let work =
        Work::new(Instant::now() + Duration::from_millis(limits.reload_ms_max), limits.compile_bytes_max);
    let looked = tokio::task::spawn_blocking(move || look(documents, &work)).await;
    let (total_rules, errors) = looked.map_err(|error| ApiError::internal(&error))?;
    let invalid: BTreeSet<_> = errors.iter().map(|error| &error.rule_id).collect();
    let invalid_rules = invalid.len();
    Ok(ValidationAnswer {
        valid: errors.is_empty(),
        total_rules,
        valid_rules: total_rules.saturating_sub(invalid_rules),
        invalid_rules,
        errors,
        revision: head.get(),
    })
}

/// How many documents there are but for checks, and what is wrong with them.
fn look(documents: Vec<Document>, work: &Work) -> (usize, Vec<InvalidRule>) {
    let mut errors = Vec::new();
    let mut changes = Vec::with_capacity(documents.len());
    let mut total = 0;
    for document in documents.iter().filter(|document| !document.id.name.is_check()) {
        total += 1;
        let Some(body) = &document.body else { continue };
        match Rules.validate(&document.id.name, body, work) {
            Ok(valid) => changes.push(KindChange { name: document.id.name.clone(), document: Some(valid) }),
            Err(problems) => {
                let problems = problems.in_document(&document.id);
                errors.extend(problems.iter().map(invalid));
            }
        }
    }
    if errors.is_empty()
        && let Err(problems) = Rules.compile(&Rules.empty(), changes, work)
    {
        errors.extend(problems.iter().map(invalid));
    }
    (total, errors)
}

fn invalid(problem: &Problem) -> InvalidRule {
    InvalidRule {
        rule_id: problem.document.as_ref().map_or_else(String::new, |id| id.name.to_string()),
        error: problem.message.clone(),
        path: problem.path.as_str().to_owned(),
    }
}
