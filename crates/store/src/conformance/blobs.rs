//! What every store must do with blobs.

use std::sync::Arc;

use midflight_core::Digest;

use crate::BlobStore;

type SharedBlobStore = Arc<dyn BlobStore>;

/// Bytes are kept once under their digest.
pub async fn blobs_are_kept_by_digest(store: SharedBlobStore) {
    let digest = Digest::of_bytes(b"\0bytes");
    store.put_blob(&digest, b"\0bytes").await.unwrap();
    store.put_blob(&digest, b"\0bytes").await.unwrap();
    assert_eq!(store.blob(&digest).await.unwrap().as_deref(), Some(&b"\0bytes"[..]));
    assert_eq!(store.blob(&Digest::of_bytes(b"none")).await.unwrap(), None);
}

/// Sizes are of what is kept.
pub async fn blobs_have_sizes(store: SharedBlobStore) {
    let before = store.blobs_size().await.unwrap();
    let digest = Digest::of_bytes(b"five!");
    store.put_blob(&digest, b"five!").await.unwrap();
    store.put_blob(&digest, b"five!").await.unwrap();
    assert_eq!(store.blob_size(&digest).await.unwrap(), Some(5));
    assert_eq!(store.blob_size(&Digest::of_bytes(b"no size")).await.unwrap(), None);
    assert_eq!(store.blobs_size().await.unwrap(), before + 5);
}
