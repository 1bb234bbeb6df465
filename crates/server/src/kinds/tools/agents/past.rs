//! Catalogues of the past, compiled from the log.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_mcp::{PastCatalogues, PastError};
use midflight_store::{DocumentQuery, StoreError, StoredDocument};
use midflight_tools::{Tools, ToolsSnapshot};

use midflight_http::app::AppState;
use midflight_http::compute::{PoolShare, TimeLimit};

/// How many documents are read at once, and how many bytes of them.
const PAGE: u32 = 500;
const PAGE_BYTES_MAX: u64 = 4 << 20;
/// How long a catalogue may be compiled.
const TIME: TimeLimit = TimeLimit { ms_max: 5_000, name: "past_catalogue_ms_max" };

/// Reads catalogues of the past from the log.
pub(super) struct PastCatalogueReader {
    app: AppState,
}

impl PastCatalogueReader {
    pub(super) fn new(app: AppState) -> Self {
        Self { app }
    }

    async fn documents(&self, at: RevisionNumber) -> Result<Vec<StoredDocument>, StoreError> {
        let mut query = DocumentQuery {
            kind: Some(Tools.name()),
            at: Some(at),
            limit: PAGE,
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let mut documents = Vec::new();
        loop {
            let page = self.app.engine.store().documents(query.clone()).await?;
            documents.extend(page.items);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(documents),
            }
        }
    }
}

#[async_trait]
impl PastCatalogues for PastCatalogueReader {
    async fn at(&self, revision: RevisionNumber) -> Result<Arc<ToolsSnapshot>, PastError> {
        let unavailable = |reason: String| PastError::Unavailable { revision, reason };
        let documents = self.documents(revision).await.map_err(|error| match error {
            StoreError::Compacted { .. } | StoreError::NoSuchRevision { .. } => PastError::Unknown(revision),
            error => unavailable(error.to_string()),
        })?;
        let compiled =
            self.app.compute.run(PoolShare::Known, TIME, move |work| compile(documents, work)).await;
        let compiled = compiled.map_err(|error| unavailable(error.body().detail.clone()))?;
        compiled.map(Arc::new).map_err(unavailable)
    }
}

/// Compiles what is valid of documents: what is not was left out when it was served.
fn compile(documents: Vec<StoredDocument>, work: &Work) -> Result<ToolsSnapshot, String> {
    let mut changes = Vec::with_capacity(documents.len());
    for document in documents.iter().filter(|document| !document.id.name.is_check()) {
        let Ok(parsed) = document.parse() else { continue };
        let Some(body) = parsed.body else { continue };
        if let Ok(valid) = Tools.validate(&parsed.id.name, &body, work) {
            changes.push(KindChange { name: parsed.id.name, document: Some(valid) });
        }
    }
    Tools.compile(&Tools.empty(), changes, work).map_err(|problems| problems.to_string())
}
