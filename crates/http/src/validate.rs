//! Whether what the log holds, or would hold, is valid: a candidate is made beside what is served, and dropped.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use midflight_core::Problems;
use midflight_engine::Validated;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::app::App;
use crate::body::OptionalJsonBody;
use crate::log::apply::changes;
use crate::principal::Permission::Operate;
use crate::principal::Principal;
use crate::problem::{ApiError, ProblemBody};
use crate::routes::Routes;
use crate::wire::{ChangeRequest, ProblemItem, items};
use crate::write::WriteParams;

/// The route of validations.
pub(crate) fn routes() -> Routes<App> {
    Routes::new().at(Operate, routes!(validate))
}

/// What to validate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ValidateRequest {
    /// Changes of documents, as `/api/v1/apply` takes them. Without any, all that the log holds is validated.
    changes: Option<Vec<ChangeRequest>>,
}

/// What is wrong, if something is.
#[derive(Debug, Serialize, ToSchema)]
struct ValidatedAnswer {
    /// Whether all of it is valid by itself and together, and passes its checks.
    valid: bool,
    /// The revision of the log that was validated, or that the changes were tried on.
    revision: u64,
    /// How many documents were looked at, by kind.
    documents: BTreeMap<String, usize>,
    /// Each thing that is wrong.
    problems: Vec<ProblemItem>,
}

/// Whether all that the log holds, or what some changes would make of it, is valid by itself and together, and passes its
/// checks. What is served stays as it is.
#[utoipa::path(post, path = "/api/v1/validate", tag = "log", request_body(content = Option<ValidateRequest>),
    responses((status = 200, body = ValidatedAnswer), (status = "default", body = ProblemBody)))]
async fn validate(
    principal: Principal,
    State(app): State<App>,
    OptionalJsonBody(request): OptionalJsonBody<ValidateRequest>,
) -> Result<Json<ValidatedAnswer>, ApiError> {
    let Some(requests) = request.unwrap_or_default().changes else {
        let Validated { revision, documents, problems } = app.engine.validate(principal.name()).await?;
        let documents = documents.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect();
        return Ok(answer(revision.get(), documents, &problems));
    };
    let changes = changes(requests)?;
    let mut documents = BTreeMap::new();
    changes.iter().for_each(|change| *documents.entry(change.id.kind.to_string()).or_default() += 1);
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

fn answer(revision: u64, documents: BTreeMap<String, usize>, problems: &Problems) -> Json<ValidatedAnswer> {
    Json(ValidatedAnswer { valid: problems.is_empty(), revision, documents, problems: items(problems) })
}
