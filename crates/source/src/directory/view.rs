//! What the log holds of the documents that concern a directory, kept up by following the log rather than by asking
//! for everything each time.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::{Digest, Document, DocumentId, LogHead, Owner, Revision, RevisionNumber};
use midflight_store::{Store, StoreError, StoredDocument, newest_state};

use super::read::DocumentBodies;

/// How many revisions, and how many versions of a document, are read at once.
const PAGE: u32 = 256;
/// How many bytes of bodies are read from the log at once, where only one at a time is looked at.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// A document as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogDocument {
    /// None when it is deleted.
    pub(crate) digest: Option<Digest>,
    pub(crate) owner: Option<Owner>,
}

impl LogDocument {
    fn of(document: &Document) -> Self {
        Self { digest: document.digest(), owner: document.owner.clone() }
    }
}

/// Who took a document from a directory, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenOver {
    pub(crate) by: String,
    pub(crate) revision: RevisionNumber,
}

/// What the log holds of the documents that concern one owner.
#[derive(Debug)]
pub(crate) struct LogView {
    owner: Owner,
    /// Up to which revision it was followed; none before the first time.
    at: Option<LogHead>,
    /// Each document that was ever asked for or belongs to the owner; none when there never was one.
    known: BTreeMap<DocumentId, Option<LogDocument>>,
    /// Counts what changed of it.
    changes: u64,
}

impl LogView {
    pub(crate) fn new(owner: Owner) -> Self {
        Self { owner, at: None, known: BTreeMap::new(), changes: 0 }
    }

    /// Follows the log to its end and answers where that is. Cost: what happened since the last time.
    pub(crate) async fn catch_up(&mut self, store: &dyn Store) -> Result<RevisionNumber, StoreError> {
        let Some(mut at) = self.at else { return self.begin(store).await };
        let (head, digests) = store.digests(&[at.number]).await?;
        if head.log != at.log || digests != [Some(at.digest)] {
            // Another log, or another history of it.
            return self.begin(store).await;
        }
        while at.number < head.number {
            let page = match store.since(at.number, PAGE).await {
                Err(StoreError::Compacted { .. }) => return self.begin(store).await,
                page => page?,
            };
            let Some(last) = page.last() else { break };
            at = head.at(last.revision.number, last.revision.digest);
            for document in page.iter().flat_map(|one| &one.documents) {
                self.take(document);
            }
            self.at = Some(at);
        }
        Ok(at.number)
    }

    async fn begin(&mut self, store: &dyn Store) -> Result<RevisionNumber, StoreError> {
        let owner = self.owner.clone();
        let held = move |stored: StoredDocument| {
            let is_mine = stored.owner.as_ref() == Some(&owner);
            is_mine
                .then(|| stored.parse().map(|document| (stored.id, Some(LogDocument::of(&document)))))
                .transpose()
        };
        let (head, held) = newest_state(store, held).await?;
        self.known = held.into_iter().flatten().collect();
        self.changes += 1;
        self.at = Some(head);
        Ok(head.number)
    }

    fn take(&mut self, document: &Document) {
        let concerns = document.owner.as_ref() == Some(&self.owner) || self.known.contains_key(&document.id);
        if concerns {
            self.changes += 1;
            self.known.insert(document.id.clone(), Some(LogDocument::of(document)));
        }
    }

    /// Takes in a revision that the owner made itself, so that it need not be read back.
    pub(crate) fn made(&mut self, revision: &Revision, documents: &[Document], output: &DocumentBodies) {
        let Some(at) = self.at.filter(|at| at.number.next() == revision.number) else { return };
        for document in documents {
            let digest = output.get(&document.id).map(|(_, digest)| *digest);
            let held = LogDocument {
                digest: digest.filter(|_| document.body.is_some()),
                owner: document.owner.clone(),
            };
            self.known.insert(document.id.clone(), Some(held));
        }
        self.changes += 1;
        self.at = Some(at.at(revision.number, revision.digest));
    }

    /// Up to which revision it was followed.
    pub(crate) fn head(&self) -> RevisionNumber {
        self.at.map_or(RevisionNumber::ZERO, |at| at.number)
    }

    /// A number that is another one after each change of what concerns the owner.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Asks for the documents that were not asked for before, and forgets those that are not needed any more.
    pub(crate) async fn learn(
        &mut self,
        store: &dyn Store,
        output: &DocumentBodies,
    ) -> Result<(), StoreError> {
        let is_mine = |held: &LogDocument| held.digest.is_some() && held.owner.as_ref() == Some(&self.owner);
        self.known.retain(|id, held| output.contains_key(id) || held.as_ref().is_some_and(is_mine));
        let unknown: Vec<_> = output.keys().filter(|id| !self.known.contains_key(*id)).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let (_, found) = store.heads(&unknown).await?;
        let held = found.iter().map(|document| document.as_ref().map(LogDocument::of));
        self.known.extend(unknown.iter().cloned().zip(held));
        Ok(())
    }

    /// A document that [`LogView::learn`] was asked for; none when there never was one.
    pub(crate) fn get(&self, id: &DocumentId) -> Option<&LogDocument> {
        self.known.get(id)?.as_ref()
    }

    /// The documents that belong to the owner.
    pub(crate) fn mine(&self) -> BTreeSet<&DocumentId> {
        let is_mine = |held: &&LogDocument| held.digest.is_some() && held.owner.as_ref() == Some(&self.owner);
        let known = self.known.iter();
        known.filter(|(_, held)| held.as_ref().as_ref().is_some_and(is_mine)).map(|(id, _)| id).collect()
    }

    /// Whether a document without an owner was taken from the owner explicitly, and the owner has nothing new since:
    /// `output` is what it said then. Cost: reads the document's versions back to the owner's last.
    pub(crate) async fn taken_over(
        &self,
        store: &dyn Store,
        id: &DocumentId,
        output: &Digest,
    ) -> Result<Option<TakenOver>, StoreError> {
        let mut newest = None;
        let mut before = None;
        loop {
            let page = store.versions(id, before, PAGE, Some(PAGE_BYTES_MAX)).await?;
            for version in page.items {
                if version.author == self.owner.as_str() {
                    let is_news = version.document.digest().as_ref() != Some(output);
                    return Ok(newest.filter(|_| !is_news));
                }
                newest.get_or_insert(TakenOver { by: version.author, revision: version.document.revision });
            }
            before = page.next;
            if before.is_none() {
                return Ok(None);
            }
        }
    }
}
