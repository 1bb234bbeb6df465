//! The newest revisions, read from the log once for all who watch it rather than once by each.

use std::collections::VecDeque;
use std::sync::Arc;

use midflight_core::RevisionNumber;
use midflight_store::{Appended, Store, StoreError};
use tokio::sync::Mutex;

/// How many revisions are read from the log at once.
const PAGE: u32 = 64;
/// How many are kept. Who is further behind reads from the log.
const KEPT_MAX: usize = 256;

/// The newest revisions without a gap between them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Arc<Appended>>>);

impl Recent {
    /// Some of the revisions after `position`, oldest first, none left out; all up to `served` when those are kept.
    pub(crate) async fn since(
        &self,
        store: &dyn Store,
        position: RevisionNumber,
        served: RevisionNumber,
    ) -> Result<Vec<Arc<Appended>>, StoreError> {
        // Whoever comes while one reads waits, and finds it read.
        let mut kept = self.0.lock().await;
        let number = |one: &Arc<Appended>| one.revision.number;
        let is_before = kept.front().is_some_and(|first| position.next() < number(first));
        if is_before {
            drop(kept);
            return Ok(store.since(position, PAGE).await?.into_iter().map(Arc::new).collect());
        }
        let newest = kept.back().map(number);
        if newest.is_none_or(|newest| newest < served) {
            // The first that is asked for is where it begins.
            let read = store.since(newest.unwrap_or(position), PAGE).await?;
            kept.extend(read.into_iter().map(Arc::new));
            let old = kept.len().saturating_sub(KEPT_MAX);
            kept.drain(..old);
        }
        Ok(kept.iter().filter(|one| number(one) > position).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::{Change, DocumentId, Edit, Trigger};
    use midflight_store::{MemoryStore, NewRevision};
    use serde_json::json;

    async fn append(store: &MemoryStore, count: u64) {
        for n in 0..count {
            let edit = Edit {
                author: "anna".into(),
                reason: String::new(),
                trigger: Trigger::Manual,
                owner: None,
                take_over: false,
                computed_at: None,
                changes: vec![Change::put(DocumentId::new("rules", "a").unwrap(), json!(n))],
            };
            let expected_head = store.head().await.unwrap();
            let created_at = jiff::Timestamp::UNIX_EPOCH;
            let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: u64::MAX };
            store.append(new).await.unwrap();
        }
    }

    #[tokio::test]
    async fn everybody_gets_all_that_comes_after_them() {
        let (store, recent) = (MemoryStore::new(), Recent::default());
        append(&store, 300).await;
        for start in [290, 0, 299, 10, 300] {
            let (mut position, served) = (RevisionNumber::new(start), RevisionNumber::new(300));
            while position < served {
                for one in recent.since(&store, position, served).await.unwrap() {
                    assert_eq!(one.revision.number, position.next(), "from {start}");
                    position = one.revision.number;
                }
            }
        }
        append(&store, 400).await;
        let mut position = RevisionNumber::new(250);
        while position.get() < 700 {
            for one in recent.since(&store, position, RevisionNumber::new(700)).await.unwrap() {
                assert_eq!(one.revision.number, position.next());
                position = one.revision.number;
            }
            assert!(recent.0.lock().await.len() <= KEPT_MAX);
        }
    }
}
