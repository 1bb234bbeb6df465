//! Blobs out of rows.

use std::sync::Arc;

use midflight_core::Digest;

use super::corrupt;
use crate::StoreError;
use crate::blocking::on_a_blocking_thread;

/// The bytes that `copy` takes out of a row, which must be those of the digest. They may be megabytes, so they are
/// copied and hashed on a blocking thread.
pub(crate) async fn checked_blob(
    digest: Digest,
    copy: impl FnOnce() -> Result<Arc<[u8]>, StoreError> + Send + 'static,
) -> Result<Arc<[u8]>, StoreError> {
    let check = move || {
        let bytes = copy()?;
        match Digest::of_bytes(&bytes) == digest {
            true => Ok(bytes),
            false => Err(corrupt(format_args!("blob {digest}"))),
        }
    };
    on_a_blocking_thread(true, check).await?
}
