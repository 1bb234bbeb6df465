//! Which catalogue a request is answered from: the served one, a pinned one, or the one that its cursor began with.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use midflight_core::{Digest, RevisionNumber};
use midflight_live::{Live, Pinned};
use midflight_tools::{Tool, ToolsSnapshot, catalogue_digest};
use tokio::time::{Instant, timeout};

use crate::past::PastCache;
use crate::{Expose, McpCaller, PastCatalogue, PastError};

/// The most catalogues that are kept for cursors. 64: past them, the one that expires first is read from the log when
/// it is asked for.
const HELD_MAX: usize = 64;

/// A catalogue, for as long as a request takes or a cursor lives. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CatalogueView {
    revision: RevisionNumber,
    catalogue: ViewedCatalogue,
}

#[derive(Clone)]
enum ViewedCatalogue {
    Served(Pinned<ToolsSnapshot>),
    /// One that was served, without what else was served with it.
    Detached(Arc<ToolsSnapshot>, Arc<[RevisionNumber]>),
    /// One that was made from the log.
    Past(PastCatalogue),
}

impl Deref for CatalogueView {
    type Target = ToolsSnapshot;
    fn deref(&self) -> &ToolsSnapshot {
        match &self.catalogue {
            ViewedCatalogue::Served(catalogue) => catalogue,
            ViewedCatalogue::Detached(catalogue, _) => catalogue,
            ViewedCatalogue::Past(past) => &past.tools,
        }
    }
}

impl CatalogueView {
    /// The revision that it is of.
    pub(crate) fn revision(&self) -> RevisionNumber {
        self.revision
    }

    /// The revisions up to it that are left out of it on this replica.
    pub(crate) fn quarantined(&self) -> &[RevisionNumber] {
        match &self.catalogue {
            ViewedCatalogue::Served(catalogue) => catalogue.quarantined(),
            ViewedCatalogue::Detached(_, quarantined) => quarantined,
            ViewedCatalogue::Past(past) => &past.quarantined,
        }
    }

    /// Whether the other is the same catalogue: a change of another kind is a new revision and leaves it as it is.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq::<ToolsSnapshot>(&**self, &**other)
    }

    /// The same catalogue without what else was served with it, to be kept for long. Cost: the same however large it
    /// is.
    pub(crate) fn detached(&self) -> Self {
        let catalogue = match &self.catalogue {
            ViewedCatalogue::Served(catalogue) => ViewedCatalogue::Detached(
                Arc::new(ToolsSnapshot::clone(catalogue)),
                catalogue.quarantined().into(),
            ),
            detached => detached.clone(),
        };
        Self { revision: self.revision, catalogue }
    }

    /// The tools that a caller sees beside those of the server, as a digest: lists that are equal have equal ones.
    pub(crate) fn list_digest(&self, caller: &McpCaller) -> Digest {
        match &caller.expose {
            Expose::All => self.digest(),
            Expose::Search => catalogue_digest([]),
            Expose::PinnedAndSearch(pinned) => {
                catalogue_digest(self.pinned(pinned).map(|tool| tool.digest()))
            }
        }
    }

    /// The tools that are named here by id or by the name that agents know, and offered, each once, in the order of
    /// names.
    pub(crate) fn pinned<'v>(&'v self, names: &[Arc<str>]) -> impl Iterator<Item = &'v Arc<Tool>> {
        let named = names.iter().filter_map(|name| self.tool(name).or_else(|| self.by_mcp_name(name)));
        let by_name: BTreeMap<&str, &Arc<Tool>> =
            named.filter(|tool| tool.is_offered()).map(|tool| (tool.mcp_name(), tool)).collect();
        by_name.into_values()
    }
}

/// The served catalogue and those of the past.
pub(crate) struct Views {
    live: Live<ToolsSnapshot>,
    past: PastCache,
    /// By revision, what cursors began with, and until when.
    held: Mutex<BTreeMap<RevisionNumber, (CatalogueView, Instant)>>,
}

impl Views {
    pub(crate) fn new(live: Live<ToolsSnapshot>, past: PastCache) -> Self {
        Self { live, past, held: Mutex::default() }
    }

    /// Waits for changes of the served world.
    pub(crate) fn changes(&self) -> midflight_live::Changes {
        self.live.changes()
    }

    /// The served catalogue.
    pub(crate) fn served(&self) -> CatalogueView {
        let pinned = self.live.snapshot();
        CatalogueView { revision: pinned.revision(), catalogue: ViewedCatalogue::Served(pinned) }
    }

    /// The catalogue that a caller works with.
    pub(crate) async fn of(&self, caller: &McpCaller) -> Result<CatalogueView, PastError> {
        match caller.at {
            None => Ok(self.served()),
            Some(revision) => self.at(revision, caller).await,
        }
    }

    /// The same without waiting: none for a pinned one that is not kept.
    pub(crate) fn of_now(&self, caller: &McpCaller) -> Option<CatalogueView> {
        match caller.at {
            None => Some(self.served()),
            Some(revision) => self.at_now(revision),
        }
    }

    /// The catalogue of a revision, for a caller.
    pub(crate) async fn at(
        &self,
        revision: RevisionNumber,
        caller: &McpCaller,
    ) -> Result<CatalogueView, PastError> {
        if let Some(view) = self.at_now(revision) {
            return Ok(view);
        }
        let catalogue = ViewedCatalogue::Past(self.past.at(revision, caller).await?);
        Ok(CatalogueView { revision, catalogue })
    }

    fn at_now(&self, revision: RevisionNumber) -> Option<CatalogueView> {
        let served = self.served();
        if served.revision == revision {
            return Some(served);
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&revision).cloned();
        if let Some((view, _)) = held.filter(|(_, until)| *until > Instant::now()) {
            return Some(view);
        }
        let catalogue = ViewedCatalogue::Past(self.past.kept(revision)?);
        Some(CatalogueView { revision, catalogue })
    }

    /// Keeps a catalogue for a cursor. One that was made from the log is kept among the others of the past, which have a
    /// bound in bytes, and is made again otherwise.
    pub(crate) fn hold(&self, view: &CatalogueView, for_at_most: Duration) {
        if let ViewedCatalogue::Past(_) = view.catalogue {
            return;
        }
        let now = Instant::now();
        let until = now + for_at_most;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (_, until)| *until > now);
        let entry = held.entry(view.revision).or_insert_with(|| (view.detached(), until));
        entry.1 = entry.1.max(until);
        while held.len() > HELD_MAX {
            let first = held.iter().min_by_key(|(_, (_, until))| *until).map(|(revision, _)| *revision);
            let Some(first) = first else { break };
            held.remove(&first);
        }
    }

    /// Releases the catalogues whose cursors have expired.
    pub(crate) fn release_expired(&self) {
        let now = Instant::now();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, until)| *until > now);
    }

    /// Waits until a revision is served; answers whether it is.
    pub(crate) async fn wait_for(&self, revision: RevisionNumber, at_most: Duration) -> bool {
        let mut changes = self.changes();
        let served = async {
            while self.live.load().revision() < revision {
                changes.changed().await;
            }
        };
        timeout(at_most, served).await.is_ok()
    }
}
