//! The load phase: what is wanted, read from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{
    Appended, Diff, Document, DocumentId, Edit, EditKey, JsonPointer, LogHead, Problem, Problems,
    RevisionNumber, is_key_valid,
};
use midflight_live::World;
use midflight_store::{LastGood, Store, StoreError, heads_as, newest_state, state_at};

use crate::bodies::ServedBodies;
use crate::candidate::LoadedDocument;
use crate::divergence::{self, Diverged};
use crate::first_edit::FirstEdit;
use crate::rehearsal::{AtFirst, Rehearsal};
use crate::status::CoordinatorState;
use crate::{AppliedExtent, InvalidPolicy, Refusal};

/// How many revisions are read at once.
const PAGE: u32 = 256;

/// What a reload is for.
#[derive(Clone, Copy)]
pub(crate) enum ReloadTarget<'a> {
    /// What the log has beyond what was looked at, up to a revision or all of it.
    Log { upto: Option<RevisionNumber>, retries: Retries },
    /// The revision after the last that was looked at, which came along with a hint.
    Next(&'a Appended),
    /// These revisions in quarantine again, and nothing else.
    Retry(&'a [RevisionNumber]),
    /// What this replica had kept, since the log is unavailable or does not compile as a whole.
    Copy(&'a LastGood),
    /// Everything there is, compiled again.
    Everything,
    /// The state at a revision, compiled again. Of a revision before the first that can be read in full there is what
    /// is still in the state at that first one.
    At(RevisionNumber),
    /// What the state at the first revision that can be read in full has of the revisions before it, up to one of them.
    Before { at_first: &'a AtFirst, upto: RevisionNumber, retries: Retries },
    /// The result of a rehearsal.
    Rehearsed(&'a Rehearsal),
    /// Nothing of the log: what is served, with components that were prepared beside it.
    Nothing,
    /// Everything there is, with an edit of a start laid over it if that is due.
    First(&'a FirstEdit),
    /// An edit that is not in the log yet.
    Edit { edit: &'a Edit, invalid: InvalidPolicy, extent: AppliedExtent },
}

/// What of the quarantine is tried again along with what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    /// The revisions that the new documents concern.
    Concerned,
    Nothing,
}

/// What the documents of a reload are laid over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BaseDocuments {
    /// What is served: they are what changes of it.
    #[default]
    Served,
    /// Nothing: they are everything there is, and are compiled from the beginning.
    Empty,
}

/// Where the documents of a reload come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DocumentSource {
    /// The log, or an edit for it.
    #[default]
    Log,
    /// This replica's own copy. What is left out of it was decided before, and it was verified.
    Copy,
    /// A rehearsal, in which it was decided what is left out.
    Rehearsal,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct LoadedDocuments {
    pub(crate) to: RevisionNumber,
    /// How far in the log that is: further than `to`, if what comes after it is left out.
    pub(crate) position: RevisionNumber,
    /// The newest revision in the log; none when the log was not looked at.
    pub(crate) head: Option<LogHead>,
    /// Revisions whose digest was read, that of `position` among them.
    pub(crate) known: Vec<LogHead>,
    pub(crate) wanted: Vec<LoadedDocument>,
    /// Which revision wanted which document.
    pub(crate) origins: DocumentOrigins,
    pub(crate) base: BaseDocuments,
    pub(crate) source: DocumentSource,
    /// The revisions in quarantine that are tried along with it.
    pub(crate) retried: Vec<RevisionNumber>,
    /// The world that was made of them before.
    pub(crate) made: Option<Arc<World>>,
    /// For an edit, what of it changes something, and what it changes in the log.
    pub(crate) edit: Option<(Edit, Diff)>,
}

impl LoadedDocuments {
    /// These documents of the log.
    fn new(to: RevisionNumber, head: Option<LogHead>, wanted: Vec<LoadedDocument>) -> Self {
        let origins = wanted.iter().map(|one| (one.id.clone(), one.revision)).collect();
        Self {
            to,
            position: to,
            head,
            known: head.into_iter().collect(),
            origins,
            wanted,
            base: BaseDocuments::Served,
            source: DocumentSource::Log,
            retried: Vec::new(),
            made: None,
            edit: None,
        }
    }

    /// Nothing new in the log.
    pub(crate) fn nothing(served: RevisionNumber, head: LogHead) -> Self {
        Self::new(served, Some(head), Vec::new())
    }
}

/// Why there is nothing to continue with.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// What is wanted is what is there. With the head of the log, which was read for it.
    NothingToDo(LogHead, Diff),
    /// The log is ahead of this replica: follow it first.
    Behind,
    /// The log has the edit already, as that revision.
    Repeated(LogHead, RevisionNumber),
    /// The log is not the one that was followed.
    Diverged(Box<Diverged>),
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

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => Self::Store(error),
            refusal => Self::Refused(refusal),
        }
    }
}

/// Reads what a reload is for. `now` is the time by this replica's clock.
pub(crate) async fn load(
    store: &dyn Store,
    state: &CoordinatorState,
    target: ReloadTarget<'_>,
    served: &ServedBodies,
    now: impl Fn() -> Timestamp,
) -> Result<LoadedDocuments, LoadError> {
    match target {
        ReloadTarget::Log { upto, retries } => load_log(store, state, upto, retries, served).await,
        ReloadTarget::Next(next) => load_next(store, state, next, served).await,
        ReloadTarget::Retry(revisions) => load_retry(store, state, revisions).await,
        ReloadTarget::Copy(kept) => Ok(load_copy(kept)),
        ReloadTarget::Everything => load_everything(store, state, served).await,
        ReloadTarget::At(revision) => load_at(store, state, revision, served).await,
        ReloadTarget::Before { at_first, upto, retries } => {
            load_before(store, state, at_first, upto, retries).await
        }
        ReloadTarget::Rehearsed(rehearsal) => load_rehearsed(store, state, rehearsal).await,
        ReloadTarget::Nothing => Ok(LoadedDocuments::new(state.newest_served(), None, Vec::new())),
        ReloadTarget::First(first) => load_first(store, state, first, served).await,
        ReloadTarget::Edit { edit, .. } => load_edit(store, state, edit, served, now).await,
    }
}

async fn load_log(
    store: &dyn Store,
    state: &CoordinatorState,
    upto: Option<RevisionNumber>,
    retries: Retries,
    served: &ServedBodies,
) -> Result<LoadedDocuments, LoadError> {
    let head = divergence::head(store, state).await?;
    let to = upto.unwrap_or(head.number).min(head.number);
    if to <= state.position {
        return Err(LoadError::NothingToDo(head, Diff::default()));
    }
    // Of a document that changed several times, the newest counts: the latest wins.
    let mut newest: BTreeMap<DocumentId, LoadedDocument> = BTreeMap::new();
    let mut position = state.position;
    let mut known: Vec<_> = state.digest_trail.at(position).into_iter().collect();
    while position < to {
        let left = u32::try_from(to.get() - position.get()).unwrap_or(PAGE);
        let page = match store.since(position, left.min(PAGE)).await {
            Err(StoreError::Compacted { .. }) => return load_everything(store, state, served).await,
            page => page?,
        };
        let Some(last) = page.last() else {
            // The log went back between the two reads. What is missing is not to be taken for a change of nothing.
            return Err(StoreError::NoSuchRevision { asked: to, head: position }.into());
        };
        divergence::follows(&page, known.last().copied())?;
        known = page.iter().map(|one| head.at(one.revision.number, one.revision.digest)).collect();
        position = last.revision.number;
        if position == head.number && last.revision.digest != head.digest {
            return Err(divergence::changed_meanwhile().into());
        }
        let documents =
            page.into_iter().filter(|one| one.revision.number <= to).flat_map(|one| one.documents);
        newest.extend(documents.map(|document| (document.id.clone(), wanted(document))));
    }
    let retried = retried(state, newest.keys(), retries);
    for pending in pending(store, state, &retried).await? {
        newest.entry(pending.id.clone()).or_insert(pending);
    }
    known.push(head);
    let reads_more = !retried.is_empty();
    let loaded = LoadedDocuments {
        retried,
        known,
        ..LoadedDocuments::new(to, Some(head), newest.into_values().collect())
    };
    if reads_more { divergence::confirm(store, state, loaded).await } else { Ok(loaded) }
}

/// The contents of the local copy. Its newest revision may be one that was left out of it; then an earlier one is
/// served.
fn load_copy(kept: &LastGood) -> LoadedDocuments {
    let to = kept.at.served();
    let wanted = kept.documents.iter();
    let wanted = wanted.map(|(id, body)| LoadedDocument {
        id: id.clone(),
        revision: to,
        body: Some(Arc::clone(body)),
    });
    let position = kept.at.position;
    let known = kept.at.head.into_iter().collect();
    let (base, source, origins) = (BaseDocuments::Empty, DocumentSource::Copy, Arc::default());
    LoadedDocuments {
        position,
        known,
        origins,
        base,
        source,
        ..LoadedDocuments::new(to, None, wanted.collect())
    }
}

/// The change in a hint, if the log confirms it; else that of the log.
async fn load_next(
    store: &dyn Store,
    state: &CoordinatorState,
    next: &Appended,
    served: &ServedBodies,
) -> Result<LoadedDocuments, LoadError> {
    let Some(head) = divergence::confirm_next(store, state, next).await? else {
        return load_log(store, state, None, Retries::Concerned, served).await;
    };
    let to = next.revision.number;
    let wanted = next.documents.iter().cloned().map(wanted).collect();
    let known = vec![head.at(to, next.revision.digest), head];
    Ok(LoadedDocuments { known, ..LoadedDocuments::new(to, Some(head), wanted) })
}

/// The revisions in quarantine that are tried along with these documents.
fn retried<'a>(
    state: &CoordinatorState,
    changed: impl IntoIterator<Item = &'a DocumentId>,
    retries: Retries,
) -> Vec<RevisionNumber> {
    match retries {
        Retries::Concerned => state.quarantine.concerned(changed),
        Retries::Nothing => Vec::new(),
    }
}

