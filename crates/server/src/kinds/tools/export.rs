//! Tools as YAML that an import reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use midflight_engine::{Interrupted, Work};
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::compute::TimeLimit;
use midflight_http::long_answer::{json, room_for_page};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_source::write_value;
use midflight_tools::export::export_tool;
use midflight_tools::{Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{ExportedTools, ImportFailure};
use serde_json::Value;

use super::app::ToolsApp;
use super::compute::{ComputeBounds, computed};
use super::names::served_all;

/// How many tools may be named.
const NAMES_MAX: usize = 10_000;
/// What to do instead of an export that is too long.
const CURE: &str = "name fewer tools, or stream all of them with GET /api/v1/export?kind=tools";

/// The named tools as a YAML list, by name; without names all of them. Imported again they are the same tools, with the
/// same digests. A name that no tool has is an error of the answer, and the others are exported. More than
/// `answer_bytes_max`, or than `import_ms_max` of computing, are refused.
#[utoipa::path(post, path = "/api/v1/tools/export", tag = "tools", request_body(content = Option<Vec<String>>),
    responses((status = 200, body = ExportedTools), (status = "default", body = ProblemBody)))]
pub(super) async fn export_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    OptionalJsonBody(names): OptionalJsonBody<Vec<String>>,
) -> Result<Response, ApiError> {
    let names = names.unwrap_or_default();
    if names.len() > NAMES_MAX {
        let detail = format!("{} names are given; at most {NAMES_MAX} may be", names.len());
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let tools = app.parts.tools.snapshot();
    let room = room_for_page(&app, &principal).await?;
    let (revision, quarantined) = (tools.revision().get(), quarantined_revisions(tools.quarantined()));
    let time = TimeLimit { ms_max: app.parts.limits.import_ms_max, name: "import_ms_max" };
    let bounds = ComputeBounds { time, cure: CURE };
    let job = move |work: &Work| Export::of(&tools, &names, work);
    let Export { yaml_content, tool_count, errors } =
        computed(&app, &principal, bounds, false, job).await??;
    let bytes = yaml_content.len() as u64;
    let success = errors.is_empty();
    let answer = ExportedTools { success, tool_count, yaml_content, errors, revision, quarantined };
    json(bytes, room, move || answer).await
}

/// What is exported, and the names that no tool has.
struct Export {
    yaml_content: String,
    tool_count: usize,
    errors: Vec<ImportFailure>,
}

impl Export {
    fn of(
        tools: &ToolsSnapshot,
        names: &[String],
        work: &Work,
    ) -> Result<Result<Self, ApiError>, Interrupted> {
        let (mut wanted, mut errors) = (Vec::new(), Vec::new());
        for (name, found) in names.iter().zip(served_all(tools, names.iter().map(String::as_str), work)?) {
            match found {
                Ok(tool) => wanted.push(tool),
                Err(error) => {
                    work.charge((name.len() + error.len()) as u64)?;
                    errors.push(ImportFailure {
                        tool: Some(name.clone()),
                        error,
                        reason: "not_found".to_owned(),
                        place: String::new(),
                        line: None,
                    });
                }
            }
        }
        if names.is_empty() {
            wanted.extend(tools.tools_by_name(None));
        }
        wanted.sort_by(|a, b| a.tool_name().cmp(b.tool_name()));
        wanted.dedup_by(|a, b| a.id() == b.id());
        let written = write(&wanted, work)?;
        Ok(written.map(|yaml_content| Self { yaml_content, tool_count: wanted.len(), errors }))
    }
}

fn write(tools: &[&Arc<Tool>], work: &Work) -> Result<Result<String, ApiError>, Interrupted> {
    let mut text = String::new();
    for tool in tools {
        work.check()?;
        // One by one, so that an export that is too long is not made first.
        let item = match write_value(&Value::Array(vec![export_tool(tool)])) {
            Ok(item) => item,
            Err(error) => return Ok(Err(ApiError::internal(&error))),
        };
        work.charge(item.len() as u64)?;
        text += &item;
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(Ok(if text.is_empty() { "[]\n".to_owned() } else { text }))
}
