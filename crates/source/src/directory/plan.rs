//! What has to change in the log for it to say what a directory says.

use std::sync::Arc;

use midflight_core::{Change, Digest, DocumentId, Op, Owner, Pointer, Precondition, cut_reason};
use midflight_store::{Store, StoreError};
use serde_json::Value;

use super::named::NamedDirectory;
use super::read::{Reading, Said};
use super::view::LogView;
use crate::FileProblem;

/// How many files a reason names.
const NAMED_MAX: usize = 3;
/// How many contested documents are reported one by one.
const CONTESTED_MAX: usize = 100;

/// What to change, and what not to.
#[derive(Debug, Default)]
pub(crate) struct Planned {
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

impl Planned {
    /// How many documents would be deleted.
    pub(crate) fn deletions(&self) -> usize {
        self.changes.iter().filter(|change| change.op() == Op::Delete).count()
    }
}

/// Compares. A document is put when the log says something else of it, or nobody owns it; it is deleted when the
/// directory owns it and says nothing of it any more. What belongs to somebody else is left alone, and so is what was
/// taken over on purpose, until the directory says something new of it.
///
/// `before` is what the directory said when it last agreed with the log. What it says as before it does not say again:
/// where the log differs there, a copy of the directory on another replica is ahead.
pub(crate) async fn plan(
    store: &dyn Store,
    view: &LogView,
    owner: &Owner,
    said: &Said,
    before: Option<&Said>,
) -> Result<Planned, StoreError> {
    let mut planned = Planned::default();
    for (id, (body, digest)) in said {
        let said_before = before.and_then(|before| before.get(id));
        let is_news = said_before.is_none_or(|(_, before)| before != digest);
        match verdict(store, view, owner, (id, digest), is_news).await? {
            Verdict::Same => {}
            Verdict::Put => planned.changes.push(put(id, body)),
            Verdict::Contested { why, by_directory } => {
                planned.contested.push(Contested { id: id.clone(), why, by_directory });
            }
        }
    }
    let is_news = |id: &&&DocumentId| before.is_none_or(|before| before.contains_key(**id));
    let mine = view.mine();
    let gone = mine.iter().filter(is_news).filter(|id| !said.contains_key(**id)).copied();
    planned.changes.extend(gone.cloned().map(Change::delete));
    Ok(planned)
}

enum Verdict {
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
) -> Result<Verdict, StoreError> {
    let Some(held) = view.get(id) else { return Ok(Verdict::Put) };
    match &held.owner {
        Some(holder) if holder == owner && held.digest.as_ref() == Some(digest) => Ok(Verdict::Same),
        Some(holder) if holder == owner => Ok(if is_news { Verdict::Put } else { Verdict::Same }),
        Some(holder) => Ok(of_another(holder)),
        None => Ok(match view.taken_over(store, id, digest).await? {
            None if is_news => Verdict::Put,
            None => Verdict::Same,
            Some(taken) => Verdict::Contested {
                why: format!(
                    "was taken over by {} in revision {} and is left so; change it here to take it back, or remove it",
                    taken.by, taken.revision
                ),
                by_directory: false,
            },
        }),
    }
}

fn of_another(holder: &Owner) -> Verdict {
    let directory = holder.as_str().strip_prefix("file:");
    let mut why = format!("belongs to {holder} and is left as it is there; remove it here or there");
    if let Some(named) = directory.and_then(|name| NamedDirectory::new(name, "/").ok()) {
        why += &format!(", or watch this directory by that name (--watch {}=DIR)", named.name());
    }
    Verdict::Contested { why, by_directory: directory.is_some() }
}

fn put(id: &DocumentId, body: &Arc<Value>) -> Change {
    Change { id: id.clone(), body: Some(Arc::clone(body)), precondition: Precondition::None }
}

/// The reason that a revision gives: how much, from which files, and who confirmed a loss that needed it.
pub(super) fn reason(changes: &[Change], reading: &Reading, confirmed_by: Option<&str>) -> String {
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
pub(super) fn contested(planned: &Planned, reading: &Reading, dir: &Arc<str>) -> Vec<FileProblem> {
    let problem = |contested: &Contested| {
        let document = reading.file_of(&contested.id);
        FileProblem {
            line: document.and_then(|document| document.line),
            document: Some(contested.id.clone()),
            path: Pointer::root(),
            ..FileProblem::of_file(document.map_or(dir, |document| &document.file), &contested.why)
        }
    };
    let mut problems: Vec<_> = planned.contested.iter().take(CONTESTED_MAX).map(problem).collect();
    if let Some(more) = planned.contested.len().checked_sub(CONTESTED_MAX).filter(|more| *more > 0) {
        let message = format!("{more} more documents of the directory are left as they are in the log");
        problems.push(FileProblem::of_file(dir, message));
    }
    problems
}