async fn load_retry(
    store: &dyn Store,
    state: &CoordinatorState,
    revisions: &[RevisionNumber],
) -> Result<LoadedDocuments, LoadError> {
    let wanted = pending(store, state, revisions).await?;
    let left = state.quarantine.replaced_by(wanted.iter().map(|one| (&one.id, one.revision)));
    let retried = revisions.to_vec();
    let loaded =
        LoadedDocuments { retried, ..LoadedDocuments::new(left.newest_served(state.position), None, wanted) };
    divergence::confirm(store, state, loaded).await
}

/// What these revisions in quarantine wanted of the documents that no later one has replaced; of several the last.
async fn pending(
    store: &dyn Store,
    state: &CoordinatorState,
    revisions: &[RevisionNumber],
) -> Result<Vec<LoadedDocument>, StoreError> {
    let mut pending = BTreeMap::new();
    for revision in revisions {
        for id in state.quarantine.get(*revision).into_iter().flat_map(|one| &one.documents) {
            let document = match store.document_at(id, *revision).await {
                // A compacted version was replaced by a later revision, or is the newest still.
                Err(StoreError::Compacted { .. }) => {
                    let (_, mut newest) = store.heads(std::slice::from_ref(id)).await?;
                    newest.pop().flatten().filter(|document| document.revision == *revision)
                }
                document => document?,
            };
            pending.extend(document.map(|document| (id, wanted(document))));
        }
    }
    Ok(pending.into_values().collect())
}

