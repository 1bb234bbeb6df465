//! The load phase: what is wanted, read from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midflight_core::{
    Appended, Diff, Document, DocumentId, Edit, Pointer, Problem, Problems, RevisionNumber,
};
use midflight_store::{LastGood, Store, StoreError};

use crate::Refusal;
use crate::candidate::Wanted;
use crate::status::{Quarantined, State};

/// How many revisions are read at once.
const PAGE: u32 = 256;

/// What a reload is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim<'a> {
    /// What the log has beyond what was looked at, up to a revision or all of it. With `retry`, what is in quarantine
    /// is tried once more along with it.
    Log { upto: Option<RevisionNumber>, retry: bool },
    /// The revision after the last that was looked at, which came along with a hint.
    Next(&'a Appended),
    /// What this replica had kept, since the log is away.
    Copy(&'a LastGood),
    /// Everything there is, compiled anew, but for what is in quarantine.
    Everything,
    /// An edit that is not in the log yet.
    Edit { edit: &'a Edit, retry: bool },
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) to: RevisionNumber,
    /// The newest revision in the log.
    pub(crate) head: RevisionNumber,
    pub(crate) wanted: Vec<Wanted>,
    /// Which revision wanted which document, and which one deleted what an earlier one in quarantine wanted.
    pub(crate) origins: Origins,
    pub(crate) anew: bool,
    /// For an edit, what of it changes something, and what it changes in the log.
    pub(crate) edit: Option<(Edit, Diff)>,
}

impl Loaded {
    /// Nothing new in the log.
    pub(crate) fn nothing(position: RevisionNumber, head: RevisionNumber) -> Self {
        let origins = Arc::default();
        Self { to: position, head, wanted: Vec::new(), origins, anew: false, edit: None }
    }
}

/// Why there is nothing to go on with.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// What is wanted is what is there. With the head of the log, which was read for it.
    NothingToDo(RevisionNumber, Diff),
    /// The log is ahead of this replica: follow it first.
    Behind,
    /// The edit cannot be made.
    Refused(Refusal),
    /// The log did not answer.
    Store(StoreError),
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) async fn load(store: &dyn Store, state: &State, aim: Aim<'_>) -> Result<Loaded, LoadError> {
    match aim {
        Aim::Log { upto, retry } => load_log(store, state, upto, retry).await,
        Aim::Next(next) => Ok(load_next(state, next)),
        Aim::Copy(kept) => Ok(load_copy(kept)),
        Aim::Everything => load_everything(store, state).await,
        Aim::Edit { edit, retry } => load_edit(store, state, edit, retry).await,
    }
}

async fn load_log(
    store: &dyn Store,
    state: &State,
    upto: Option<RevisionNumber>,
    retry: bool,
) -> Result<Loaded, LoadError> {
    let head = store.head().await?;
    not_behind(head, state)?;
    let to = upto.unwrap_or(head).min(head);
    if to <= state.position {
        return Err(LoadError::NothingToDo(head, Diff::default()));
    }
    // Of a document that changed several times, the newest counts: the latest wins.
    let mut newest: BTreeMap<DocumentId, Wanted> = BTreeMap::new();
    let mut position = state.position;
    while position < to {
        let page = match store.since(position, PAGE).await {
            Err(StoreError::Compacted { .. }) => return load_everything(store, state).await,
            page => page?,
        };
        let Some(last) = page.last() else { break };
        position = last.revision.number;
        let documents =
            page.into_iter().filter(|one| one.revision.number <= to).flat_map(|one| one.documents);
        newest.extend(documents.map(|document| (document.id.clone(), wanted(document))));
    }
    if retry {
        for pending in still_quarantined(store, state).await? {
            newest.entry(pending.id.clone()).or_insert(pending);
        }
    }
    let wanted: Vec<_> = newest.into_values().collect();
    Ok(Loaded { to, head, origins: origins(&wanted).collect(), wanted, anew: false, edit: None })
}

