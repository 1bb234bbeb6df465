//! The newest revisions, read from the log once for all who watch it rather than once by each. Only what is sent to
//! watchers is kept: a revision without the documents that it put.

use std::collections::VecDeque;
use std::sync::Arc;

use midflight_core::{KindName, ReloadId, RevisionNumber};
use midflight_store::{ListedRevision, RevisionQuery, Store, StoreError};
use midflight_wire::log::RevisionAnswer;
use tokio::sync::{Mutex, watch};

use crate::wire::{CHANGES_SHOWN_MAX, revision_answer, served_revision};

/// How many revisions are read from the log at once.
const PAGE: u32 = 64;
/// How many are kept. Who is further behind reads from the log.
const KEPT_MAX: usize = 256;

/// A revision as watchers get it.
#[derive(Debug)]
pub(crate) struct Summary {
    /// Its number.
    pub(crate) number: RevisionNumber,
    /// The kinds that it changed documents of.
    pub(crate) kinds: Vec<KindName>,
    /// What is sent of one that is served: a `WatchedRevision`.
    pub(crate) data: String,
    /// What it is made of.
    pub(crate) answer: RevisionAnswer,
}

impl From<&ListedRevision> for Summary {
    fn from(listed: &ListedRevision) -> Self {
        let answer = revision_answer(listed);
        Self {
            number: listed.revision.number,
            kinds: listed.kinds.iter().map(|(kind, _)| kind.clone()).collect(),
            data: serde_json::to_string(&served_revision(&answer)).unwrap_or_default(),
            answer,
        }
    }
}

/// The newest revisions without a gap between them, oldest first, of the log that is followed.
#[derive(Debug, Default)]
pub(crate) struct RevisionCache {
    kept: Mutex<VecDeque<Arc<Summary>>>,
    /// The reload that made this replica follow the log; 0 for the log that it began with.
    adopted_by: watch::Sender<u64>,
}

impl RevisionCache {
    /// Some of the revisions after `position`, oldest first, none left out; all up to `served` when those are kept.
    pub(crate) async fn since(
        &self,
        store: &dyn Store,
        position: RevisionNumber,
        served: RevisionNumber,
    ) -> Result<Vec<Arc<Summary>>, StoreError> {
        // A caller that arrives while another reads waits, and finds it read.
        let mut kept = self.kept.lock().await;
        let is_before = kept.front().is_some_and(|first| position.next() < first.number);
        if is_before {
            drop(kept);
            return read(store, position).await;
        }
        let newest = kept.back().map(|last| last.number);
        if newest.is_none_or(|newest| newest < served) {
            // The first that is asked for is where it begins.
            kept.extend(read(store, newest.unwrap_or(position)).await?);
            let old = kept.len().saturating_sub(KEPT_MAX);
            kept.drain(..old);
        }
        Ok(kept.iter().filter(|one| one.number > position).cloned().collect())
    }
}

/// The revisions after `position`, oldest first, none left out.
async fn read(store: &dyn Store, position: RevisionNumber) -> Result<Vec<Arc<Summary>>, StoreError> {
    let before = RevisionNumber::new(position.get().saturating_add(u64::from(PAGE) + 1));
    let changes_max = Some(CHANGES_SHOWN_MAX);
    let query = RevisionQuery { before: Some(before), limit: PAGE, changes_max, kind: None };
    let mut listed = store.revisions(query).await?.items;
    listed.retain(|one| one.revision.number > position);
    listed.reverse();
    // A list begins where the log does, and those before are not to be passed over in silence.
    match listed.first().map(|first| first.revision.number) {
        Some(first) if first > position.next() => {
            Err(StoreError::Compacted { asked: position.next(), first: store.first().await? })
        }
        _ => Ok(listed.iter().map(|one| Arc::new(Summary::from(one))).collect()),
    }
}

impl RevisionCache {
    /// Changes when another log is followed than now.
    pub(crate) fn adoptions(&self) -> watch::Receiver<u64> {
        self.adopted_by.subscribe()
    }

    /// Forgets all: since that reload the log is another one. Watchers of the one before are to end.
    pub(crate) async fn adopted(&self, by: ReloadId) {
        let mut kept = self.kept.lock().await;
        let is_news = self.adopted_by.send_if_modified(|known| {
            let is_news = *known < by.0;
            *known = by.0.max(*known);
            is_news
        });
        if is_news {
            kept.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::{Change, DocumentId, Edit, Trigger};
    use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
    use serde_json::{Value, json};

    async fn append(store: &MemoryStore, changes: Vec<Change>) {
        let edit = Edit::new("anna", Trigger::Manual, changes);
        let expected_head = store.head().await.unwrap();
        let created_at = jiff::Timestamp::UNIX_EPOCH;
        let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: u64::MAX };
        store.append(new).await.unwrap();
    }

    fn put(name: &str, n: u64) -> Change {
        Change::put(DocumentId::new("rules", name).unwrap(), json!({ "n": n }))
    }

    #[tokio::test]
    async fn listeners_receive_all_later_changes() {
        let (store, recent) = (MemoryStore::new(), RevisionCache::default());
        for n in 0..300 {
            append(&store, vec![put("a", n)]).await;
        }
        for start in [290, 0, 299, 10, 300] {
            let (mut position, served) = (RevisionNumber::new(start), RevisionNumber::new(300));
            while position < served {
                for one in recent.since(&store, position, served).await.unwrap() {
                    assert_eq!(one.number, position.next(), "from {start}");
                    position = one.number;
                }
            }
        }
        for n in 0..400 {
            append(&store, vec![put("a", n)]).await;
        }
        let mut position = RevisionNumber::new(250);
        while position.get() < 700 {
            for one in recent.since(&store, position, RevisionNumber::new(700)).await.unwrap() {
                assert_eq!(one.number, position.next());
                position = one.number;
            }
            assert!(recent.kept.lock().await.len() <= KEPT_MAX);
        }
    }

    #[tokio::test]
    async fn the_size_of_a_kept_revision_is_constant() {
        let (store, recent) = (MemoryStore::new(), RevisionCache::default());
        append(&store, (0..5000).map(|n| put(&format!("d{n}"), n)).collect()).await;
        let kept = recent.since(&store, RevisionNumber::ZERO, RevisionNumber::new(1)).await.unwrap();
        assert!(kept[0].data.len() < 64 << 10, "{}", kept[0].data.len());
        let data: Value = serde_json::from_str(&kept[0].data).unwrap();
        let shown = data["changes"].as_array().unwrap().len();
        assert_eq!((shown, &data["changes_count"]), (CHANGES_SHOWN_MAX as usize, &json!(5000)));
    }

    #[tokio::test]
    async fn a_request_for_compacted_revisions_does_not_get_later_ones() {
        let (store, recent) = (MemoryStore::new(), RevisionCache::default());
        for n in 0..10 {
            append(&store, vec![put("a", n)]).await;
        }
        store.compact(RevisionNumber::new(5)).await.unwrap();
        let refused =
            recent.since(&store, RevisionNumber::new(2), RevisionNumber::new(10)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Compacted { .. }), "{refused}");
        let found = recent.since(&store, RevisionNumber::new(4), RevisionNumber::new(10)).await.unwrap();
        assert_eq!(found.len(), 6);
    }
}
