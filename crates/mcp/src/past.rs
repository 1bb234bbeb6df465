//! Catalogues of the past: for callers who are pinned to a revision, and for cursors that another replica made.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_tools::ToolsSnapshot;
use tokio::sync::Mutex;

use crate::permits::CallerPermits;
use crate::shared::no_room;
use crate::{McpCaller, McpOptions};

/// Why there is no catalogue of a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// The log does not have the revision: it was compacted, or it is yet to come.
    #[error("no catalogue of revision {0}: the log no longer has it, or does not have it yet")]
    Unknown(RevisionNumber),
    /// It may not be made: it is past a bound.
    #[error("cannot make the catalogue of revision {revision}: {reason}")]
    Refused {
        /// Which one.
        revision: RevisionNumber,
        /// Which bound, and what to do instead.
        reason: String,
    },
    /// Too many requests wait for catalogues of the past.
    #[error("cannot wait for the catalogue of revision {revision}: {reason}")]
    Busy {
        /// Which one.
        revision: RevisionNumber,
        /// Whose requests they are, and what to do.
        reason: String,
    },
    /// It cannot be read now.
    #[error("cannot read the catalogue of revision {revision}: {reason}; try again")]
    Unavailable {
        /// Which one.
        revision: RevisionNumber,
        /// Why.
        reason: String,
    },
}

/// A catalogue of the past. Cheap to clone.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct PastCatalogue {
    /// Its tools.
    pub tools: Arc<ToolsSnapshot>,
    /// The revisions up to it that are left out of it here, ascending.
    pub quarantined: Arc<[RevisionNumber]>,
    /// How many bytes the documents have that it was made of, for the bound on those that are kept.
    pub bytes: usize,
}

impl PastCatalogue {
    /// A catalogue that was made of documents of so many bytes.
    #[must_use]
    pub fn new(tools: ToolsSnapshot, bytes: usize) -> Self {
        Self { tools: Arc::new(tools), quarantined: Arc::from([]), bytes }
    }

    /// The same, out of which these revisions are left, ascending.
    #[must_use]
    pub fn without(mut self, quarantined: impl IntoIterator<Item = RevisionNumber>) -> Self {
        self.quarantined = quarantined.into_iter().collect();
        self
    }
}

impl std::fmt::Debug for PastCatalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { quarantined, bytes, .. } = self;
        f.debug_struct("PastCatalogue").field("quarantined", quarantined).field("bytes", bytes).finish()
    }
}

/// Gives catalogues of the past. It is called for a revision that is not kept, one at a time.
#[async_trait]
pub trait PastCatalogues: Send + Sync + 'static {
    /// The catalogue as of a revision: what a replica would serve there. Bound what it reads, and let it compute as
    /// work of the caller who asks for it.
    ///
    /// # Errors
    /// [`PastError`] when there is none, when it may not be made, or when it cannot be read now.
    async fn at(&self, revision: RevisionNumber, caller: &McpCaller) -> Result<PastCatalogue, PastError>;
}

/// The catalogues of the past that were asked for last. One that is refused stays refused, and is not read for it again.
pub(crate) struct PastCache {
    source: Arc<dyn PastCatalogues>,
    /// The newest last.
    kept: std::sync::Mutex<VecDeque<(RevisionNumber, Result<PastCatalogue, PastError>)>>,
    kept_max: usize,
    bytes_max: usize,
    /// One load at a time: a catalogue takes memory while it is made, and who waits finds it made.
    loading: Mutex<()>,
    /// Who loads and who waits.
    waiting: Arc<CallerPermits>,
}

impl PastCache {
    pub(crate) fn new(source: Arc<dyn PastCatalogues>, options: &McpOptions) -> Self {
        Self {
            source,
            kept: std::sync::Mutex::default(),
            kept_max: options.past_max.max(1),
            bytes_max: options.past_bytes_max,
            loading: Mutex::new(()),
            waiting: CallerPermits::new(options.past_waiting_per_caller_max, options.past_waiting_max),
        }
    }

    /// The catalogue of a revision, if it is kept.
    pub(crate) fn kept(&self, revision: RevisionNumber) -> Option<PastCatalogue> {
        self.known(revision)?.ok()
    }

