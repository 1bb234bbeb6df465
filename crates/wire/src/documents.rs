//! Documents, their versions, and the schemas of their bodies.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "openapi")]
use crate::any_document::AnyDocument;

/// A document as the log has it now, or, while the log is unavailable, as the local copy has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(value_type = Option<AnyDocument>, required = true))]
    pub body: Box<RawValue>,
    /// The revision of the local copy that it is from, since the log is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_copy: Option<u64>,
}

/// A page of documents, ordered by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionAnswer {
    /// The version.
    pub version: u64,
    /// The revision that made it.
    pub revision: u64,
    /// `put` or `delete`.
    pub op: Cow<'static, str>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: String,
    /// Its body; null for a deletion.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<AnyDocument>, required = true))]
    pub body: Box<RawValue>,
}

/// A page of versions, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionList {
    /// The versions.
    pub items: Vec<VersionAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A sort of document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchemaInfo {
    /// The kind, as `rules`.
    pub kind: String,
    /// A word for the sort, as `rule`.
    pub title: Cow<'static, str>,
    /// The names it holds for, as `{ruleset}/{rule_id}`.
    pub names: Cow<'static, str>,
    /// Where the schema is.
    pub href: String,
}

/// The sorts of documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchemaList {
    /// The sorts.
    pub items: Vec<SchemaInfo>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}
