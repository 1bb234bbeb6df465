//! Documents: one version of one named thing, as the log holds it.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::{Digest, DocumentId, RevisionNumber};

/// Who alone may change a document, as `file:rules` for a watched directory. Without one, any caller with the
/// permission to edit may.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(Arc<str>);

impl Owner {
    /// An owner of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asked for a revision, by an id that stays the same when a name changes: that of a token. 1 to
/// [`crate::PRINCIPAL_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId(Arc<str>);

impl PrincipalId {
    /// The principal of that id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One version of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Which document.
    pub id: DocumentId,
    /// Counts this document's changes; the first is 1.
    pub version: u64,
    /// The revision that made this version.
    pub revision: RevisionNumber,
    /// Who alone may change it, if anyone.
    pub owner: Option<Owner>,
    /// Its body; none when this version is a deletion.
    pub body: Option<Arc<Value>>,
}

impl Document {
    /// The digest of the body; none for a deletion. Cost: linear in the body.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.body.as_deref().map(Digest::of_body)
    }

    /// What a precondition is held against.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            version: self.version,
            revision: self.revision,
            owner: self.owner.clone(),
            deleted: self.body.is_none(),
        }
    }
}

/// The newest version of a document, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest version's number.
    pub version: u64,
    /// The revision that made it.
    pub revision: RevisionNumber,
    /// Who alone may change it, if anyone.
    pub owner: Option<Owner>,
    /// Whether the newest version is a deletion.
    pub deleted: bool,
}
