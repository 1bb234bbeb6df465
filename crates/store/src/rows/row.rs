//! Rows of the log, read into what they mean. A body is compared with its digest, so that damage is detected.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{
    ChangeSummary, Digest, Document, DocumentId, Head, KindName, Op, Owner, PrincipalId, Revision,
    RevisionNumber,
};

use super::{Columns, chain, corrupt, number};
use crate::{Authorship, KeyedRevision, ListedRevision, StoreError};

/// The columns that [`document`] reads, of a table called `d`.
pub(crate) const DOCUMENT: &str = "d.kind, d.name, d.version, d.revision, d.owner, d.digest, d.body";

pub(crate) fn id(row: &impl Columns) -> Result<DocumentId, StoreError> {
    DocumentId::new(&row.text("kind")?, &row.text("name")?).map_err(corrupt)
}

pub(crate) fn owner(row: &impl Columns) -> Result<Option<Owner>, StoreError> {
    Ok(row.text_or_none("owner")?.map(|owner| Owner::new(&owner)))
}

pub(crate) fn numbered(row: &impl Columns, column: &str) -> Result<RevisionNumber, StoreError> {
    number(row.integer(column)?).map(RevisionNumber::new)
}

pub(crate) fn document(row: &impl Columns) -> Result<Document, StoreError> {
    let id = id(row)?;
    let version = number(row.integer("version")?)?;
    let digest = row.text_or_none("digest")?;
    let body = match row.text_or_none("body")? {
        None => None,
        Some(text) => {
            let damaged = |what: &str| corrupt(format_args!("version {version} of {id} {what}"));
            let kept_as = digest.map(|digest| digest.parse::<Digest>()).transpose();
            let kept_as = kept_as.map_err(|_| damaged("has no digest that could be one"))?;
            let body = serde_json::from_str(&text);
            match (body, kept_as) {
                // The text was written canonical, so its bytes have the digest; nothing is serialized again to compare.
                (Ok(body), Some(digest)) if digest == Digest::of_bytes(text.as_bytes()) => {
                    Some(Arc::new(body))
                }
                (_, Some(_)) => return Err(damaged("is not what was put there")),
                (Ok(body), None) => Some(Arc::new(body)),
                // Added by hand, and not JSON: no kind takes it, so the followers leave the revision out.
                (Err(_), None) => Some(Arc::new(serde_json::Value::String(text))),
            }
        }
    };
    Ok(Document { id, version, revision: numbered(row, "revision")?, owner: owner(row)?, body })
}

/// The newest version of a document, without its body.
pub(crate) fn head(row: &impl Columns) -> Result<(DocumentId, Head), StoreError> {
    let head = Head {
        version: number(row.integer("version")?)?,
        revision: numbered(row, "revision")?,
        owner: owner(row)?,
        deleted: row.truth("deleted")?,
    };
    Ok((id(row)?, head))
}

/// What a revision did to a document.
pub(crate) fn change(row: &impl Columns) -> Result<ChangeSummary, StoreError> {
    let op = if row.truth("deleted")? { Op::Delete } else { Op::Put };
    Ok(ChangeSummary { id: id(row)?, op, version: number(row.integer("version")?)? })
}

pub(crate) fn time(row: &impl Columns) -> Result<Timestamp, StoreError> {
    row.text("created_at")?.parse().map_err(corrupt)
}

/// A row with the columns `version`, `revision`, `created_by`, `created_at`, `updated_by` and `updated_at`.
pub(crate) fn authorship(row: &impl Columns) -> Result<Authorship, StoreError> {
    Ok(Authorship {
        version: number(row.integer("version")?)?,
        revision: numbered(row, "revision")?,
        created_by: row.text("created_by")?,
        created_at: time(row)?,
        updated_by: row.text("updated_by")?,
        updated_at: row.text("updated_at")?.parse().map_err(corrupt)?,
    })
}

pub(crate) fn principal(row: &impl Columns) -> Result<Option<PrincipalId>, StoreError> {
    Ok(row.text_or_none("principal")?.map(|id| PrincipalId::new(&id)))
}

/// A row with the columns `revision`, `created_at` and `request`.
pub(crate) fn keyed(row: &impl Columns) -> Result<KeyedRevision, StoreError> {
    let request = chain::digest_or_none(row, "request")?;
    Ok(KeyedRevision { revision: numbered(row, "revision")?, created_at: time(row)?, request })
}

/// A revision with the changes that were read beside it. Its digest is the column `chained`, and its key `edit_key`.
pub(crate) fn revision(row: &impl Columns, changes: Vec<ChangeSummary>) -> Result<Revision, StoreError> {
    Ok(Revision {
        number: numbered(row, "number")?,
        author: row.text("author")?,
        principal: principal(row)?,
        reason: row.text("reason")?,
        trigger: row.text("trigger_word")?.parse().map_err(corrupt)?,
        created_at: time(row)?,
        key: row.text_or_none("edit_key")?,
        changes: changes.into(),
        digest: chain::digest(row, "chained")?,
    })
}

/// How many changes a revision has of each kind, as one text: `config 1,rules 3`.
fn kinds(row: &impl Columns) -> Result<Vec<(KindName, u64)>, StoreError> {
    let Some(text) = row.text_or_none("kinds")? else { return Ok(Vec::new()) };
    let counted = text.split(',').map(|one| {
        let (kind, count) =
            one.split_once(' ').ok_or_else(|| corrupt("a kind is listed without its count"))?;
        Ok((KindName::new(kind).map_err(corrupt)?, count.parse().map_err(corrupt)?))
    });
    let mut counted = counted.collect::<Result<Vec<_>, StoreError>>()?;
    counted.sort_unstable();
    Ok(counted)
}

/// A revision in a list, with the changes that were read beside it.
pub(crate) fn listed(row: &impl Columns, changes: Vec<ChangeSummary>) -> Result<ListedRevision, StoreError> {
    Ok(ListedRevision { revision: revision(row, changes)?, kinds: kinds(row)? })
}

pub(crate) fn summary(document: &Document) -> ChangeSummary {
    let op = if document.body.is_some() { Op::Put } else { Op::Delete };
    ChangeSummary { id: document.id.clone(), op, version: document.version }
}
