//! What every request of a server works with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use midflight_core::{Digest, RevisionNumber};
use midflight_live::Live;
use midflight_tools::{ToolsSnapshot, is_mcp_name};
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, JsonObject};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::arguments::SchemaCache;
use crate::changes::ChangeHistory;
use crate::meta_tools::META_TOOLS;
use crate::meter::McpCounts;
use crate::past::PastCache;
use crate::permits::{CallerPermits, NoRoom};
use crate::seal::Sealer;
use crate::sessions::ClosedSessions;
use crate::views::{CatalogueView, Views};
use crate::{
    DIGEST_KEY, McpOptions, OwnTool, PastCatalogues, PastError, QUARANTINED_KEY, REVISION_KEY, ToolCaller,
};

/// The code of a JSON-RPC error for a full server: try again later.
pub(crate) const BUSY: ErrorCode = ErrorCode(-32000);

/// What every request works with.
pub(crate) struct McpShared {
    pub(crate) options: McpOptions,
    pub(crate) views: Views,
    pub(crate) caller: Arc<dyn ToolCaller>,
    /// The tools of the server itself, by name.
    pub(crate) own: BTreeMap<Arc<str>, OwnEntry>,
    pub(crate) sealer: Sealer,
    pub(crate) history: ChangeHistory,
    pub(crate) schemas: SchemaCache,
    pub(crate) calls: Arc<CallerPermits>,
    pub(crate) listeners: Arc<CallerPermits>,
    pub(crate) sessions: Arc<CallerPermits>,
    pub(crate) closed: ClosedSessions,
    pub(crate) counts: Arc<McpCounts>,
    /// The catalogue of the last notice.
    pub(crate) notices: watch::Sender<CatalogueView>,
}

/// A tool of the server itself, with the digest of its schemas.
pub(crate) struct OwnEntry {
    pub(crate) tool: Arc<OwnTool>,
    pub(crate) digest: Digest,
}

impl McpShared {
    pub(crate) fn new(
        live: Live<ToolsSnapshot>,
        caller: Arc<dyn ToolCaller>,
        past: Arc<dyn PastCatalogues>,
        options: McpOptions,
    ) -> Arc<Self> {
        let views = Views::new(live, PastCache::new(past, &options));
        let (notices, _) = watch::channel(views.served().detached());
        Arc::new(Self {
            own: own_entries(caller.own_tools()),
            sealer: Sealer::new(&options.seal_key),
            history: ChangeHistory::new(options.changes_max),
            schemas: SchemaCache::default(),
            calls: CallerPermits::new(options.calls_per_caller_max, options.calls_max),
            listeners: CallerPermits::new(options.listeners_per_caller_max, options.listeners_max),
            sessions: CallerPermits::new(options.sessions_per_caller_max, options.sessions_max),
            closed: ClosedSessions::default(),
            counts: Arc::default(),
            notices,
            views,
            caller,
            options,
        })
    }

    /// Whether a name is one that no tool of the catalogue is listed under.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        META_TOOLS.contains(&name) || self.own.contains_key(name)
    }

    pub(crate) fn ask_ttl(&self) -> Duration {
        Duration::from_millis(self.options.ask_ms_max)
    }
}

fn own_entries(tools: Vec<OwnTool>) -> BTreeMap<Arc<str>, OwnEntry> {
    let mut entries = BTreeMap::new();
    for tool in tools {
        let name = Arc::clone(&tool.name);
        if !is_mcp_name(&name) || META_TOOLS.contains(&&*name) || entries.contains_key(&name) {
            tracing::error!(%name, "tool of the server left out; its name is invalid, reserved or used twice");
            continue;
        }
        let schemas = json!([tool.name, tool.input_schema, tool.output_schema]);
        entries.insert(name, OwnEntry { digest: Digest::of_body(&schemas), tool: Arc::new(tool) });
    }
    entries
}

/// The members of `_meta` with what an answer was computed from. `basis` is the revision of the answer with what is left
/// out of it, where it is another than the catalogue's.
pub(crate) fn revision_meta(
    view: &CatalogueView,
    basis: Option<(RevisionNumber, &[RevisionNumber])>,
) -> JsonObject {
    let (revision, quarantined) = basis.unwrap_or_else(|| (view.revision(), view.quarantined()));
    let quarantined: Vec<_> = quarantined.iter().map(|revision| revision.get()).collect();
    JsonObject::from_iter([
        (REVISION_KEY.to_owned(), json!(revision.get())),
        (QUARANTINED_KEY.to_owned(), json!(quarantined)),
        (DIGEST_KEY.to_owned(), json!(view.digest().to_string())),
    ])
}

/// The error of a request whose catalogue there is not.
pub(crate) fn past_error(error: &PastError) -> ErrorData {
    match error {
        PastError::Unknown(_) | PastError::Refused { .. } => {
            ErrorData::invalid_request(error.to_string(), None)
        }
        PastError::Busy { .. } => ErrorData::new(BUSY, error.to_string(), None),
        PastError::Unavailable { .. } => ErrorData::internal_error(error.to_string(), None),
    }
}

/// Why there is no room, with the cure.
pub(crate) fn no_room(what: &str, no_room: NoRoom) -> (String, Value) {
    match no_room {
        NoRoom::Caller(max) => (
            format!(
                "too many {what}: this caller has {max}, the most that one may have; end one and try again"
            ),
            json!({"max": max, "per": "caller"}),
        ),
        NoRoom::All(max) => (
            format!("too many {what}: this replica has {max}, the most of all callers; try again later"),
            json!({"max": max, "per": "replica"}),
        ),
    }
}
