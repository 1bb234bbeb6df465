//! Calls of modules, and blobs.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::log::QuarantinedRevisions;

/// A message to a module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CallBody {
    /// The operation.
    pub operation: String,
    /// The payload: the module gets the bytes of this JSON text as it was sent. Without it, or with null, they are
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub payload: Option<Box<RawValue>>,
    /// The payload in base64, in place of `payload`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
}

/// The answer of a module.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallAnswer {
    /// The result, when it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub result: Option<Box<RawValue>>,
    /// The result in base64, when it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_base64: Option<String>,
    /// The version that answered.
    pub module_version: String,
    /// Its generation on this replica: it grows by one with each reload that committed.
    pub generation: u64,
    /// The served revision.
    pub revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A blob that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlobAnswer {
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
}