async fn load_everything(
    store: &dyn Store,
    state: &CoordinatorState,
    served: &ServedBodies,
) -> Result<LoadedDocuments, LoadError> {
    let served = served.clone();
    let (head, wanted) = newest_state(store, move |stored| served.document(stored).map(wanted)).await?;
    let loaded = LoadedDocuments {
        base: BaseDocuments::Empty,
        ..LoadedDocuments::new(head.number, Some(head), wanted)
    };
    divergence::confirm(store, state, loaded).await
}

async fn load_at(
    store: &dyn Store,
    state: &CoordinatorState,
    revision: RevisionNumber,
    served: &ServedBodies,
) -> Result<LoadedDocuments, LoadError> {
    let (head, first, served) = (store.head().await?, store.first().await?, served.clone());
    let mut documents = state_at(store, revision.max(first), move |stored| served.document(stored)).await?;
    documents.retain(|document| document.revision <= revision);
    let wanted = documents.into_iter().map(wanted).collect();
    let loaded =
        LoadedDocuments { base: BaseDocuments::Empty, ..LoadedDocuments::new(revision, Some(head), wanted) };
    divergence::confirm(store, state, loaded).await
}

async fn load_before(
    store: &dyn Store,
    state: &CoordinatorState,
    at_first: &AtFirst,
    upto: RevisionNumber,
    retries: Retries,
) -> Result<LoadedDocuments, LoadError> {
    let documents = at_first.documents.iter();
    let new = documents.filter(|document| document.revision > state.position && document.revision <= upto);
    let mut wanted: Vec<_> = new.cloned().map(wanted).collect();
    if upto.next() == at_first.first {
        // When each was deleted is not known any more.
        let removed =
            at_first.removed.iter().map(|id| LoadedDocument { id: id.clone(), revision: upto, body: None });
        wanted.extend(removed);
    }
    let retried = retried(state, wanted.iter().map(|one| &one.id), retries);
    for pending in pending(store, state, &retried).await? {
        if wanted.iter().all(|one| one.id != pending.id) {
            wanted.push(pending);
        }
    }
    let loaded = LoadedDocuments { retried, ..LoadedDocuments::new(upto, None, wanted) };
    divergence::confirm(store, state, loaded).await
}

