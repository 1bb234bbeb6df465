//! Catalogues of the past: for callers who are pinned to a revision, and for cursors that another replica made.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_tools::ToolsSnapshot;
use tokio::sync::Mutex;

/// Why there is no catalogue of a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// The log does not have the revision: it was compacted, or it is yet to come.
    #[error("no catalogue of revision {0}: the log no longer has it, or does not have it yet")]
    Unknown(RevisionNumber),
    /// It cannot be read now.
    #[error("cannot read the catalogue of revision {revision}: {reason}; try again")]
    Unavailable {
        /// Which one.
        revision: RevisionNumber,
        /// Why.
        reason: String,
    },
}

/// Gives catalogues of the past. It is called for a revision that is not kept, one at a time.
#[async_trait]
pub trait PastCatalogues: Send + Sync + 'static {
    /// The catalogue as of a revision: what a replica would serve there.
    ///
    /// # Errors
    /// [`PastError`] when there is none, or when it cannot be read now.
    async fn at(&self, revision: RevisionNumber) -> Result<Arc<ToolsSnapshot>, PastError>;
}

/// The catalogues of the past that were asked for last.
pub(crate) struct PastCache {
    source: Arc<dyn PastCatalogues>,
    /// The newest last.
    kept: std::sync::Mutex<VecDeque<(RevisionNumber, Arc<ToolsSnapshot>)>>,
    kept_max: usize,
    /// One load at a time: a catalogue takes memory while it is made, and who waits finds it made.
    loading: Mutex<()>,
}

impl PastCache {
    pub(crate) fn new(source: Arc<dyn PastCatalogues>, kept_max: usize) -> Self {
        Self { source, kept: std::sync::Mutex::default(), kept_max, loading: Mutex::new(()) }
    }

    /// The catalogue of a revision, if it is kept.
    pub(crate) fn kept(&self, revision: RevisionNumber) -> Option<Arc<ToolsSnapshot>> {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let place = kept.iter().position(|(number, _)| *number == revision)?;
        let found = kept.remove(place)?;
        let catalogue = Arc::clone(&found.1);
        kept.push_back(found);
        Some(catalogue)
    }

    /// The catalogue of a revision.
    pub(crate) async fn at(&self, revision: RevisionNumber) -> Result<Arc<ToolsSnapshot>, PastError> {
        if let Some(catalogue) = self.kept(revision) {
            return Ok(catalogue);
        }
        let _turn = self.loading.lock().await;
        if let Some(catalogue) = self.kept(revision) {
            return Ok(catalogue);
        }
        let catalogue = self.source.at(revision).await?;
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.push_back((revision, Arc::clone(&catalogue)));
        while kept.len() > self.kept_max.max(1) {
            kept.pop_front();
        }
        Ok(catalogue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counted(AtomicUsize);

    #[async_trait]
    impl PastCatalogues for Counted {
        async fn at(&self, revision: RevisionNumber) -> Result<Arc<ToolsSnapshot>, PastError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if revision.get() == 9 { Err(PastError::Unknown(revision)) } else { Ok(Arc::default()) }
        }
    }

    #[tokio::test]
    async fn the_ones_that_are_asked_for_last_are_kept() {
        let source = Arc::new(Counted(AtomicUsize::new(0)));
        let cache = PastCache::new(Arc::clone(&source) as Arc<dyn PastCatalogues>, 2);
        for revision in [1, 2, 1, 3, 1] {
            cache.at(RevisionNumber::new(revision)).await.unwrap();
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 3);
        assert!(cache.kept(RevisionNumber::new(2)).is_none() && cache.kept(RevisionNumber::new(3)).is_some());
        // What failed is not kept.
        for _ in 0..2 {
            assert!(cache.at(RevisionNumber::new(9)).await.is_err());
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 5);
    }
}