/// The served revision never goes back (HR-3): a log that has lost what was served is not followed.
fn not_behind(head: RevisionNumber, state: &State) -> Result<(), StoreError> {
    let served = state.position;
    if head >= served {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "the log is at revision {head} and revision {served} of it was served: it was put back to an earlier state"
    )))
}

fn load_copy(kept: &LastGood) -> Loaded {
    let to = kept.position;
    let wanted = kept.documents.iter();
    let wanted =
        wanted.map(|(id, body)| Wanted { id: id.clone(), revision: to, body: Some(Arc::clone(body)) });
    Loaded { to, head: to, wanted: wanted.collect(), origins: Arc::default(), anew: true, edit: None }
}

fn load_next(state: &State, next: &Appended) -> Loaded {
    let to = next.revision.number;
    let wanted: Vec<_> = next.documents.iter().cloned().map(wanted).collect();
    let head = state.desired.max(to);
    Loaded { to, head, origins: origins(&wanted).collect(), wanted, anew: false, edit: None }
}

/// What quarantined revisions wanted of the documents that nobody has replaced since; of several the last.
async fn still_quarantined(store: &dyn Store, state: &State) -> Result<Vec<Wanted>, StoreError> {
    let mut pending = BTreeMap::new();
    for (revision, quarantined) in &state.quarantine {
        for id in &quarantined.documents {
            let document = store.document_at(id, *revision).await?;
            pending.extend(document.map(|document| (id, wanted(document))));
        }
    }
    Ok(pending.into_values().collect())
}

async fn load_everything(store: &dyn Store, state: &State) -> Result<Loaded, LoadError> {
    let (head, documents) = store.everything().await?;
    not_behind(head, state)?;
    let mut newest: BTreeMap<_, _> =
        documents.into_iter().map(|document| (document.id.clone(), wanted(document))).collect();
    let mut replaced = Vec::new();
    for (revision, quarantined) in &state.quarantine {
        for id in &quarantined.documents {
            let good = last_good(store, state, id, head).await?;
            // The revision that holds may be a later one, which has put right what was wrong, or deleted it.
            let later = good.as_ref().map(|document| document.revision).filter(|later| later > revision);
            replaced.extend(later.map(|later| (id.clone(), later)));
            match good.filter(|document| document.body.is_some()) {
                Some(document) => newest.insert(id.clone(), wanted(document)),
                None => newest.remove(id),
            };
        }
    }
    let wanted: Vec<_> = newest.into_values().collect();
    let origins = origins(&wanted).chain(replaced).collect();
    Ok(Loaded { to: head, head, wanted, origins, anew: true, edit: None })
}

/// The newest version of a document at `head` that is of no revision in quarantine.
async fn last_good(
    store: &dyn Store,
    state: &State,
    id: &DocumentId,
    head: RevisionNumber,
) -> Result<Option<Document>, StoreError> {
    let mut at = head;
    loop {
        let document = match store.document_at(id, at).await {
            Err(StoreError::Compacted { .. }) => return Ok(None),
            document => document?,
        };
        match document {
            Some(document) if state.quarantine.contains_key(&document.revision) => {
                at = RevisionNumber::new(document.revision.get().saturating_sub(1));
            }
            document => return Ok(document),
        }
    }
}