    /// What is known of a revision.
    fn known(&self, revision: RevisionNumber) -> Option<Result<PastCatalogue, PastError>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(number, _)| *number == revision)?;
        let found = kept.remove(place)?;
        let catalogue = found.1.clone();
        kept.push_back(found);
        Some(catalogue)
    }

    /// The catalogue of a revision, for a caller.
    pub(crate) async fn at(
        &self,
        revision: RevisionNumber,
        caller: &McpCaller,
    ) -> Result<PastCatalogue, PastError> {
        if let Some(known) = self.known(revision) {
            return known;
        }
        let _place = self.waiting.acquire(&caller.name).map_err(|full| {
            let (reason, _) = no_room("requests that wait for catalogues of the past", full);
            PastError::Busy { revision, reason }
        })?;
        let _turn = self.loading.lock().await;
        if let Some(known) = self.known(revision) {
            return known;
        }
        let made = self.source.at(revision, caller).await;
        if let Ok(_) | Err(PastError::Refused { .. }) = made {
            self.keep(revision, made.clone());
        }
        made
    }

    fn keep(&self, revision: RevisionNumber, made: Result<PastCatalogue, PastError>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((revision, made));
        let bytes = |made: &Result<PastCatalogue, PastError>| made.as_ref().map_or(0, |made| made.bytes);
        let mut all: usize = kept.iter().map(|(_, made)| bytes(made)).sum();
        while kept.len() > self.kept_max || all > self.bytes_max {
            let Some((_, first)) = kept.pop_front() else { break };
            all -= bytes(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Makes catalogues of 10 bytes, when it may; none of revision 9, and refuses revision 8.
    struct Counted {
        loads: AtomicUsize,
        may: Semaphore,
    }

    #[async_trait]
    impl PastCatalogues for Counted {
        async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
            self.loads.fetch_add(1, Ordering::Relaxed);
            self.may.acquire().await.unwrap().forget();
            match revision.get() {
                9 => Err(PastError::Unknown(revision)),
                8 => Err(PastError::Refused { revision, reason: "too large".to_owned() }),
                _ => Ok(PastCatalogue::new(ToolsSnapshot::default(), 10)),
            }
        }
    }

    fn cache(may: usize, set: impl FnOnce(&mut McpOptions)) -> (Arc<Counted>, Arc<PastCache>) {
        let source = Arc::new(Counted { loads: AtomicUsize::new(0), may: Semaphore::new(may) });
        let mut options = McpOptions::new([1; 32]);
        set(&mut options);
        let cache = PastCache::new(Arc::clone(&source) as Arc<dyn PastCatalogues>, &options);
        (source, Arc::new(cache))
    }

    #[tokio::test]
    async fn the_ones_that_are_asked_for_last_are_kept() {
        let (source, cache) = cache(100, |options| options.past_max = 2);
        let caller = McpCaller::new("ada");
        for revision in [1, 2, 1, 3, 1] {
            cache.at(RevisionNumber::new(revision), &caller).await.unwrap();
        }
        assert_eq!(source.loads.load(Ordering::Relaxed), 3);
        assert!(cache.kept(RevisionNumber::new(2)).is_none() && cache.kept(RevisionNumber::new(3)).is_some());
        // What failed is not kept.
        for _ in 0..2 {
            assert!(cache.at(RevisionNumber::new(9), &caller).await.is_err());
        }
        assert_eq!(source.loads.load(Ordering::Relaxed), 5);
        // What is refused is refused again without being read.
        for _ in 0..2 {
            let refused = cache.at(RevisionNumber::new(8), &caller).await.unwrap_err();
            assert_eq!(refused.to_string(), "cannot make the catalogue of revision 8: too large");
        }
        assert_eq!(source.loads.load(Ordering::Relaxed), 6);
        assert!(cache.kept(RevisionNumber::new(8)).is_none());
    }

    #[tokio::test]
    async fn those_that_are_kept_have_a_bound_in_bytes() {
        let (source, cache) = cache(100, |options| options.past_bytes_max = 25);
        let caller = McpCaller::new("ada");
        for revision in [1, 2, 3] {
            cache.at(RevisionNumber::new(revision), &caller).await.unwrap();
        }
        let kept = [1, 2, 3].map(|revision| cache.kept(RevisionNumber::new(revision)).is_some());
        assert_eq!(kept, [false, true, true]);
        cache.at(RevisionNumber::new(2), &caller).await.unwrap();
        assert_eq!(source.loads.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_caller_waits_with_a_bounded_number_of_requests() {
        let (source, cache) = cache(0, |options| options.past_waiting_per_caller_max = 2);
        let [ada, bob] = ["ada", "bob"].map(McpCaller::new);
        let at = |revision: u64, caller: &McpCaller| {
            let (cache, caller) = (Arc::clone(&cache), caller.clone());
            async move { cache.at(RevisionNumber::new(revision), &caller).await }
        };
        let mut waiting = vec![Box::pin(at(1, &ada)), Box::pin(at(2, &ada)), Box::pin(at(3, &bob))];
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        let refused = at(4, &ada).await.unwrap_err();
        assert!(matches!(refused, PastError::Busy { .. }), "{refused}");
        assert!(refused.to_string().contains("this caller has 2"), "{refused}");
        source.may.add_permits(3);
        for one in waiting {
            one.await.unwrap();
        }
        source.may.add_permits(1);
        at(4, &ada).await.unwrap();
    }
}
