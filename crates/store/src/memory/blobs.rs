//! Blobs in memory.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;

use super::MemoryStore;
use crate::{BlobStore, StoreError};

#[async_trait]
impl BlobStore for MemoryStore {
    async fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.log().blobs.entry(*digest).or_insert_with(|| bytes.into());
        Ok(())
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        Ok(self.log().blobs.get(digest).cloned())
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.log().blobs.get(digest).map(|bytes| bytes.len() as u64))
    }

    async fn blobs_size(&self) -> Result<u64, StoreError> {
        Ok(self.log().blobs.values().map(|bytes| bytes.len() as u64).sum())
    }
}
