//! Selection: one load of what is served per request, so all of an answer is of one revision.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use midflight_engine::{Interrupted, Work};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::kind::{Members, add_to, members_of};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_tools::ToolsSnapshot;
use midflight_tools::selection::{SelectionError, SelectionRequest};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{SelectBody, SelectionAnswer, ToolBasis};
use serde_json::Value;

use super::app::ToolsApp;
use super::compute::{BRIEF_ITEMS_MAX, ComputeBounds, computed};
use super::metrics::Selected;

/// Selects among the patterns of tools: the best first, with the verdict of every policy that applies, and a question
/// where the best ones are too close to call. A pattern whose formulas need a variable that was not given is listed as
/// not evaluated.
#[utoipa::path(post, path = "/api/v1/tools/select", tag = "tools", request_body = SelectBody,
    responses((status = 200, body = SelectionAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn select_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<Members>, ApiError> {
    let began = Instant::now();
    let request = SelectionRequest::read(&body).map_err(|problems| {
        ApiError::new(Code::INVALID_INPUT, "the selection cannot be read").with(&problems)
    })?;
    let tools = app.parts.tools.snapshot();
    let bounds = ComputeBounds::of_list(&app, "ask for fewer items");
    let is_tried = tools.pattern_count() <= BRIEF_ITEMS_MAX;
    let basis = ToolBasis {
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
    };
    let job = move |work: &Work| choose(&tools, &request, work);
    let chosen = computed(&app, &principal, bounds, is_tried, job).await??;
    let took = began.elapsed();
    let selected = Selected { tool: chosen.tool.as_deref(), is_ambiguous: chosen.is_ambiguous, took };
    app.parts.metrics.selected(&app.metrics, selected);
    let mut answer = chosen.answer;
    add_to(&mut answer, members_of(&basis)?);
    answer.insert("time_us".to_owned(), (took.as_secs_f64() * 1e6).into());
    Ok(Json(answer))
}

/// A selection as it is answered and counted.
struct SelectedAnswer {
    answer: Members,
    tool: Option<String>,
    is_ambiguous: bool,
}

fn choose(
    tools: &Pinned<ToolsSnapshot>,
    request: &SelectionRequest,
    work: &Work,
) -> Result<Result<SelectedAnswer, ApiError>, Interrupted> {
    let selection = match tools.select_within(request, work) {
        Ok(selection) => selection,
        Err(SelectionError::Interrupted(why)) => return Err(why),
        Err(error) => return Ok(Err(refused(&error))),
    };
    let tool = selection.candidates.first().map(|best| best.tool.id().to_owned());
    let is_ambiguous = selection.ambiguity.is_some();
    let answer = members_of(&selection.to_json());
    Ok(answer.map(|answer| SelectedAnswer { answer, tool, is_ambiguous }))
}

/// The answer to a request by which nothing can be selected.
fn refused(error: &SelectionError) -> ApiError {
    let problem = error.to_problem();
    let code = match error {
        SelectionError::UnknownTool { .. } => Code::NOT_FOUND,
        _ => Code::INVALID_INPUT,
    };
    ApiError::new(code, error.to_string()).at(&problem.path, problem.message)
}
