//! Recognises an old copy of a directory: one that equals what the log had of its owner at an earlier revision.

use midflight_core::{Digest, Document, DocumentId, Owner, RevisionNumber};
use midflight_store::{ChangedQuery, Store, StoreError};

use super::plan::DirectoryPlan;
use super::read::DocumentBodies;

/// How many versions of a document, and how many changed documents, are read at once.
const PAGE: u32 = 256;
/// How many bytes of bodies are read from the log at once, where only one at a time is looked at.
const PAGE_BYTES_MAX: u64 = 1 << 20;
/// How many earlier states are compared with a directory. One that may be any of so many is taken for an old one.
const STATES_MAX: usize = 64;

/// Revisions from `begin` on, up to the one before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    begin: u64,
    end: u64,
}

/// What the log had of one owner.
pub(super) struct OwnerHistory<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) owner: &'a Owner,
    /// The newest revision that was looked at.
    pub(super) head: RevisionNumber,
}

impl OwnerHistory<'_> {
    /// Whether a directory that differs from the log by `planned` equals what the log had at an earlier revision,
    /// absent documents included. Of revisions that were compacted nothing is known. Cost: reads the versions of the
    /// documents that differ, and those that changed since.
    pub(super) async fn has_state(
        &self,
        planned: &DirectoryPlan,
        output: &DocumentBodies,
    ) -> Result<bool, StoreError> {
        let mut ranges: Option<Vec<Range>> = None;
        for change in &planned.changes {
            let digest = output.get(&change.id).map(|(_, digest)| *digest);
            let found = self.ranges(&change.id, digest).await?;
            let both = match &ranges {
                Some(before) => intersect(before, &found),
                None => found,
            };
            if both.is_empty() {
                return Ok(false);
            }
            ranges = Some(both);
        }
        let mut states = 0;
        for range in ranges.into_iter().flatten() {
            let mut at = range.end - 1;
            while at >= range.begin && at > 0 {
                states += 1;
                if states > STATES_MAX {
                    return Ok(true);
                }
                match self.mismatch(RevisionNumber::new(at), planned, output).await? {
                    None => return Ok(true),
                    // What differs there has been so since that revision.
                    Some(since) => at = since.get().saturating_sub(1),
                }
            }
        }
        Ok(false)
    }

    /// The revisions at which the owner's version of a document had this body, newest first.
    async fn ranges(&self, id: &DocumentId, output: Option<Digest>) -> Result<Vec<Range>, StoreError> {
        let (mut found, mut end, mut before) = (Vec::new(), u64::MAX, None);
        loop {
            let page = self.store.versions(id, before, PAGE, Some(PAGE_BYTES_MAX)).await?;
            let mut first = None;
            for version in &page.items {
                let document = &version.document;
                let is_own = document.owner.as_ref() == Some(self.owner);
                let digest = if is_own { document.digest() } else { None };
                let begin = document.revision.get();
                if digest == output {
                    found.push(Range { begin, end });
                }
                (end, first) = (begin, Some(document.version));
            }
            before = page.next;
            if before.is_none() {
                if output.is_none() && first.is_none_or(|version| version == 1) {
                    found.push(Range { begin: 0, end });
                }
                return Ok(found);
            }
        }
    }

    /// Since when, at `at`, the log differed from the directory in a document that changed after; none when all are the
    /// same.
    async fn mismatch(
        &self,
        at: RevisionNumber,
        planned: &DirectoryPlan,
        output: &DocumentBodies,
    ) -> Result<Option<RevisionNumber>, StoreError> {
        let mut after_id = None;
        loop {
            let query =
                ChangedQuery { after: at, upto: self.head, after_id, limit: PAGE, ..ChangedQuery::default() };
            let page = match self.store.changed(query).await {
                Err(StoreError::Compacted { .. }) => return Ok(Some(RevisionNumber::ZERO)),
                page => page?,
            };
            for id in &page.items {
                if planned.contested.iter().any(|contested| contested.id == *id) {
                    continue;
                }
                let then = self.store.document_at(id, at).await?;
                let since = then.as_ref().map_or(RevisionNumber::ZERO, |document| document.revision);
                let own = then.filter(|document| document.owner.as_ref() == Some(self.owner));
                if own.as_ref().and_then(Document::digest) != output.get(id).map(|(_, digest)| *digest) {
                    return Ok(Some(since));
                }
            }
            after_id = page.next;
            if after_id.is_none() {
                return Ok(None);
            }
        }
    }
}

/// What two lists, newest first, have in common.
fn intersect(one: &[Range], other: &[Range]) -> Vec<Range> {
    let pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
    let common =
        pairs.map(|(one, other)| Range { begin: one.begin.max(other.begin), end: one.end.min(other.end) });
    common.filter(|range| range.begin < range.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_intersect_newest_first() {
        let range = |begin, end| Range { begin, end };
        let (one, other) = ([range(8, 10), range(1, 5)], [range(9, u64::MAX), range(3, 9)]);
        assert_eq!(intersect(&one, &other), [range(9, 10), range(8, 9), range(3, 5)]);
        assert_eq!(intersect(&one, &[range(5, 8)]), []);
    }
}
