//! The log itself.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use midflight_core::{
    Appended, ChangeSummary, Digest, Document, DocumentId, EditKey, Head, KindName, LogHead, Op, Open,
    Revision, RevisionNumber, Trigger, canonical_json, is_key_valid,
};

use super::{MemoryLog, MemoryStore};
use crate::query::PageBounds;
use crate::{
    AppendError, Authorship, ChangedQuery, DocumentQuery, DocumentVersion, KeyedRevision, ListedRevision,
    NewRevision, Page, RevisionLog, RevisionQuery, StoreError, StoredDocument,
};

impl MemoryLog {
    fn head(&self) -> LogHead {
        let empty = LogHead::empty(self.id);
        self.revisions.last().map_or(empty, |newest| empty.at(newest.number, newest.digest))
    }

    fn digest(&self, of: RevisionNumber) -> Option<Digest> {
        match of.get().checked_sub(1) {
            None => Some(self.id.genesis()),
            Some(place) => self.revisions.get(usize::try_from(place).ok()?).map(|revision| revision.digest),
        }
    }

    fn first(&self) -> RevisionNumber {
        RevisionNumber::new(self.compacted + 1)
    }

    fn newest(&self, id: &DocumentId) -> Option<&Document> {
        self.documents.get(id)?.last()
    }

    fn at(&self, id: &DocumentId, at: RevisionNumber) -> Option<&Document> {
        self.documents.get(id)?.iter().rev().find(|version| version.revision <= at)
    }

    fn authorship(&self, id: &DocumentId, at: RevisionNumber) -> Option<Authorship> {
        let versions: Vec<_> =
            self.documents.get(id)?.iter().take_while(|version| version.revision <= at).collect();
        let last = versions.last().filter(|version| version.body.is_some())?;
        let since = versions.iter().rposition(|version| version.body.is_none()).map_or(0, |place| place + 1);
        let of = |version: &Document| self.revisions.get(usize::try_from(version.revision.get() - 1).ok()?);
        let (created, updated) = (of(versions.get(since)?)?, of(last)?);
        Some(Authorship {
            version: last.version,
            revision: last.revision,
            created_by: created.author.clone(),
            created_at: created.created_at,
            updated_by: updated.author.clone(),
            updated_at: updated.created_at,
        })
    }

    /// The documents after that one, with their kept versions.
    fn from(&self, after: Option<&DocumentId>) -> impl Iterator<Item = (&DocumentId, &Vec<Document>)> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.documents.range::<DocumentId, _>((after, Bound::Unbounded))
    }

    /// Refuses a revision whose state is not kept, or not there yet.
    fn readable(&self, at: RevisionNumber) -> Result<(), StoreError> {
        if at < self.first() && self.compacted > 0 {
            return Err(StoreError::Compacted { asked: at, first: self.first() });
        }
        if at > self.head().number {
            return Err(StoreError::NoSuchRevision { asked: at, head: self.head().number });
        }
        Ok(())
    }

    pub(super) fn check(&self, new: &NewRevision<'_>) -> Result<(), AppendError> {
        if self.head() != new.expected_head {
            return Err(AppendError::Moved { expected: new.expected_head, head: self.head() });
        }
        let kept = new.edit.key.as_ref().and_then(|key| self.keys.get(&key.text));
        if let Some(kept) = kept.filter(|kept| is_key_valid(kept.created_at, new.created_at)) {
            return Err(AppendError::Repeated { revision: kept.revision });
        }
        for change in &new.edit.changes {
            let head = self.newest(&change.id).map(Document::head);
            change.precondition.check(&change.id, head.as_ref())?;
            let owner = head.filter(|head| !head.deleted).and_then(|head| head.owner);
            if let Some(owner) =
                owner.filter(|owner| !new.edit.take_over && new.edit.owner.as_ref() != Some(owner))
            {
                return Err(AppendError::Owned { id: change.id.clone(), owner });
            }
        }
        let added = new.edit.changes.iter().filter(|change| {
            change.body.is_some() && self.newest(&change.id).is_none_or(|newest| newest.body.is_none())
        });
        let removed = new.edit.changes.iter().filter(|change| {
            change.body.is_none() && self.newest(&change.id).is_some_and(|newest| newest.body.is_some())
        });
        let wanted = (self.present + added.count() - removed.count()) as u64;
        if wanted > new.documents_max {
            return Err(AppendError::TooManyDocuments { max: new.documents_max, wanted });
        }
        Ok(())
    }

    pub(super) fn append(&mut self, new: &NewRevision<'_>, trigger: Open<Trigger>) -> Appended {
        let head = self.head();
        let number = head.number.next();
        let mut documents = Vec::with_capacity(new.edit.changes.len());
        for change in &new.edit.changes {
            let newest = self.newest(&change.id);
            if change.body.is_none() && newest.is_none_or(|newest| newest.body.is_none()) {
                continue;
            }
            let document = Document {
                id: change.id.clone(),
                version: newest.map_or(0, |newest| newest.version) + 1,
                revision: number,
                owner: new.edit.owner.clone().filter(|_| change.body.is_some()),
                body: change.body.clone(),
            };
            let was_there = newest.is_some_and(|newest| newest.body.is_some());
            self.present = self.present + usize::from(document.body.is_some()) - usize::from(was_there);
            self.documents.entry(change.id.clone()).or_default().push(document.clone());
            documents.push(document);
        }
        let summary = |document: &Document| ChangeSummary {
            id: document.id.clone(),
            op: if document.body.is_some() { Op::Put } else { Op::Delete },
            version: document.version,
        };
        let revision = Revision {
            number,
            author: new.edit.author.clone(),
            principal: new.edit.principal.clone(),
            reason: new.edit.reason.clone(),
            trigger,
            created_at: new.created_at,
            key: new.edit.key.as_ref().map(|key| key.text.clone()),
            changes: documents.iter().map(summary).collect(),
            digest: head.digest,
        };
        let mut appended = Appended { revision, documents, parent: head.digest };
        appended.revision.digest = appended.computed_digest(&head.digest);
        self.revisions.push(appended.revision.clone());
        let kept = |key: &EditKey| {
            (
                key.text.clone(),
                KeyedRevision { revision: number, created_at: new.created_at, request: key.request },
            )
        };
        self.keys.extend(new.edit.key.as_ref().map(kept));
        appended
    }
}

