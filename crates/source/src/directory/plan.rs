//! What has to change in the log for it to equal a directory.

use std::sync::Arc;

use midflight_core::{Change, Digest, DocumentId, JsonPointer, Op, Owner, Precondition, cut_reason};
use midflight_store::{Store, StoreError};
use serde_json::Value;

use super::named::NamedDirectory;
use super::read::{DirectoryContents, DocumentBodies};
use super::view::LogView;
use crate::FileProblem;

/// How many files a reason names.
const NAMED_MAX: usize = 3;
/// How many contested documents are reported one by one.
const CONTESTED_MAX: usize = 100;

/// What to change, and what not to.
#[derive(Debug, Default)]
pub(crate) struct DirectoryPlan {
    pub(crate) changes: Vec<Change>,
    /// Documents that are not the directory's to change.
    pub(crate) contested: Vec<Contested>,
}

/// A document that is not the directory's to change.
#[derive(Debug)]
pub(crate) struct Contested {
    pub(crate) id: DocumentId,
    /// Why, and what can be done.
    pub(crate) why: String,
    /// Whether another directory owns it. It may be this one under another name, and then nothing of it is followed.
    pub(crate) by_directory: bool,
}

impl DirectoryPlan {
    /// How many documents would be deleted.
    pub(crate) fn deletions(&self) -> usize {
        self.changes.iter().filter(|change| change.op() == Op::Delete).count()
    }
}

/// Compares. A document is put when the log has something else for it, or it has no owner; it is deleted when the
/// directory owns it and no longer has it. Documents of other owners are not changed, and neither is what was taken
/// over explicitly, until the directory has something new for it.
///
/// `before` is the contents of the directory when it last agreed with the log. What did not change there is not put
/// again: where the log differs there, a copy of the directory on another replica is ahead.
pub(crate) async fn plan(
    store: &dyn Store,
    view: &LogView,
    owner: &Owner,
    output: &DocumentBodies,
    before: Option<&DocumentBodies>,
) -> Result<DirectoryPlan, StoreError> {
    let mut planned = DirectoryPlan::default();
    // What is changed meanwhile is looked at again: it may have been taken over.
    let looked_at = Precondition::UnchangedSince(view.head());
    for (id, (body, digest)) in output {
        let previous_content = before.and_then(|before| before.get(id));
        let is_news = previous_content.is_none_or(|(_, before)| before != digest);
        match verdict(store, view, owner, (id, digest), is_news).await? {
            DocumentVerdict::Same => {}
            DocumentVerdict::Put => planned.changes.push(put(id, body, looked_at)),
            DocumentVerdict::Contested { why, by_directory } => {
                planned.contested.push(Contested { id: id.clone(), why, by_directory });
            }
        }
    }
    let is_news = |id: &&&DocumentId| before.is_none_or(|before| before.contains_key(**id));
    let mine = view.mine();
    let removed = mine.iter().filter(is_news).filter(|id| !output.contains_key(**id)).copied();
    planned.changes.extend(removed.cloned().map(|id| Change::delete(id).when(looked_at)));
    Ok(planned)
}

enum DocumentVerdict {
    Same,
    Put,
    Contested { why: String, by_directory: bool },
}

async fn verdict(
    store: &dyn Store,
    view: &LogView,
    owner: &Owner,
    (id, digest): (&DocumentId, &Digest),
    is_news: bool,
) -> Result<DocumentVerdict, StoreError> {
    let Some(held) = view.get(id) else { return Ok(DocumentVerdict::Put) };
    match &held.owner {
        Some(holder) if holder == owner && held.digest.as_ref() == Some(digest) => Ok(DocumentVerdict::Same),
        Some(holder) if holder == owner => {
            Ok(if is_news { DocumentVerdict::Put } else { DocumentVerdict::Same })
        }
        Some(holder) => Ok(of_another(holder)),
        None => Ok(match view.taken_over(store, id, digest).await? {
            None if is_news => DocumentVerdict::Put,
            None => DocumentVerdict::Same,
            Some(taken) => DocumentVerdict::Contested {
                why: format!(
                    "was taken over by {} in revision {} and is not changed; change it here to take it \
                     back, or remove it",
                    taken.by, taken.revision
                ),
                by_directory: false,
            },
        }),
    }
}

fn of_another(holder: &Owner) -> DocumentVerdict {
    let directory = holder.as_str().strip_prefix("file:");
    let mut why = format!("belongs to {holder} and is not changed; remove it here or there");
    if let Some(named) = directory.and_then(|name| NamedDirectory::new(name, "/").ok()) {
        why += &format!(", or watch this directory by that name (--watch {}=DIR)", named.name());
    }
    DocumentVerdict::Contested { why, by_directory: directory.is_some() }
}

fn put(id: &DocumentId, body: &Arc<Value>, precondition: Precondition) -> Change {
    Change { id: id.clone(), body: Some(Arc::clone(body)), precondition }
}

/// The reason that a revision gives: how much, from which files, and who confirmed a loss that needed it.
pub(super) fn reason(changes: &[Change], reading: &DirectoryContents, confirmed_by: Option<&str>) -> String {
    let puts = changes.iter().filter(|change| change.op() == Op::Put).count();
    let deletes = changes.len() - puts;
    let mut reason = match (puts, deletes) {
        (puts, 0) => format!("{puts} put"),
        (0, deletes) => format!("{deletes} deleted"),
        (puts, deletes) => format!("{puts} put, {deletes} deleted"),
    };
    let changed = |id: &DocumentId| changes.binary_search_by(|change| change.id.cmp(id)).is_ok();
    let mut files: Vec<_> = reading
        .documents
        .iter()
        .filter(|(document, _)| changed(&document.id))
        .map(|(document, _)| document.file.as_ref())
        .collect();
    files.dedup();
    let names = files.iter().take(NAMED_MAX).map(|file| file.rsplit('/').next().unwrap_or(file));
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        reason += &format!(", from {}", names.join(", "));
    }
    if files.len() > NAMED_MAX {
        reason += &format!(" and {} more files", files.len() - NAMED_MAX);
    }
    if let Some(name) = confirmed_by {
        reason += &format!("; confirmed by {name}");
    }
    cut_reason(reason)
}

/// The contested documents as problems of their files: the first, and how many more there are.
pub(super) fn contested(
    planned: &DirectoryPlan,
    reading: &DirectoryContents,
    dir: &Arc<str>,
) -> Vec<FileProblem> {
    let problem = |contested: &Contested| {
        let document = reading.file_of(&contested.id);
        FileProblem {
            line: document.and_then(|document| document.line),
            document: Some(contested.id.clone()),
            path: JsonPointer::root(),
            ..FileProblem::of_file(document.map_or(dir, |document| &document.file), &contested.why)
        }
    };
    let mut problems: Vec<_> = planned.contested.iter().take(CONTESTED_MAX).map(problem).collect();
    if let Some(more) = planned.contested.len().checked_sub(CONTESTED_MAX).filter(|more| *more > 0) {
        let message = format!("{more} more documents of the directory are not changed in the log");
        problems.push(FileProblem::of_file(dir, message));
    }
    problems
}
