//! Components from the store of the log.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;
use midflight_module_host::BlobSource;
use midflight_store::Store;

/// Reads components from the store. They are read once for each replica, since what was compiled of them is kept.
pub(super) struct StoredBlobs {
    store: Arc<dyn Store>,
    bytes_max: usize,
}

impl StoredBlobs {
    pub(super) fn new(store: Arc<dyn Store>, bytes_max: usize) -> Self {
        Self { store, bytes_max }
    }
}

#[async_trait]
impl BlobSource for StoredBlobs {
    async fn blob(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, String> {
        let size = self.store.blob_size(&digest).await.map_err(|error| error.to_string())?;
        // Another server of the log may have another bound.
        if let Some(size) = size.filter(|size| *size > self.bytes_max as u64) {
            let max = self.bytes_max;
            return Err(format!(
                "it has {size} bytes and may have {max} (blob_bytes_max); build it smaller, or raise the bound"
            ));
        }
        self.store.blob(&digest).await.map_err(|error| error.to_string())
    }

    fn cure(&self, digest: Digest) -> String {
        format!("put it with `midflight module load` or PUT /api/v1/blobs/{digest}")
    }
}
