//! Validation: a candidate is compiled and checked, and dropped.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use midflight_core::{DocumentId, Problems};
use midflight_engine::Validated;
use midflight_wire::edits::{ValidateRequest, ValidatedAnswer};
use midflight_wire::problem::ProblemBody;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::body::OptionalJsonBody;
use crate::log::apply::changes;
use crate::principal::Permission::Operate;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::wire::problem_items;
use crate::write::WriteParams;

/// The route of validations.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().at(Operate, routes!(validate))
}

/// Validates the whole log, or changes to it: compiles a candidate and runs the checks. Nothing is changed.
#[utoipa::path(post, path = "/api/v1/validate", tag = "log", request_body(content = Option<ValidateRequest>),
    responses((status = 200, body = ValidatedAnswer), (status = "default", body = ProblemBody)))]
async fn validate(
    principal: Principal,
    State(app): State<AppState>,
    OptionalJsonBody(request): OptionalJsonBody<ValidateRequest>,
) -> Result<Json<ValidatedAnswer>, ApiError> {
    let Some(requests) = request.unwrap_or_default().changes else {
        let Validated { revision, documents, problems } = app.engine.validate(principal.name()).await?;
        return Ok(answer(revision.get(), counts(&documents), &problems));
    };
    let changes = changes(requests)?;
    let documents = counts(changes.iter().map(|change| &change.id));
    let on = app.engine.status().desired.get();
    let edit = WriteParams::default().edit(&principal, changes);
    match app.engine.dry_run(edit).await {
        Ok(_) => Ok(answer(on, documents, &Problems::default())),
        Err(refused) => match refused.refusal.problems() {
            Some(problems) => Ok(answer(on, documents, problems)),
            None => Err(refused.into()),
        },
    }
}

fn counts<'a>(documents: impl IntoIterator<Item = &'a DocumentId>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    documents.into_iter().for_each(|id| *counts.entry(id.kind.to_string()).or_default() += 1);
    counts
}

fn answer(revision: u64, documents: BTreeMap<String, usize>, problems: &Problems) -> Json<ValidatedAnswer> {
    Json(ValidatedAnswer {
        valid: problems.is_empty(),
        revision,
        documents,
        problems: problem_items(problems),
    })
}
