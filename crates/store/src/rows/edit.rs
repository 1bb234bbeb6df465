//! What an edit makes of the heads it finds, decided without the database.

use std::collections::HashMap;

use midflight_core::{Change, Digest, Document, DocumentId, Head, Revision, RevisionNumber};

use super::row::summary;
use crate::{AppendError, NewRevision};

/// The newest versions of the documents that an edit changes; those that never were are not in it.
pub(crate) type Heads = HashMap<DocumentId, Head>;

/// Refuses an edit that was made on another version, or on a document of another owner.
pub(crate) fn check(new: &NewRevision<'_>, heads: &Heads) -> Result<(), AppendError> {
    for change in &new.edit.changes {
        let head = heads.get(&change.id);
        change.precondition.check(&change.id, head)?;
        let owner = head.filter(|head| !head.deleted).and_then(|head| head.owner.clone());
        if let Some(owner) =
            owner.filter(|owner| !new.edit.take_over && new.edit.owner.as_ref() != Some(owner))
        {
            return Err(AppendError::Owned { id: change.id.clone(), owner });
        }
    }
    Ok(())
}

fn is_there(heads: &Heads, change: &Change) -> bool {
    heads.get(&change.id).is_some_and(|head| !head.deleted)
}

/// The versions that the edit makes. Deleting what is not there makes none.
pub(crate) fn versions(new: &NewRevision<'_>, revision: RevisionNumber, heads: &Heads) -> Vec<Document> {
    let real = new.edit.changes.iter().filter(|change| change.body.is_some() || is_there(heads, change));
    let version = |change: &Change| Document {
        id: change.id.clone(),
        version: heads.get(&change.id).map_or(0, |head| head.version) + 1,
        revision,
        owner: new.edit.owner.clone().filter(|_| change.body.is_some()),
        body: change.body.clone(),
    };
    real.map(version).collect()
}

/// By how many documents the log grows; none when it does not.
pub(crate) fn growth(new: &NewRevision<'_>, heads: &Heads) -> Option<u64> {
    let changes = || new.edit.changes.iter();
    let added = changes().filter(|change| change.body.is_some() && !is_there(heads, change)).count();
    let removed = changes().filter(|change| change.body.is_none() && is_there(heads, change)).count();
    added.checked_sub(removed).filter(|&grows| grows > 0).map(|grows| grows as u64)
}

/// Refuses what would make more documents than there may be.
pub(crate) fn check_count(new: &NewRevision<'_>, wanted: u64) -> Result<(), AppendError> {
    match wanted > new.documents_max {
        true => Err(AppendError::TooManyDocuments { max: new.documents_max, wanted }),
        false => Ok(()),
    }
}

/// The revision that an edit becomes, with the documents that it made. Its digest is known once it was taken.
pub(crate) fn revision(new: &NewRevision<'_>, number: RevisionNumber, documents: &[Document]) -> Revision {
    Revision {
        number,
        author: new.edit.author.clone(),
        principal: new.edit.principal.clone(),
        reason: new.edit.reason.clone(),
        trigger: new.edit.trigger.into(),
        created_at: new.created_at,
        key: new.edit.key.as_ref().map(|key| key.text.clone()),
        changes: documents.iter().map(summary).collect(),
        digest: Digest::new([0; 32]),
    }
}
