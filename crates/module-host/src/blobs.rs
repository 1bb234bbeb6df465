//! Where the bytes of components come from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use midflight_core::Digest;

/// Gives the bytes of components. The host verifies their digest.
#[async_trait]
pub trait BlobSource: Send + Sync + 'static {
    /// The bytes with that digest; none when they are not there.
    ///
    /// # Errors
    /// Why they cannot be read.
    async fn blob(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, String>;

    /// What to do about bytes that are not there.
    fn cure(&self, _: Digest) -> String {
        "put its bytes".to_owned()
    }
}

/// Bytes in memory.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    blobs: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

impl MemoryBlobs {
    /// Keeps these bytes; gives their digest.
    pub fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of_bytes(bytes);
        self.put_as(digest, bytes);
        digest
    }

    /// Keeps these bytes under a digest, be it theirs or not.
    pub fn put_as(&self, digest: Digest, bytes: &[u8]) {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes.into());
    }
}

#[async_trait]
impl BlobSource for MemoryBlobs {
    async fn blob(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, String> {
        Ok(self.blobs.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned())
    }
}
