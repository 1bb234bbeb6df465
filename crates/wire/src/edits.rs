//! Edits, their diffs and plans, and their results.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "openapi")]
use crate::any_document::AnyDocument;
use crate::problem::ProblemItem;
use crate::replicas::{Ack, SilentReplica};
use crate::schedules::PlannedAnswer;

/// What happens to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OpWord {
    /// It gets the body.
    Put,
    /// It is deleted.
    Delete,
}

/// One change of an edit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Put or delete.
    pub op: OpWord,
    /// The kind, as `rules`.
    pub kind: String,
    /// The name within the kind, as `loans/R1`.
    pub name: String,
    /// Its new body; for `put`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<AnyDocument>))]
    pub body: Option<Value>,
    /// The version that the change was made on; 0 when the document is to be new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// Several changes that become one revision, or none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The changes; no document twice.
    pub changes: Vec<ChangeRequest>,
    /// Why, for those who read the history.
    #[serde(default)]
    pub reason: String,
}

/// What differs in one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DocumentDiffAnswer {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// `add`, `change` or `remove`.
    pub effect: Cow<'static, str>,
    /// From the old body (null when there was none) to the new one, as a JSON Patch (RFC 6902); null when it is too
    /// long.
    pub patch: Value,
    /// The same as unified text, when it was asked for with `?text=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the patch is missing or the text is cut, since they are longer than `diff_bytes_max` or took longer than
    /// `diff_ms_max`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// When truncated: about how long the old body is, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_bytes: Option<u64>,
    /// When truncated: about how long the new body is, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_bytes: Option<u64>,
    /// When truncated: where both versions can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
}

/// What will be done, before anything is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanAnswer {
    /// The revision it starts from.
    pub from: u64,
    /// The revision it leads to.
    pub to: u64,
    /// The steps, in order, in words.
    pub steps: Vec<String>,
}

/// A new version of a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Written {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The version that it is at now.
    pub version: u64,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// The result of a write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WriteAnswer {
    /// `success`; `unchanged`; `queued` when it continues without its caller; `pending` when it is live here and not
    /// every replica has reported it in time; `partial` when it is live here and a replica refuses it; `scheduled` when
    /// it waits for its time; `repeated` when a request with the same `Idempotency-Key` became `revision` before.
    pub outcome: Cow<'static, str>,
    /// The revision that it became; the served one when it changed nothing; null when it is only queued or was a
    /// dry run.
    pub revision: Option<u64>,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// The new versions of the documents.
    pub documents: Vec<Written>,
    /// What it changes in the log; the diffs have `diff_bytes_max` bytes together, and those past that are `truncated`.
    pub diff: Vec<DocumentDiffAnswer>,
    /// What was done, or would be.
    pub plan: Option<PlanAnswer>,
    /// Of a dry run: the components that would follow it and were not tried. A dry run opens no connections and sends
    /// no secrets, so whether they would be refused is seen when the edit is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_tried: Vec<String>,
    /// The reload that made it live here, in `/api/v1/reloads`.
    pub reload_id: Option<u64>,
    /// How long that took.
    pub reload_time_ms: Option<f64>,
    /// With `wait=all`: the reports of all replicas that are alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acks: Option<Vec<Ack>>,
    /// With `wait=all`: replicas that reported in the last five minutes, but not in the last seven seconds. They are
    /// not waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<SilentReplica>,
    /// Of what is scheduled: under which name, and when it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<PlannedAnswer>,
    /// Of an import with `Prefer: handling=lenient`: what is wrong with the documents that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<ProblemItem>,
}

/// What to validate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ValidateRequest {
    /// Changes, in the form of `/api/v1/apply`. By default the whole log is validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<ChangeRequest>>,
}

/// Result of a validation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidatedAnswer {
    /// Whether all documents compile and all checks pass.
    pub valid: bool,
    /// Revision that was validated, or to which the changes were applied.
    pub revision: u64,
    /// Number of validated documents, by kind.
    pub documents: BTreeMap<String, usize>,
    /// Problems found.
    pub problems: Vec<ProblemItem>,
}
