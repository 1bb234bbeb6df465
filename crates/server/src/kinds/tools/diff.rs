//! What the change of a tool means for those who use it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::{Document, DocumentId};
use midflight_engine::{Kind as _, Work};
use midflight_http::code::Code;
use midflight_http::compute::TimeLimit;
use midflight_http::long_answer::room_for_page;
use midflight_http::params::{InPath, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_tools::diff::{Impact, diff_tools};
use midflight_tools::lint::escape_hidden;
use midflight_tools::{Tool, Tools};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{ComparedVersion, ToolDiffAnswer, ToolDifferenceAnswer};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::versions::{LogVersion, VersionRef, document_at, log_versions};

/// Which versions to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolDiffParams {
    /// The version before: as `/versions` lists it, or a revision as `r42`, or a version of the document as `v3`. By
    /// default the version of the document before `to`.
    from: Option<String>,
    /// The version after; by default the newest.
    to: Option<String>,
}

/// The differences of two versions of a tool for those who use it, the worst first: `breaking`, `compatible`,
/// `wording`.
#[utoipa::path(get, path = "/api/v1/tools/{name}/diff", tag = "tools",
    params(("name" = String, Path, description = "The tool"), ToolDiffParams),
    responses((status = 200, body = ToolDiffAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn diff_tool(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(name): InPath<String>,
    Params(params): Params<ToolDiffParams>,
) -> Result<Json<ToolDiffAnswer>, ApiError> {
    let tools = app.parts.tools.snapshot();
    let id = document_of(&tools, &name, &principal)?;
    let versions = log_versions(&app, &principal, &id).await?;
    let newest = versions.items.iter().find(|it| it.stated.is_some());
    let newest = newest.ok_or_else(|| unknown(&tools, &name, &principal))?;
    // For both documents while they are read and compared.
    let _room = room_for_page(&app, &principal).await?;
    let to = match &params.to {
        Some(to) => VersionRef::read(to, &versions.items),
        None => VersionRef::OfDocument(newest.version),
    };
    let to = document_at(&app, &id, &to, &versions).await?;
    let from = match &params.from {
        Some(from) => VersionRef::read(from, &versions.items),
        None => VersionRef::OfDocument(before(&to, &versions.items)?),
    };
    let from = document_at(&app, &id, &from, &versions).await?;
    let time = TimeLimit { ms_max: app.limits.diff_ms_max, name: "diff_ms_max" };
    let differences = move |work: &Work| {
        let before = read(&id, &from)?;
        work.check().map_err(|_| time.exceeded())?;
        let after = read(&id, &to)?;
        work.check().map_err(|_| time.exceeded())?;
        let found = diff_tools(&before, &after);
        Ok((found, compared(&before, &from), compared(&after, &to), after.tool_name().to_owned()))
    };
    let done: Result<_, ApiError> = app.compute.run((&principal).into(), time, differences).await?;
    let (found, from, to, tool_name) = done?;
    let count = |impact: Impact| found.iter().filter(|it| it.impact == impact).count();
    Ok(Json(ToolDiffAnswer {
        tool_name,
        from,
        to,
        impact: found.iter().map(|it| it.impact).min().map(|impact| impact.as_str().into()),
        breaking: count(Impact::Breaking),
        compatible: count(Impact::Compatible),
        wording: count(Impact::Wording),
        differences: found
            .iter()
            .map(|it| ToolDifferenceAnswer {
                impact: it.impact.as_str().into(),
                path: escape_hidden(it.path.as_str()).into_owned(),
                message: it.message.clone(),
            })
            .collect(),
    }))
}

/// The version of the document before the given one.
fn before(to: &Document, versions: &[LogVersion]) -> Result<u64, ApiError> {
    let older = versions.iter().find(|it| it.version < to.version && it.stated.is_some());
    older.map(|it| it.version).ok_or_else(|| {
        let detail = "the tool has no earlier version to compare with; name one as from";
        ApiError::new(Code::NOT_FOUND, detail)
    })
}

/// The tool that a document states.
fn read(id: &DocumentId, document: &Document) -> Result<Arc<Tool>, ApiError> {
    let (version, body) = (document.version, document.body.clone().unwrap_or_default());
    let invalid = |problems: midflight_core::Problems| {
        let detail = format!(
            "version {version} of the document of the tool is not valid any more and cannot be compared"
        );
        ApiError::new(Code::INVALID_DOCUMENT, detail).with(&problems.in_document(id))
    };
    let read = Tools.validate(&id.name, &body, &Work::unbounded()).map_err(invalid)?;
    let unnamed = || ApiError::new(Code::NOT_FOUND, format!("{id} is not a tool"));
    read.tool().map(Arc::clone).ok_or_else(unnamed)
}

fn compared(tool: &Tool, document: &Document) -> ComparedVersion {
    ComparedVersion {
        version: tool.version().to_owned(),
        revision: document.revision.get(),
        document_version: document.version,
    }
}
