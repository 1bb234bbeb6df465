//! Documents and their versions.

use midflight_core::{Op, RevisionNumber, cut_reason};
use midflight_store::{DocumentVersion, KeptDocument, StoredDocument};
use midflight_wire::documents::{DocumentAnswer, VersionAnswer};
use serde_json::value::RawValue;

use super::time::stamp;

/// A document as the log has it.
pub(crate) fn document_answer(document: &StoredDocument) -> DocumentAnswer {
    DocumentAnswer {
        kind: document.id.kind.to_string(),
        name: document.id.name.to_string(),
        version: Some(document.version),
        revision: Some(document.revision.get()),
        owner: document.owner.as_ref().map(ToString::to_string),
        body: raw(document.body.as_deref()),
        from_copy: None,
    }
}

/// A document of the local copy as of a revision.
pub(crate) fn document_answer_of_copy(document: &KeptDocument, revision: RevisionNumber) -> DocumentAnswer {
    DocumentAnswer {
        kind: document.id.kind.to_string(),
        name: document.id.name.to_string(),
        version: None,
        revision: None,
        owner: None,
        body: raw(Some(&document.body)),
        from_copy: Some(revision.get()),
    }
}

/// A body as the log has it: it is passed on without being parsed.
fn raw(body: Option<&str>) -> Box<RawValue> {
    let text = body.unwrap_or("null").to_owned();
    // What a log keeps is JSON.
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A version of a document.
pub(crate) fn version_answer(version: &DocumentVersion) -> VersionAnswer {
    let body = version.document.body.as_deref();
    VersionAnswer {
        version: version.document.version,
        revision: version.document.revision.get(),
        op: if body.is_some() { Op::Put } else { Op::Delete }.as_str().into(),
        author: version.author.clone(),
        reason: cut_reason(version.reason.clone()),
        created_at: stamp(version.created_at),
        body: raw(body),
    }
}