/// A version as a log that keeps texts has it.
fn stored(document: &Document) -> StoredDocument {
    StoredDocument {
        id: document.id.clone(),
        version: document.version,
        revision: document.revision,
        owner: document.owner.clone(),
        body: document.body.as_deref().map(|body| canonical_json(body).into()),
    }
}

fn listed(revision: &Revision, changes_max: Option<u32>) -> ListedRevision {
    let mut kinds = BTreeMap::<KindName, u64>::new();
    for change in revision.changes.iter() {
        *kinds.entry(change.id.kind.clone()).or_default() += 1;
    }
    let shown = changes_max.map_or(usize::MAX, |max| max as usize);
    let changes = revision.changes.iter().take(shown).cloned().collect();
    ListedRevision { revision: Revision { changes, ..revision.clone() }, kinds: kinds.into_iter().collect() }
}

#[async_trait]
impl RevisionLog for MemoryStore {
    async fn head(&self) -> Result<LogHead, StoreError> {
        Ok(self.log().head())
    }

    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
        let log = self.log();
        Ok((log.head(), of.iter().map(|number| log.digest(*number)).collect()))
    }

    async fn revision_of_key(&self, key: &str) -> Result<Option<KeyedRevision>, StoreError> {
        Ok(self.log().keys.get(key).copied())
    }

    async fn append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        self.append_as(new, new.edit.trigger.into())
    }

    async fn revisions(
        &self,
        query: RevisionQuery,
    ) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
        let log = self.log();
        let of_kind = |revision: &&Revision| {
            query
                .kind
                .as_ref()
                .is_none_or(|kind| revision.changes.iter().any(|change| change.id.kind == *kind))
        };
        let kept = log.revisions.iter().rev().filter(|revision| revision.number >= log.first());
        let before = kept.filter(|revision| query.before.is_none_or(|before| revision.number < before));
        let listed = before.filter(of_kind).map(|revision| listed(revision, query.changes_max));
        let items = listed.take(query.limit as usize + 1).collect();
        Ok(Page::cut(items, query.limit, |listed: &ListedRevision| listed.revision.number))
    }

    async fn changed(&self, query: ChangedQuery) -> Result<Page<DocumentId, DocumentId>, StoreError> {
        let log = self.log();
        log.readable(query.upto)?;
        log.readable(query.after.next().min(query.upto))?;
        let inside = |version: &Document| version.revision > query.after && version.revision <= query.upto;
        let asked = log.from(query.after_id.as_ref()).filter(|(id, versions)| {
            query.kind.as_ref().is_none_or(|kind| id.kind == *kind)
                && id.name.as_str().starts_with(&query.name_prefix)
                && versions.iter().any(inside)
        });
        let items = asked.map(|(id, _)| id.clone()).take(query.limit as usize + 1).collect();
        Ok(Page::cut(items, query.limit, DocumentId::clone))
    }

    async fn since(&self, since: RevisionNumber, limit: u32) -> Result<Vec<Appended>, StoreError> {
        let log = self.log();
        if since.next() < log.first() {
            return Err(StoreError::Compacted { asked: since.next(), first: log.first() });
        }
        let after = log.revisions.iter().filter(|revision| revision.number > since).take(limit as usize);
        let made = |revision: &Revision| {
            let documents = revision.changes.iter().filter_map(|change| {
                let versions = log.documents.get(&change.id)?;
                versions.iter().find(|version| version.version == change.version).cloned()
            });
            let before = RevisionNumber::new(revision.number.get() - 1);
            let parent = log.digest(before).unwrap_or_else(|| log.id.genesis());
            Appended { revision: revision.clone(), documents: documents.collect(), parent }
        };
        Ok(after.map(made).collect())
    }

    async fn stored_heads(
        &self,
        ids: &[DocumentId],
    ) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
        let log = self.log();
        Ok((log.head(), ids.iter().map(|id| log.newest(id).map(stored)).collect()))
    }

    async fn heads(&self, ids: &[DocumentId]) -> Result<(LogHead, Vec<Option<Document>>), StoreError> {
        let log = self.log();
        Ok((log.head(), ids.iter().map(|id| log.newest(id).cloned()).collect()))
    }

    async fn documents(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
        let log = self.log();
        if let Some(at) = query.at {
            log.readable(at)?;
        }
        let at = query.at.unwrap_or(log.head().number);
        let asked = log.from(query.after.as_ref()).filter(|(id, _)| {
            query.kind.as_ref().is_none_or(|kind| id.kind == *kind)
                && id.name.as_str().starts_with(&query.name_prefix)
        });
        let found = asked.filter_map(|(id, versions)| match query.made_by {
            Some(made_by) => versions.iter().find(|version| version.revision == made_by),
            None => log.at(id, at).filter(|version| version.body.is_some()),
        });
        let sized = found.map(stored).map(|document| (document.bytes(), document));
        let bounds = PageBounds::new(query.limit, query.bytes_max);
        let (items, found) = bounds.take(sized.map(|(bytes, document)| (document, bytes)));
        Ok(Page::of(items, found, |document: &StoredDocument| document.id.clone()))
    }

    async fn document_at(&self, id: &DocumentId, at: RevisionNumber) -> Result<Option<Document>, StoreError> {
        let log = self.log();
        log.readable(at)?;
        Ok(log.at(id, at).cloned())
    }

    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError> {
        let log = self.log();
        let versions = log.documents.get(id).into_iter().flatten().rev();
        let before = versions.filter(|version| before.is_none_or(|before| version.version < before));
        let message = before.filter_map(|document| {
            let revision = log.revisions.get(usize::try_from(document.revision.get() - 1).ok()?)?;
            Some(DocumentVersion {
                document: stored(document),
                author: revision.author.clone(),
                principal: revision.principal.clone(),
                reason: revision.reason.clone(),
                created_at: revision.created_at,
            })
        });
        let sized = message.map(|version| (version.document.bytes(), version));
        let bounds = PageBounds::new(limit, bytes_max);
        let (items, found) = bounds.take(sized.map(|(bytes, version)| (version, bytes)));
        Ok(Page::of(items, found, |version: &DocumentVersion| version.document.version))
    }

    async fn authorship(
        &self,
        ids: &[DocumentId],
        at: RevisionNumber,
    ) -> Result<Vec<Option<Authorship>>, StoreError> {
        let log = self.log();
        log.readable(at)?;
        Ok(ids.iter().map(|id| log.authorship(id, at)).collect())
    }

    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError> {
        Ok(self.log().newest(id).map(Document::head))
    }

    async fn document_count(&self) -> Result<u64, StoreError> {
        Ok(self.log().present as u64)
    }

    async fn compact(&self, first: RevisionNumber) -> Result<u64, StoreError> {
        let log = &mut *self.log();
        log.readable(first.max(log.first()))?;
        log.compacted = log.compacted.max(first.get().saturating_sub(1));
        log.keys.retain(|_, of| of.revision.get() > log.compacted);
        let mut forgotten = 0;
        log.documents.retain(|_, versions| {
            let before = versions.len();
            let base = versions.iter().rposition(|version| version.revision <= first).unwrap_or(0);
            versions.drain(..base);
            forgotten += (before - versions.len()) as u64;
            true
        });
        log.tallies.forget(|kind, name| {
            let id = DocumentId { kind: kind.clone(), name: name.clone() };
            log.documents
                .get(&id)
                .and_then(|versions| versions.last())
                .is_some_and(|newest| newest.body.is_none())
        });
        Ok(forgotten)
    }

    async fn first(&self) -> Result<RevisionNumber, StoreError> {
        Ok(self.log().first())
    }
}