/// The result of a rehearsal, compiled. What is left out of it was decided there.
async fn load_rehearsed(
    store: &dyn Store,
    state: &CoordinatorState,
    rehearsal: &Rehearsal,
) -> Result<LoadedDocuments, LoadError> {
    let to = state.newest_served();
    let documents = rehearsal.documents.iter();
    let wanted = documents
        .filter(|(_, body)| body.is_some() || rehearsal.base == BaseDocuments::Served)
        .map(|(id, body)| LoadedDocument { id: id.clone(), revision: to, body: body.clone() })
        .collect();
    let (position, base, source) = (state.position, rehearsal.base, DocumentSource::Rehearsal);
    let (made, origins) = (Some(Arc::clone(&rehearsal.world)), Arc::default());
    let loaded =
        LoadedDocuments { position, base, source, origins, made, ..LoadedDocuments::new(to, None, wanted) };
    divergence::confirm(store, state, loaded).await
}

/// The revisions that an earlier process left out of its copy, with what they wanted of the documents that no later
/// one has replaced.
pub(crate) async fn left_out(
    store: &dyn Store,
    kept: &LastGood,
) -> Result<BTreeMap<RevisionNumber, Vec<DocumentId>>, StoreError> {
    let mut found = BTreeMap::new();
    for revision in &kept.at.left_out {
        let mut documents = Vec::new();
        for id in documents_of(store, *revision).await? {
            let newest = newest_served(store, kept, &id).await?;
            if newest.is_none_or(|newest| newest < *revision) {
                documents.push(id);
            }
        }
        found.insert(*revision, documents);
    }
    Ok(found)
}

/// The documents that a revision changed; of one that was compacted, those that are the newest still.
async fn documents_of(store: &dyn Store, revision: RevisionNumber) -> Result<Vec<DocumentId>, StoreError> {
    let documents = match store.since(before(revision), 1).await {
        Err(StoreError::Compacted { first, .. }) => {
            let of_it = |document: &Document| document.revision == revision;
            state_at(store, first, |stored| stored.parse()).await?.into_iter().filter(of_it).collect()
        }
        page => page?.into_iter().flat_map(|one| one.documents).collect::<Vec<_>>(),
    };
    Ok(documents.into_iter().map(|document| document.id).collect())
}

/// The revision of the newest version of a document that the copy has, if the log still has it.
async fn newest_served(
    store: &dyn Store,
    kept: &LastGood,
    id: &DocumentId,
) -> Result<Option<RevisionNumber>, StoreError> {
    let mut at = kept.at.position;
    loop {
        let document = match store.document_at(id, at).await {
            Err(StoreError::Compacted { .. }) => return Ok(None),
            document => document?,
        };
        match document.map(|document| document.revision) {
            Some(revision) if kept.at.left_out.contains(&revision) => at = before(revision),
            newest => return Ok(newest),
        }
    }
}

/// The number before; none is before the first.
fn before(revision: RevisionNumber) -> RevisionNumber {
    RevisionNumber::new(revision.get().saturating_sub(1))
}

async fn load_edit(
    store: &dyn Store,
    state: &CoordinatorState,
    edit: &Edit,
    served: &ServedBodies,
    now: impl Fn() -> Timestamp,
) -> Result<LoadedDocuments, LoadError> {
    let problems = twice_in(edit);
    if !problems.is_empty() {
        return Err(LoadError::Refused(Refusal::Invalid(problems)));
    }
    let ids: Vec<_> = edit.changes.iter().map(|change| change.id.clone()).collect();
    let served = served.clone();
    let (head, current) = heads_as(store, &ids, move |stored| served.document(stored)).await?;
    state.compare_for_edit(&head)?;
    if let Some(key) = &edit.key
        && let Some(revision) = made_under(store, key, now()).await?
    {
        return Err(LoadError::Repeated(head, revision));
    }
    if let Some(computed_at) = edit.computed_at.filter(|at| *at != head.number) {
        return Err(LoadError::Refused(Refusal::Stale { computed_at, head: head.number }));
    }
    let (edit, diff) = made_on(edit, &current)?;
    if edit.changes.is_empty() {
        return Err(LoadError::NothingToDo(head, diff));
    }
    let to = head.number.next();
    let wanted = wanted_by(&edit, to).collect();
    Ok(LoadedDocuments { edit: Some((edit, diff)), ..LoadedDocuments::new(to, Some(head), wanted) })
}

