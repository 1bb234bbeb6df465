//! What replicas share beside the log, in memory: all of them are in this process.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::MemoryStore;
use crate::lead::Alone;
use crate::secret::new_key;
use crate::{FleetStore, Lead, Replica, SeenReplica, StoreError};

#[async_trait]
impl FleetStore for MemoryStore {
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError> {
        self.log().replicas.insert(replica.id.clone(), (replica.clone(), Instant::now()));
        Ok(())
    }

    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
        let mut log = self.log();
        log.replicas.retain(|_, (_, seen)| seen.elapsed() <= within);
        let seen = |(replica, seen): &(Replica, Instant)| SeenReplica {
            replica: replica.clone(),
            age: seen.elapsed(),
        };
        Ok(log.replicas.values().map(seen).collect())
    }

    async fn forget_replica(&self, id: &str) -> Result<(), StoreError> {
        self.log().replicas.remove(id);
        Ok(())
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError> {
        Ok(Some(Box::new(Alone)))
    }

    async fn hint_key(&self) -> Result<[u8; 32], StoreError> {
        let mut log = self.log();
        let key = log.hint_key.map_or_else(new_key, Ok)?;
        log.hint_key = Some(key);
        Ok(key)
    }
}
