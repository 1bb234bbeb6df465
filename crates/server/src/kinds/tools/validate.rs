//! Whether a tool is valid: the one that the log has, or one that is sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::{Change, DocumentId, Precondition, Problem, Problems};
use midflight_engine::{Kind as _, Work};
use midflight_http::body::OptionalJsonBody;
use midflight_http::compute::TimeLimit;
use midflight_http::log::documents::absent;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::problem_item;
use midflight_http::write::WriteParams;
use midflight_tools::Tools;
use midflight_tools::import::canonical_tool;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::ToolValidation;
use serde_json::Value;

use super::app::ToolsApp;
use super::lint::findings;
use super::names::document_of;
use super::wire::{ToolBody, lint_sentence};

/// Validates a tool. With a body: that tool as the next version of the named one, by itself and beside the others, with
/// every check, as an edit would; nothing is changed. Without: the one that the log has, and what this replica found
/// wrong with it.
#[utoipa::path(post, path = "/api/v1/tools/{name}/validate", tag = "tools",
    params(("name" = String, Path, description = "The tool")), request_body(content = inline(Option<ToolBody>)),
    responses((status = 200, body = ToolValidation), (status = "default", body = ProblemBody)))]
pub(super) async fn validate_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody<Value>,
) -> Result<Json<ToolValidation>, ApiError> {
    let id = document_of(&app.parts.tools.snapshot(), &name, &principal)?;
    let (problems, warnings) = match body {
        None => stored(&app, &principal, &id).await?,
        Some(body) => sent(&app, &principal, &id, &body).await?,
    };
    Ok(Json(ToolValidation {
        valid: problems.is_empty(),
        errors: problems.iter().map(|problem| sentence(problem, &id)).collect(),
        warnings,
        problems: problems.iter().map(problem_item).collect(),
    }))
}

/// A problem as a sentence. The document is named where it is another one.
fn sentence(problem: &Problem, id: &DocumentId) -> String {
    match problem.document.as_ref() == Some(id) {
        true => Problem { document: None, ..problem.clone() }.to_string(),
        false => problem.to_string(),
    }
}

/// What is wrong with a tool, or else what its texts should not tell a model.
type CheckedTool = (Problems, Vec<String>);

/// The document that the log has, with what is wrong with it.
async fn stored(app: &ToolsApp, principal: &Principal, id: &DocumentId) -> Result<CheckedTool, ApiError> {
    let (_, heads) = app.engine.store().heads(std::slice::from_ref(id)).await?;
    let body = heads.into_iter().flatten().next().and_then(|document| document.body);
    let body = body.ok_or_else(|| absent(id))?;
    let (mut problems, warnings) = examined(app, principal, id, body).await?;
    problems = problems.in_document(id);
    // What is left out of what is served may be valid by itself, and not beside the others.
    let status = app.engine.status();
    for left_out in status.quarantined.values() {
        let of_it = left_out.problems.iter().filter(|problem| problem.document.as_ref() == Some(id));
        of_it.for_each(|problem| problems.add(problem.clone()));
    }
    let warnings = if problems.is_empty() { warnings } else { Vec::new() };
    Ok((problems, warnings))
}

/// The tool that was sent, with what an edit would find wrong with it.
async fn sent(
    app: &ToolsApp,
    principal: &Principal,
    id: &DocumentId,
    body: &Value,
) -> Result<CheckedTool, ApiError> {
    let body = match canonical_tool(body) {
        Ok((_, body)) => body,
        Err(problems) => return Ok((problems.in_document(id), Vec::new())),
    };
    let change = Change::put(id.clone(), body.clone()).when(Precondition::None);
    let edit = WriteParams::default().edit(principal, vec![change]);
    match app.engine.dry_run(edit).await {
        Ok(_) => {
            let (_, warnings) = examined(app, principal, id, Arc::new(body)).await?;
            Ok((Problems::default(), warnings))
        }
        Err(refused) => match refused.refusal.problems() {
            Some(problems) => Ok((problems.clone(), Vec::new())),
            None => Err(refused.into()),
        },
    }
}

/// What is wrong with a tool by itself, and else what its texts should not tell a model. The expressions of its schemas
/// are compiled for it, which is not brief.
async fn examined(
    app: &ToolsApp,
    principal: &Principal,
    id: &DocumentId,
    body: Arc<Value>,
) -> Result<CheckedTool, ApiError> {
    let time = TimeLimit { ms_max: app.parts.limits.lint_ms_max, name: "lint_ms_max" };
    let (tools, name) = (app.parts.tools.snapshot(), id.name.clone());
    let examine = move |work: &Work| {
        let read = Tools.validate(&name, &body, work);
        work.check().map_err(|_| time.exceeded())?;
        Ok(match read {
            Ok(document) => {
                let found = document.tool().map(|tool| findings(&tools, tool));
                (Problems::default(), found.iter().flatten().map(lint_sentence).collect())
            }
            Err(problems) => (problems, Vec::new()),
        })
    };
    app.compute.run(principal.into(), time, examine).await?
}
