//! The answer to a write of one tool: the tool as it is after it, and the result of the write.

use axum::http::StatusCode;
use axum::response::Response;
use midflight_core::DocumentId;
use midflight_engine::AcceptedEdit;
use midflight_http::kind::{Members, members_of};
use midflight_http::problem::ApiError;
use midflight_http::write::{Submitted, WriteParams, answer, answer_as, looked_at};

use super::app::ToolsApp;
use super::authors::authors;
use super::wire::tool_answer;

/// Answers with the tool, and `status` where the write was made.
///
/// # Errors
/// When the log cannot be read after the write; the write was made then.
pub(super) async fn answer_tool(
    app: &ToolsApp,
    params: &WriteParams,
    submitted: Submitted,
    id: &DocumentId,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let own = match &submitted {
        Submitted::Done(accepted, _) => members(app, accepted, id).await?,
        _ => return Ok(answer(app, params, submitted).await),
    };
    Ok(answer_as(app, params, submitted, (status, own)).await)
}

/// The members of a tool after a write; none where it is not there after it.
async fn members(app: &ToolsApp, accepted: &AcceptedEdit, id: &DocumentId) -> Result<Members, ApiError> {
    let store = app.engine.store();
    let changed = accepted.diff.get(id).and_then(|diff| diff.new.clone());
    let (at, body) = match changed {
        Some(body) => (looked_at(app, accepted), Some(body)),
        // It was made before under its key: the tool is as the log has it now.
        None if accepted.repeats.is_some() => {
            let (head, heads) = store.heads(std::slice::from_ref(id)).await?;
            (head.number, heads.into_iter().flatten().next().and_then(|document| document.body))
        }
        // It changed nothing: the tool is as it was compared.
        None => {
            let at = looked_at(app, accepted);
            (at, store.document_at(id, at).await?.and_then(|document| document.body))
        }
    };
    let Some(body) = body else { return Ok(Members::new()) };
    let authors = authors(app, std::slice::from_ref(id), at).await?;
    members_of(&tool_answer(id.name.as_str(), &body, authors.first().and_then(Option::as_ref)))
}
