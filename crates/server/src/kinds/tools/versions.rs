//! The versions of a tool: those that its documents state, each as it was changed last.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_core::{Document, DocumentId, RevisionNumber, clip};
use midflight_engine::{Interrupted, Work};
use midflight_http::code::Code;
use midflight_http::compute::TimeLimit;
use midflight_http::long_answer::room_for_page;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::stamp;
use midflight_store::{DocumentVersion, Page};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{VersionItem, Versions};
use serde::Deserialize;
use serde_json::Value;

use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::wire::{stated_version, tool_id};

/// How many versions of a document are read at once, and in all.
const PAGE: u32 = 200;
const READ_MAX: usize = 2_000;
/// How many bytes their bodies may have in all, in pages of `answer_bytes_max`: 16, 64 MiB by default.
const READ_PAGES_MAX: u64 = 16;

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

/// The members of a document that it states of itself. The others, which may be long, are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StatedMembers {
    version: Value,
    tool_name: Value,
    status: Value,
    enabled: Value,
}

impl Stated {
    fn of(body: &str) -> Self {
        let members: StatedMembers = serde_json::from_str(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            version: stated_version(&members.version),
            tool_name: text(&members.tool_name),
            status: text(&members.status).unwrap_or_else(|| "active".to_owned()),
            enabled: members.enabled.as_bool().unwrap_or(true),
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
        Self {
            version: document.version,
            revision: document.revision,
            stated: document.body.as_deref().map(Stated::of),
            author,
            reason,
            created_at,
        }
    }
}

/// Versions of a document, the newest first.
#[derive(Debug, Default)]
pub(super) struct LogVersions {
    pub(super) items: Vec<LogVersion>,
    /// Why older ones that the log keeps were not read; none when all were.
    pub(super) unread: Option<String>,
}

impl LogVersions {
    /// The error for a version that is not among them: the log has none, or it is older than what was read.
    pub(super) fn absent(&self, detail: String) -> ApiError {
        match &self.unread {
            None => ApiError::new(Code::NOT_FOUND, detail),
            Some(why) => ApiError::new(Code::TOO_LARGE, format!("{detail}, as far as was read: {why}")),
        }
    }
}

/// The versions of a document that the log keeps, as many as may be read for one request.
///
/// # Errors
/// When the log is unavailable, or too many computations wait.
pub(super) async fn log_versions(
    app: &ToolsApp,
    principal: &Principal,
    id: &DocumentId,
) -> Result<LogVersions, ApiError> {
    let page_bytes = app.limits.answer_bytes_max as u64;
    let bytes_max = page_bytes.saturating_mul(READ_PAGES_MAX);
    let time = TimeLimit { ms_max: app.parts.limits.select_ms_max, name: "select_ms_max" };
    // For one page at a time.
    let _room = room_for_page(app, principal).await?;
    let (mut found, mut bytes, mut before) = (LogVersions::default(), 0_u64, None);
    loop {
        let Page { items, next } = app.engine.store().versions(id, before, PAGE, Some(page_bytes)).await?;
        bytes += items.iter().map(|version| version.document.bytes()).sum::<u64>();
        let read = move |work: &Work| -> Result<Vec<LogVersion>, Interrupted> {
            let read = items.into_iter().map(|version| work.check().map(|()| LogVersion::from(version)));
            read.collect()
        };
        let read = app.compute.run(principal.into(), time, read).await?;
        found.items.extend(read.map_err(|_| time.exceeded())?);
        before = next;
        let has_more = before.is_some();
        if has_more && found.items.len() >= READ_MAX {
            let why = format!("older ones are not read beyond {READ_MAX}; name a revision, as r42");
            found.unread = Some(why);
        } else if has_more && bytes >= bytes_max {
            found.unread = Some(format!(
                "older ones are not read beyond {bytes_max} bytes ({READ_PAGES_MAX} times answer_bytes_max); name a \
                 revision, as r42"
            ));
        }
        if !has_more || found.unread.is_some() {
            return Ok(found);
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
    principal: Principal,
    InPath(name): InPath<String>,
) -> Result<Json<Versions>, ApiError> {
    let tools = app.parts.tools.snapshot();
    let id = document_of(&tools, &name, &principal)?;
    let found = log_versions(&app, &principal, &id).await?;
    let (versions, truncated) = (rows(&id, &found.items), found.unread.is_some());
    let Some(newest) = versions.first() else { return Err(unknown(&tools, &name, &principal)) };
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
    known: &LogVersions,
) -> Result<Document, ApiError> {
    let items = &known.items;
    let at = match wanted {
        VersionRef::At(revision) => *revision,
        VersionRef::Text(text) => {
            let found = items.iter().find(|it| it.states(text)).map(|it| it.revision);
            found.ok_or_else(|| {
                let mut texts: Vec<_> =
                    items.iter().filter_map(|it| it.stated.as_ref()).map(|it| it.version.as_str()).collect();
                texts.dedup();
                texts.truncate(10);
                let (text, texts) = (clip(text), texts.join(", "));
                known.absent(format!("the tool has no version {text:?}; it has {texts}"))
            })?
        }
        VersionRef::OfDocument(version) => {
            let found = items.iter().find(|it| it.version == *version).map(|it| it.revision);
            found.ok_or_else(|| known.absent(format!("the document of the tool has no version {version}")))?
        }
    };
    let document = app.engine.store().document_at(id, at).await?;
    document
        .filter(|document| document.body.is_some())
        .ok_or_else(|| ApiError::new(Code::NOT_FOUND, format!("the tool does not exist at revision {at}")))
}
