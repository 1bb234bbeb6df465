//! A replica's way to the log, which can be disturbed.

use async_trait::async_trait;
use midflight_core::Appended;
use midflight_store::conformance::StoreRoute;
use midflight_store::{
    AppendError, MemoryStore, NewRevision, RevisionLog as _, StoreError, Tally, TallyStore as _,
};
use tokio::sync::watch;

/// How the log is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// It refuses whatever is asked of it.
    Closed,
    /// It takes no revision, as a database that is read-only.
    ReadOnly,
    /// It does not answer until the way is another one.
    Silent,
    /// It does what it is asked for, and its answers are lost.
    Lossy,
}

/// A log in memory, as one replica reaches it.
#[derive(Clone)]
pub(crate) struct Log {
    log: MemoryStore,
    way: watch::Sender<Way>,
}

impl Log {
    pub(crate) fn new(log: MemoryStore) -> Self {
        Self { log, way: watch::Sender::new(Way::Open) }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Brings an answer back, if one comes.
    fn back<T>(&self, answer: T) -> Result<T, StoreError> {
        if *self.way.borrow() == Way::Lossy { Err(lost()) } else { Ok(answer) }
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("cut off".to_owned())
}

#[async_trait]
impl StoreRoute for Log {
    async fn reach(&self) -> Result<MemoryStore, StoreError> {
        let mut way = self.way.subscribe();
        let way = way.wait_for(|way| *way != Way::Silent).await.map(|way| *way);
        if way.is_ok_and(|way| way == Way::Closed) { Err(lost()) } else { Ok(self.log.clone()) }
    }

    async fn send_append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        let log = self.reach().await?;
        if *self.way.borrow() == Way::ReadOnly {
            return Err(lost().into());
        }
        let appended = log.append(new).await?;
        Ok(self.back(appended)?)
    }

    async fn send_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        let added = self.reach().await?.add_tallies(source, batch, tallies).await?;
        self.back(added)
    }
}
