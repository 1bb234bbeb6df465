//! Blobs on the wire.

use serde::Serialize;
use utoipa::ToSchema;

/// A blob that is kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct BlobAnswer {
    /// SHA-256 of its bytes, in hex.
    pub(in super::super) digest: String,
    /// How many bytes it has.
    pub(in super::super) bytes: u64,
}
