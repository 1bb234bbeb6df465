//! What the replicas of a log share beside it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Lead, Replica, SeenReplica, StoreError};

/// The replicas that follow a log: the report of each of them, which of them leads, and the key and the clock that they
/// share.
#[async_trait]
pub trait FleetStore: Send + Sync {
    /// Keeps the report of a replica, in place of the earlier one of the same id, with the time by the store's own
    /// clock. It need not survive a crash of the machine. Cost: one small write.
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError>;

    /// The replicas that reported within that time, ordered by id. The others are forgotten.
    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError>;

    /// Forgets a replica that stops in order; one that is not there is no error.
    async fn forget_replica(&self, id: &str) -> Result<(), StoreError>;

    /// Becomes the leader of the followers of the log, if there is none. A leader that is dead is replaced within
    /// seconds: ask again about every second. Cost: one connection as long as it leads, where many share the log.
    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError>;

    /// The key with which the fleet signs its hints: 32 random bytes, made at the first request, and from then on the
    /// same for every caller, however many ask at once.
    async fn hint_key(&self) -> Result<[u8; 32], StoreError>;

    /// The time of the clock that all replicas of the log share, to the microsecond; none where that is the clock of
    /// this machine. Cost: one round trip.
    async fn now(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
}
