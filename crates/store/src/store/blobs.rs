//! Blobs: bytes under their digest.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;

use crate::StoreError;

/// Bytes that are too large for a document, each kept once under its SHA-256.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Keeps bytes under their digest. Keeping the same again changes nothing. The caller computes the digest, where that
    /// holds nobody up: of megabytes it takes milliseconds. [`BlobStore::blob`] of a store with rows checks it.
    async fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError>;

    /// The bytes of that digest, if they are kept.
    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// How many bytes those of that digest are, if they are kept. It does not read them.
    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// How many bytes all that are kept have together. It does not read them.
    async fn blobs_size(&self) -> Result<u64, StoreError>;
}
