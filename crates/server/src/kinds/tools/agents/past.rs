//! Catalogues of the past, compiled from the log.

use std::collections::BTreeSet;

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_http::app::AppState;
use midflight_http::compute::{PoolShare, TimeLimit};
use midflight_mcp::{McpCaller, PastCatalogue, PastCatalogues, PastError};
use midflight_store::{DocumentQuery, StoreError, StoredDocument};
use midflight_tools::Tools;

use super::AgentContext;

/// How many documents are read at once, and how many bytes of them.
const PAGE: u32 = 500;
const PAGE_BYTES_MAX: u64 = 4 << 20;
/// How long a catalogue may be compiled.
const TIME: TimeLimit = TimeLimit { ms_max: 5_000, name: "past_catalogue_ms_max" };

/// Reads catalogues of the past from the log.
pub(super) struct PastCatalogueReader {
    app: AppState,
    /// How many bytes the documents of one may have.
    bytes_max: usize,
}

impl PastCatalogueReader {
    pub(super) fn new(app: AppState, bytes_max: usize) -> Self {
        Self { app, bytes_max }
    }

    /// The documents of a catalogue, and how many bytes they have.
    async fn documents(&self, at: RevisionNumber) -> Result<(Vec<StoredDocument>, usize), PastError> {
        let mut query = DocumentQuery {
            kind: Some(Tools.name()),
            at: Some(at),
            limit: PAGE,
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let (mut documents, mut bytes) = (Vec::new(), 0);
        loop {
            let page = self.app.engine.store().documents(query.clone()).await;
            let page = page.map_err(|error| match error {
                StoreError::Compacted { .. } | StoreError::NoSuchRevision { .. } => PastError::Unknown(at),
                error => PastError::Unavailable { revision: at, reason: error.to_string() },
            })?;
            bytes += page.items.iter().map(bytes_of).sum::<usize>();
            if bytes > self.bytes_max {
                return Err(self.too_large(at));
            }
            documents.extend(page.items);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok((documents, bytes)),
            }
        }
    }

    fn too_large(&self, revision: RevisionNumber) -> PastError {
        let bytes_max = self.bytes_max;
        let reason = format!(
            "its tools have more than {bytes_max} bytes (past_catalogue_bytes_max); work with the served catalogue, \
             without a revision in the address and in _meta, read them with \
             GET /api/v1/documents/tools?at={revision}, or raise the bound"
        );
        PastError::Refused { revision, reason }
    }
}

/// How many bytes a document has in memory.
fn bytes_of(document: &StoredDocument) -> usize {
    document.id.name.as_str().len() + document.body.as_ref().map_or(0, |body| body.len())
}

#[async_trait]
impl PastCatalogues for PastCatalogueReader {
    async fn at(&self, revision: RevisionNumber, caller: &McpCaller) -> Result<PastCatalogue, PastError> {
        let unavailable = |reason: String| PastError::Unavailable { revision, reason };
        let (documents, bytes) = self.documents(revision).await?;
        let share = PoolShare::from(&AgentContext::principal_of(caller));
        let compiled = self.app.compute.run(share, TIME, move |work| compile(documents, bytes, work)).await;
        compiled.map_err(|error| unavailable(error.body().detail.clone()))?.map_err(unavailable)
    }
}

/// Compiles what is valid of documents: what is not was left out when it was served.
fn compile(documents: Vec<StoredDocument>, bytes: usize, work: &Work) -> Result<PastCatalogue, String> {
    let mut changes = Vec::with_capacity(documents.len());
    let mut left_out = BTreeSet::new();
    for document in documents.iter().filter(|document| !document.id.name.is_check()) {
        let valid = document.parse().ok().and_then(|parsed| {
            let valid = Tools.validate(&parsed.id.name, &parsed.body?, work).ok()?;
            Some(KindChange { name: parsed.id.name, document: Some(valid) })
        });
        match valid {
            Some(change) => changes.push(change),
            None => drop(left_out.insert(document.revision)),
        }
    }
    let tools = Tools.compile(&Tools.empty(), changes, work).map_err(|problems| problems.to_string())?;
    Ok(PastCatalogue::new(tools, bytes).without(left_out))
}