async fn load_edit(store: &dyn Store, state: &State, edit: &Edit, retry: bool) -> Result<Loaded, LoadError> {
    let problems = twice_in(edit);
    if !problems.is_empty() {
        return Err(LoadError::Refused(Refusal::Invalid(problems)));
    }
    let ids: Vec<_> = edit.changes.iter().map(|change| change.id.clone()).collect();
    let (head, current) = store.heads(&ids).await?;
    if head != state.position {
        return Err(LoadError::Behind);
    }
    for (change, current) in edit.changes.iter().zip(&current) {
        let now = current.as_ref().map(Document::head);
        change
            .precondition
            .check(&change.id, now.as_ref())
            .map_err(Refusal::from)
            .map_err(LoadError::Refused)?;
        let owner = now.filter(|now| !now.deleted).and_then(|now| now.owner);
        if let Some(owner) = owner.filter(|owner| !edit.take_over && edit.owner.as_ref() != Some(owner)) {
            return Err(LoadError::Refused(Refusal::Owned { id: change.id.clone(), owner }));
        }
    }
    let pairs = edit.changes.iter().zip(&current);
    let diff = Diff::new(pairs.map(|(change, current)| {
        let old = current.as_ref().and_then(|document| document.body.clone());
        (change.id.clone(), old, change.body.clone())
    }));
    let changes_hands = |current: &Option<Document>| {
        let other =
            current.as_ref().filter(|document| document.body.is_some() && document.owner != edit.owner);
        other.is_some_and(|document| edit.take_over || document.owner.is_none())
    };
    let pairs = edit.changes.iter().zip(&current);
    let real = pairs.filter(|(change, current)| diff.get(&change.id).is_some() || changes_hands(current));
    let edit = Edit { changes: real.map(|(change, _)| change.clone()).collect(), ..edit.clone() };
    if edit.changes.is_empty() {
        return Err(LoadError::NothingToDo(head, diff));
    }
    let to = head.next();
    let mut wanted: Vec<_> = edit
        .changes
        .iter()
        .map(|change| Wanted { id: change.id.clone(), revision: to, body: change.body.clone() })
        .collect();
    if retry {
        let pending = still_quarantined(store, state).await?;
        wanted.extend(pending.into_iter().filter(|pending| !ids.contains(&pending.id)));
    }
    Ok(Loaded {
        to,
        head,
        origins: origins(&wanted).collect(),
        wanted,
        anew: false,
        edit: Some((edit, diff)),
    })
}

fn twice_in(edit: &Edit) -> Problems {
    let mut seen = BTreeSet::new();
    let again = edit.changes.iter().filter(|change| !seen.insert(&change.id));
    let problem = |change: &midflight_core::Change| {
        let message = "is changed twice in one edit; say once what it is to be";
        Problem::new("duplicate_document", Pointer::root(), message).in_document(&change.id)
    };
    again.map(problem).collect()
}

fn wanted(document: Document) -> Wanted {
    Wanted { id: document.id, revision: document.revision, body: document.body }
}

/// Which revisions the problems are about, by the documents that they name, with all the documents that those
/// revisions changed. Which of these were replaced since by a revision that holds is seen when the rest is loaded.
pub(crate) async fn blamed(
    store: &dyn Store,
    wanted: &[(DocumentId, RevisionNumber)],
    problems: &Problems,
) -> Result<BTreeMap<RevisionNumber, Quarantined>, StoreError> {
    let wanted_by: BTreeMap<_, _> = wanted.iter().map(|(id, revision)| (id, *revision)).collect();
    let named = problems.iter().filter_map(|problem| problem.document.as_ref());
    let revisions: BTreeSet<_> = named.filter_map(|id| wanted_by.get(id).copied()).collect();
    let mut blamed = BTreeMap::new();
    for revision in &revisions {
        let before = RevisionNumber::new(revision.get().saturating_sub(1));
        let all_of_it = match store.since(before, 1).await {
            Err(StoreError::Compacted { .. }) => Vec::new(),
            page => page?,
        };
        let documents = all_of_it.into_iter().flat_map(|one| one.documents);
        let mut documents: Vec<_> = documents.map(|document| document.id).collect();
        if documents.is_empty() {
            documents.extend(wanted.iter().filter(|(_, of)| of == revision).map(|(id, _)| id.clone()));
        }
        blamed.insert(*revision, Quarantined { problems: problems.clone(), documents });
    }
    Ok(blamed)
}

/// Which revision wanted which document.
pub(crate) type Origins = Arc<[(DocumentId, RevisionNumber)]>;

fn origins(wanted: &[Wanted]) -> impl Iterator<Item = (DocumentId, RevisionNumber)> {
    wanted.iter().map(|one| (one.id.clone(), one.revision))
}
