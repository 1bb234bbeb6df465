//! Documents and their versions.

use midflight_core::{Op, cut_reason};
use midflight_store::{DocumentVersion, StoredDocument};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::time::stamp;

/// A document as the log has it now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DocumentAnswer {
    /// The kind, as `rules`.
    pub kind: String,
    /// The name within the kind, as `loans/R1`.
    pub name: String,
    /// How often it was changed; the `ETag` is this number in quotes.
    pub version: u64,
    /// The revision that changed it last.
    pub revision: u64,
    /// Who owns it, as `file:/etc/rules`; null when anybody may change it.
    pub owner: Option<String>,
    /// What it says; null once it is deleted.
    #[schema(value_type = serde_json::Value)]
    pub body: Box<RawValue>,
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
            version: document.version,
            revision: document.revision.get(),
            owner: document.owner.as_ref().map(ToString::to_string),
            body: raw(document.body.as_deref()),
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
    /// What it said; null for a deletion.
    #[schema(value_type = serde_json::Value)]
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
