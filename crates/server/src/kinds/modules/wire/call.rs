//! Calls of modules on the wire.

use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A message to a module.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct CallBody {
    /// The operation.
    pub(in super::super) operation: String,
    /// The payload: the module gets the bytes of this JSON text as it was sent. Without it, or with null, they are
    /// none.
    #[schema(value_type = Option<Value>)]
    pub(in super::super) payload: Option<Box<RawValue>>,
    /// The payload in base64, in place of `payload`.
    pub(in super::super) payload_base64: Option<String>,
}

/// The answer of a module.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct CallAnswer {
    /// The result, when it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub(in super::super) result: Option<Box<RawValue>>,
    /// The result in base64, when it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) result_base64: Option<String>,
    /// The version that answered.
    pub(in super::super) module_version: String,
    /// Its generation on this replica: it grows by one with each reload that committed.
    pub(in super::super) generation: u64,
    /// The served revision.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