/// The revision that a repeat of the edit under this key became; none when the key is new, or too old to count.
pub(crate) async fn made_under(
    store: &dyn Store,
    key: &EditKey,
    now: Timestamp,
) -> Result<Option<RevisionNumber>, Refusal> {
    match store.revision_of_key(&key.text).await? {
        Some(kept) if !is_key_valid(kept.created_at, now) => Ok(None),
        Some(kept) if !key.repeats(kept.request) => Err(Refusal::KeyReused { revision: kept.revision }),
        kept => Ok(kept.map(|kept| kept.revision)),
    }
}

async fn load_first(
    store: &dyn Store,
    state: &CoordinatorState,
    first: &FirstEdit,
    served: &ServedBodies,
) -> Result<LoadedDocuments, LoadError> {
    let everything = load_everything(store, state, served).await?;
    let ids: Vec<_> = first.edit.changes.iter().map(|change| change.id.clone()).collect();
    let (head, current) = store.heads(&ids).await?;
    if everything.head != Some(head) {
        return Err(LoadError::Behind);
    }
    let is_repeated = match &first.edit.key {
        Some(key) => store.revision_of_key(&key.text).await?.is_some(),
        None => false,
    };
    if is_repeated || !first.is_due(head.number, &current) {
        return Ok(everything);
    }
    let (edit, diff) = made_on(&first.edit, &current)?;
    let to = head.number.next();
    let changed: BTreeSet<_> = edit.changes.iter().map(|change| &change.id).collect();
    let mut wanted = everything.wanted;
    wanted.retain(|one| !changed.contains(&one.id));
    wanted.extend(wanted_by(&edit, to));
    let known = everything.known;
    Ok(LoadedDocuments {
        base: BaseDocuments::Empty,
        edit: Some((edit, diff)),
        known,
        ..LoadedDocuments::new(to, Some(head), wanted)
    })
}

/// What an edit wants as a revision.
fn wanted_by(edit: &Edit, to: RevisionNumber) -> impl Iterator<Item = LoadedDocument> {
    let changes = edit.changes.iter();
    changes.map(move |change| LoadedDocument {
        id: change.id.clone(),
        revision: to,
        body: change.body.clone(),
    })
}

/// What of an edit changes something where its documents are these, and what it changes.
fn made_on(edit: &Edit, current: &[Option<Document>]) -> Result<(Edit, Diff), LoadError> {
    for (change, current) in edit.changes.iter().zip(current) {
        let now = current.as_ref().map(Document::head);
        change
            .precondition
            .check(&change.id, now.as_ref())
            .map_err(Refusal::from)
            .map_err(LoadError::Refused)?;
    }
    let pairs = edit.changes.iter().zip(current);
    let diff = Diff::new(pairs.map(|(change, current)| {
        let old = current.as_ref().and_then(|document| document.body.clone());
        (change.id.clone(), old, change.body.clone())
    }));
    for (change, current) in
        edit.changes.iter().zip(current).filter(|(change, _)| diff.get(&change.id).is_some())
    {
        let owner =
            current.as_ref().filter(|document| document.body.is_some()).and_then(|it| it.owner.clone());
        if let Some(owner) = owner.filter(|owner| !edit.take_over && edit.owner.as_ref() != Some(owner)) {
            return Err(LoadError::Refused(Refusal::Owned { id: change.id.clone(), owner }));
        }
    }
    let changes_hands = |current: &Option<Document>| {
        let other =
            current.as_ref().filter(|document| document.body.is_some() && document.owner != edit.owner);
        other.is_some_and(|document| edit.take_over || document.owner.is_none())
    };
    let pairs = edit.changes.iter().zip(current);
    let real = pairs.filter(|(change, current)| diff.get(&change.id).is_some() || changes_hands(current));
    let edit = Edit { changes: real.map(|(change, _)| change.clone()).collect(), ..edit.clone() };
    Ok((edit, diff))
}

fn twice_in(edit: &Edit) -> Problems {
    let mut seen = BTreeSet::new();
    let again = edit.changes.iter().filter(|change| !seen.insert(&change.id));
    let problem = |change: &midflight_core::Change| {
        let message = "is changed twice in one edit; change it once";
        Problem::new("duplicate_document", JsonPointer::root(), message).in_document(&change.id)
    };
    again.map(problem).collect()
}

fn wanted(document: Document) -> LoadedDocument {
    LoadedDocument { id: document.id, revision: document.revision, body: document.body }
}

/// Which revision wanted which document.
pub(crate) type DocumentOrigins = Arc<[(DocumentId, RevisionNumber)]>;
