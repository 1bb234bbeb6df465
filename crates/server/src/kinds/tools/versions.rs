//! The versions of a tool: those that its documents state, each as it was changed last.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_core::{Document, DocumentId, RevisionNumber, clip};
use midflight_http::code::Code;
use midflight_http::params::InPath;
use midflight_http::problem::ApiError;
use midflight_http::wire::stamp;
use midflight_store::{DocumentVersion, Page};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{VersionItem, Versions};
use serde_json::Value;

use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::wire::{tool_id, version_text};

/// How many versions of a document are read at once, and in all.
const PAGE: u32 = 200;
const READ_MAX: usize = 2_000;

/// A version of a document, with the version of the tool that it states.
#[derive(Debug, Clone)]
pub(super) struct LogVersion {
    /// The version of the document.
    pub(super) version: u64,
    pub(super) revision: RevisionNumber,
    /// What it states; none for a deletion.
    pub(super) stated: Option<Stated>,
    author: String,
    reason: String,
    created_at: Timestamp,
}

/// What a document states of itself.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) version: String,
    tool_name: Option<String>,
    status: String,
    enabled: bool,
}

impl Stated {
    fn of(body: &Value) -> Self {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            version: version_text(body),
            tool_name: text("tool_name"),
            status: text("status").unwrap_or_else(|| "active".to_owned()),
            enabled: body.get("enabled").and_then(Value::as_bool).unwrap_or(true),
        }
    }
}

impl LogVersion {
    fn states(&self, version: &str) -> bool {
        self.stated.as_ref().is_some_and(|stated| stated.version == version)
    }
}

impl From<DocumentVersion> for LogVersion {
    fn from(version: DocumentVersion) -> Self {
        let DocumentVersion { document, author, reason, created_at, .. } = version;
        let body = document.body.as_deref().map(|body| serde_json::from_str(body).unwrap_or(Value::Null));
        Self {
            version: document.version,
            revision: document.revision,
            stated: body.as_ref().map(Stated::of),
            author,
            reason,
            created_at,
        }
    }
}

/// The versions of a document that the log keeps, the newest first, and whether there are more than were read.
///
/// # Errors
/// When the log is unavailable.
pub(super) async fn log_versions(
    app: &ToolsApp,
    id: &DocumentId,
) -> Result<(Vec<LogVersion>, bool), ApiError> {
    let bytes_max = Some(app.limits.answer_bytes_max as u64);
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let Page { items, next } = app.engine.store().versions(id, before, PAGE, bytes_max).await?;
        // Bodies are parsed for three of their members; a page may have megabytes of them.
        let read = move || items.into_iter().map(LogVersion::from).collect::<Vec<_>>();
        let read = tokio::task::spawn_blocking(read).await;
        found.extend(read.map_err(|error| ApiError::internal(&error))?);
        before = next;
        if before.is_none() || found.len() >= READ_MAX {
            return Ok((found, before.is_some()));
        }
    }
}

/// The versions of a tool since it was last deleted, newest first: one for each version text, however often the
/// document was changed at it.
#[utoipa::path(get, path = "/api/v1/tools/{name}/versions", tag = "tools",
    params(("name" = String, Path, description = "The tool")),
    responses((status = 200, body = Versions), (status = "default", body = ProblemBody)))]
pub(super) async fn list_versions(
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
) -> Result<Json<Versions>, ApiError> {
    let tools = app.parts.tools.snapshot();
    let id = document_of(&tools, &name)?;
    let (found, truncated) = log_versions(&app, &id).await?;
    let versions = rows(&id, &found);
    let Some(newest) = versions.first() else { return Err(unknown(&tools, &name)) };
    let tool_name = newest.tool_name.clone();
    Ok(Json(Versions { tool_name, total_versions: versions.len(), versions, truncated }))
}

fn rows(id: &DocumentId, found: &[LogVersion]) -> Vec<VersionItem> {
    let name = id.name.as_str();
    let mut rows: Vec<VersionItem> = Vec::new();
    for version in found {
        // Those before a deletion are of a deleted tool.
        let Some(stated) = &version.stated else { break };
        match rows.iter_mut().find(|row| row.version == stated.version) {
            Some(row) => {
                row.created_at = stamp(version.created_at);
                row.created_by.clone_from(&version.author);
            }
            None => rows.push(VersionItem {
                id: tool_id(name, &stated.version),
                tool_name: stated.tool_name.clone().unwrap_or_else(|| name.to_owned()),
                version: stated.version.clone(),
                status: stated.status.clone(),
                enabled: stated.enabled,
                created_at: stamp(version.created_at),
                updated_at: stamp(version.created_at),
                is_latest: rows.is_empty(),
                created_by: version.author.clone(),
                updated_by: version.author.clone(),
                reason: version.reason.clone(),
                revision: version.revision.get(),
                document_version: version.version,
            }),
        }
    }
    rows
}

/// Which version of a tool is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VersionRef {
    /// The one that states this, as it was changed last.
    Text(String),
    /// As the tool was at a revision.
    At(RevisionNumber),
    /// A version of its document.
    OfDocument(u64),
}

impl VersionRef {
    /// Reads a version text, a revision as `r42`, or a version of the document as `v3`. A tool may have a version of
    /// that text; then that one is meant.
    pub(super) fn read(text: &str, known: &[LogVersion]) -> Self {
        let is_known = known.iter().any(|it| it.states(text));
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|_| !is_known);
        if let Some(revision) = text.strip_prefix('r').and_then(number) {
            return Self::At(RevisionNumber::new(revision));
        }
        match text.strip_prefix('v').and_then(number) {
            Some(version) => Self::OfDocument(version),
            None => Self::Text(text.to_owned()),
        }
    }
}

/// The document of a tool at a version, of those that `log_versions` read.
///
/// # Errors
/// 404 when there is no such version, or the tool was not there then.
pub(super) async fn document_at(
    app: &ToolsApp,
    id: &DocumentId,
    wanted: &VersionRef,
    known: &[LogVersion],
) -> Result<Document, ApiError> {
    let absent = |what: String| ApiError::new(Code::NOT_FOUND, what);
    let at = match wanted {
        VersionRef::At(revision) => *revision,
        VersionRef::Text(text) => {
            let found = known.iter().find(|it| it.states(text)).map(|it| it.revision);
            found.ok_or_else(|| {
                let mut texts: Vec<_> =
                    known.iter().filter_map(|it| it.stated.as_ref()).map(|it| it.version.as_str()).collect();
                texts.dedup();
                texts.truncate(10);
                let (text, texts) = (clip(text), texts.join(", "));
                absent(format!("the tool has no version {text:?}; it has {texts}"))
            })?
        }
        VersionRef::OfDocument(version) => {
            let found = known.iter().find(|it| it.version == *version).map(|it| it.revision);
            found.ok_or_else(|| absent(format!("the document of the tool has no version {version}")))?
        }
    };
    let document = app.engine.store().document_at(id, at).await?;
    document
        .filter(|document| document.body.is_some())
        .ok_or_else(|| absent(format!("the tool does not exist at revision {at}")))
}
