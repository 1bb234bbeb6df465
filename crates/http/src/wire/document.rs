//! Documents and their versions.

use midflight_core::{Op, RevisionNumber, cut_reason};
use midflight_store::{DocumentVersion, KeptDocument, StoredDocument};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::time::stamp;
use crate::document_schemas::AnyDocument;

/// A document as the log has it now, or, while the log is unavailable, as the local copy has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentAnswer {
    /// The kind, as `rules`.
    pub kind: String,
    /// The name within the kind, as `loans/R1`.
    pub name: String,
    /// How often it was changed; the `ETag` is this number in quotes. Null when it is from the local copy, which does
    /// not keep it.
    pub version: Option<u64>,
    /// The revision that changed it last; null when it is from the local copy.
    pub revision: Option<u64>,
    /// Who owns it, as `file:rules`; null when any editor may change it, or when it is from the local copy.
    pub owner: Option<String>,
    /// Its body; null once it is deleted.
    #[schema(value_type = Option<AnyDocument>, required = true)]
    pub body: Box<RawValue>,
    /// The revision of the local copy that it is from, since the log is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_copy: Option<u64>,
}

impl DocumentAnswer {
    /// A document of the local copy as of a revision.
    pub(crate) fn of_copy(document: &KeptDocument, revision: RevisionNumber) -> Self {
        Self {
            kind: document.id.kind.to_string(),
            name: document.id.name.to_string(),
            version: None,
            revision: None,
            owner: None,
            body: raw(Some(&document.body)),
            from_copy: Some(revision.get()),
        }
    }
}

/// A body as the log has it: it is passed on without being parsed.
fn raw(body: Option<&str>) -> Box<RawValue> {
    let text = body.unwrap_or("null").to_owned();
    // What a log keeps is JSON.
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

impl From<&StoredDocument> for DocumentAnswer {
    fn from(document: &StoredDocument) -> Self {
        Self {
            kind: document.id.kind.to_string(),
            name: document.id.name.to_string(),
            version: Some(document.version),
            revision: Some(document.revision.get()),
            owner: document.owner.as_ref().map(ToString::to_string),
            body: raw(document.body.as_deref()),
            from_copy: None,
        }
    }
}

/// A page of documents, ordered by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentList {
    /// The documents.
    pub items: Vec<DocumentAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision of the local copy that they are from, since the log is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_copy: Option<u64>,
}

/// One version of a document and the revision that made it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VersionAnswer {
    /// The version.
    pub version: u64,
    /// The revision that made it.
    pub revision: u64,
    /// `put` or `delete`.
    pub op: &'static str,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: String,
    /// Its body; null for a deletion.
    #[schema(value_type = Option<AnyDocument>, required = true)]
    pub body: Box<RawValue>,
}

impl From<&DocumentVersion> for VersionAnswer {
    fn from(version: &DocumentVersion) -> Self {
        let body = version.document.body.as_deref();
        Self {
            version: version.document.version,
            revision: version.document.revision.get(),
            op: if body.is_some() { Op::Put } else { Op::Delete }.as_str(),
            author: version.author.clone(),
            reason: cut_reason(version.reason.clone()),
            created_at: stamp(version.created_at),
            body: raw(body),
        }
    }
}

/// A page of versions, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VersionList {
    /// The versions.
    pub items: Vec<VersionAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
