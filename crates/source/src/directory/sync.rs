//! Brings the log in step with a directory, once per round: read, compare, make one edit of the difference.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{Digest, DocumentId, Edit, Owner, Problem, Problems, RevisionNumber, Trigger};
use midflight_engine::{Engine, Refusal};
use midflight_store::StoreError;
use tokio::sync::watch;

use super::options::{DirectoryOptions, DirectoryStatus, loss_text};
use super::outdated::OwnerHistory;
use super::plan::{DirectoryPlan, contested, plan, reason};
use super::read::{DirectoryContents, DirectoryReader, DocumentBodies};
use super::view::LogView;
use crate::notice::{ChangeSignal, FolderWatcher};
use crate::{FileProblem, HeldLoss};

/// How often a directory that changes while it is read is read again before the next look.
const READS_MAX: u32 = 20;
/// How often the log is looked at again in a round since a document was changed there meanwhile.
const AGREEMENTS_MAX: u32 = 10;

/// Brings the log in step with a directory.
pub(super) struct Sync {
    pub(super) engine: Engine,
    pub(super) owner: Owner,
    /// The directory by the name that problems call it.
    pub(super) dir: Arc<str>,
    pub(super) options: DirectoryOptions,
    /// None while it reads on another thread.
    pub(super) reader: Option<DirectoryReader>,
    pub(super) view: LogView,
    /// None while it follows folders on another thread.
    pub(super) watcher: Option<FolderWatcher>,
    pub(super) signal: Arc<ChangeSignal>,
    pub(super) status: watch::Sender<DirectoryStatus>,
    /// For which content of the directory, at which end of the log, there was nothing more to do.
    pub(super) done: Option<(Digest, RevisionNumber)>,
    /// The contents of the directory when it last agreed with the log, but for what was contested.
    pub(super) agreed: Option<DocumentBodies>,
    /// Whether all is to be compared, and not only what changed in the directory since.
    pub(super) compares_all: bool,
    /// Whether the directory is an old copy: by its contents, and what the log had of it then.
    pub(super) outdated: Option<((Digest, u64), bool)>,
}

/// What a round found wrong.
#[derive(Debug, Default)]
struct SyncRound {
    problems: Vec<FileProblem>,
    synced: bool,
    revision: Option<RevisionNumber>,
    /// The deletions that wait to be confirmed.
    held: Option<HeldLoss>,
    /// Whether another directory owns documents of this one.
    by_directory: bool,
    /// Whether the next round may find something else though neither the directory nor the log changed.
    try_again: bool,
    /// Whether a document was changed in the log after it was looked at.
    was_overtaken: bool,
}

impl Sync {
    /// One round. With `full`, every file is read and what was refused is tried again, changed or not. With a name in
    /// `confirmed_by`, deletions are made however many they are, and an old copy replaces what is newer.
    pub(super) async fn round(&mut self, full: bool, confirmed_by: Option<&str>) {
        let reading = match self.read(full).await {
            Ok(reading) => reading,
            Err(message) => return self.show_problem(message),
        };
        if full {
            self.compares_all = true;
        }
        self.watch(&reading).await;
        let store = Arc::clone(self.engine.store());
        let head = match self.view.catch_up(&*store).await {
            Ok(head) => head,
            Err(error) => return self.show_problem(&format!("log unavailable: {error}")),
        };
        if !full && self.done == Some((reading.fingerprint, head)) {
            return;
        }
        let mut round = if reading.problems.is_empty() {
            self.agree(&reading, confirmed_by).await
        } else {
            SyncRound { problems: reading.problems.clone(), ..SyncRound::default() }
        };
        for _ in 1..AGREEMENTS_MAX {
            if !round.was_overtaken || self.view.catch_up(&*store).await.is_err() {
                break;
            }
            round = self.agree(&reading, confirmed_by).await;
        }
        // A refusal may have moved the log itself, by taking back what did not verify.
        let head = self.view.catch_up(&*store).await.unwrap_or(head);
        self.done = (!round.try_again).then_some((reading.fingerprint, head));
        self.show(&reading, round);
    }

    async fn read(&mut self, full: bool) -> Result<DirectoryContents, &'static str> {
        for _ in 0..READS_MAX {
            let dir = || self.status.borrow().dir.clone();
            let reader = self.reader.take();
            let mut reader = reader.unwrap_or_else(|| DirectoryReader::new(dir(), self.options));
            let read = tokio::task::spawn_blocking(move || {
                let reading = reader.read(full);
                (reader, reading)
            });
            let Ok((reader, reading)) = read.await else {
                return Err(
                    "internal error: the directory scan panicked; please report it with the contents of the directory",
                );
            };
            self.reader = Some(reader);
            if let Some(reading) = reading {
                return Ok(reading);
            }
            tokio::time::sleep(self.options.quiet).await;
        }
        Err("changes while it is read; it is read again later")
    }

    /// Watches what this reading came from. What happened in a folder before it was watched is found by a second
    /// look, which the bell asks for.
    async fn watch(&mut self, reading: &DirectoryContents) {
        let Some(mut watcher) = self.watcher.take() else { return };
        let folders = reading.folders.clone();
        let follow = tokio::task::spawn_blocking(move || {
            let added = watcher.follow(&folders);
            (watcher, added)
        });
        if let Ok((watcher, added)) = follow.await {
            let notified = watcher.is_told();
            self.status
                .send_if_modified(|status| std::mem::replace(&mut status.notified, notified) != notified);
            self.watcher = Some(watcher);
            if added {
                self.signal.wake();
            }
        }
    }

    /// Sets the log to the contents of the directory.
    async fn agree(&mut self, reading: &DirectoryContents, confirmed_by: Option<&str>) -> SyncRound {
        let store = Arc::clone(self.engine.store());
        let current = reading.current();
        let planned = match self.view.learn(&*store, &current).await {
            Ok(()) => {
                let before = self.agreed.as_ref().filter(|_| !self.compares_all);
                plan(&*store, &self.view, &self.owner, &current, before).await
            }
            Err(error) => Err(error),
        };
        let mut planned = match planned {
            Ok(planned) => planned,
            Err(error) => return self.later(&format!("log unavailable: {error}")),
        };
        let problems = contested(&planned, reading, &self.dir);
        let by_directory = planned.contested.iter().any(|contested| contested.by_directory);
        let loss = self.options.loss().held(planned.deletions(), self.view.mine().len(), current.len());
        let doubt = match self.doubt(&planned, reading, &current).await {
            Ok(doubt) => doubt.or_else(|| loss.as_ref().map(loss_text)),
            Err(error) => return self.later(&format!("log unavailable: {error}")),
        };
        if let (Some(doubt), None) = (&doubt, confirmed_by) {
            return self.held(doubt, loss);
        }
        let mut agreed = current.clone();
        for contested in &planned.contested {
            agreed.remove(&contested.id);
        }
        if planned.changes.is_empty() {
            self.agree_on(agreed);
            return SyncRound { problems, synced: true, by_directory, ..SyncRound::default() };
        }
        planned.changes.sort_by(|a, b| a.id.cmp(&b.id));
        let edit = Edit {
            reason: reason(&planned.changes, reading, doubt.as_ref().and(confirmed_by)),
            owner: Some(self.owner.clone()),
            ..Edit::new(self.owner.as_str(), Trigger::FileWatch, planned.changes)
        };
        match self.engine.apply(edit).await {
            Ok(accepted) => {
                if let Some(revision) = &accepted.revision {
                    self.view.made(revision, &accepted.documents, &current);
                }
                let revision = accepted.revision.map(|revision| revision.number);
                self.agree_on(agreed);
                SyncRound { problems, synced: true, by_directory, revision, ..SyncRound::default() }
            }
            Err(refused) => self.refused(refused.refusal, reading, problems).await,
        }
    }

    async fn refused(
        &mut self,
        refusal: Refusal,
        reading: &DirectoryContents,
        contested: Vec<FileProblem>,
    ) -> SyncRound {
        let found = match refusal {
            Refusal::Invalid(problems) | Refusal::Rejected(problems) | Refusal::RolledBack(problems) => {
                problems
            }
            Refusal::TooManyDocuments(message) => {
                let problem = FileProblem::of_file(&self.dir, message);
                return SyncRound { problems: vec![problem], ..SyncRound::default() };
            }
            other => {
                let was_overtaken = matches!(other, Refusal::Precondition(_));
                return SyncRound { was_overtaken, ..self.later(&other.to_string()) };
            }
        };
        let mut problems = self.placed(&found, reading).await;
        problems.extend(contested);
        SyncRound { problems, ..SyncRound::default() }
    }

    /// The engine's problems with the places in the files that they are about.
    async fn placed(&mut self, found: &Problems, reading: &DirectoryContents) -> Vec<FileProblem> {
        let mut problems: Vec<_> = found.iter().map(|problem| self.in_its_file(problem, reading)).collect();
        let Some(reader) = self.reader.take() else { return problems };
        let place = tokio::task::spawn_blocking(move || {
            for problem in &mut problems {
                let document = problem.document.as_ref();
                let place = document.and_then(|id| reader.locate(&problem.file, id, &problem.path));
                if let Some((line, column)) = place {
                    (problem.line, problem.column) = (Some(line), Some(column));
                }
            }
            (reader, problems)
        });
        match place.await {
            Ok((reader, problems)) => {
                self.reader = Some(reader);
                problems
            }
            Err(_) => found.iter().map(|problem| self.in_its_file(problem, reading)).collect(),
        }
    }

    fn in_its_file(&self, problem: &Problem, reading: &DirectoryContents) -> FileProblem {
        let document = problem.document.as_ref().and_then(|id| reading.file_of(id));
        FileProblem {
            line: document.and_then(|document| document.line),
            document: problem.document.clone(),
            path: problem.path.clone(),
            ..FileProblem::of_file(document.map_or(&self.dir, |document| &document.file), &problem.message)
        }
    }

    fn agree_on(&mut self, current: DocumentBodies) {
        self.agreed = Some(current);
        self.compares_all = false;
    }

    /// Why this may not be the newest copy of a directory that other replicas watch too. What changed since it agreed
    /// with the log is news. An empty directory is a loss, not a copy.
    async fn doubt(
        &mut self,
        planned: &DirectoryPlan,
        reading: &DirectoryContents,
        current: &DocumentBodies,
    ) -> Result<Option<String>, StoreError> {
        let is_news = |agreed: &DocumentBodies| {
            planned.changes.iter().any(|change| is_news(agreed, current, &change.id))
        };
        let is_plain = !self.options.shared
            || current.is_empty()
            || planned.changes.is_empty()
            || self.agreed.as_ref().is_some_and(is_news);
        if is_plain {
            return Ok(None);
        }
        let mine = self.view.mine();
        if self.agreed.is_none() && !mine.is_empty() && !mine.iter().any(|id| current.contains_key(*id)) {
            return Ok(Some(format!(
                "none of the {} documents that belong to {} are in the directory; nothing was changed; give the directory \
                 another name (--watch NAME=DIR) if another one has this name",
                mine.len(),
                self.owner
            )));
        }
        Ok(self.is_outdated(planned, reading, current).await?.then(|| {
            let changes = planned.changes.len();
            format!(
                "the directory is older than the log: it is what the log had of it before, and {changes} documents differ; \
                 nothing was changed; update the directory"
            )
        }))
    }

    async fn is_outdated(
        &mut self,
        planned: &DirectoryPlan,
        reading: &DirectoryContents,
        current: &DocumentBodies,
    ) -> Result<bool, StoreError> {
        let of = (reading.fingerprint, self.view.changes());
        if let Some((_, known)) = self.outdated.filter(|(known, _)| *known == of) {
            return Ok(known);
        }
        let store = Arc::clone(self.engine.store());
        let head = self.view.head();
        let past = OwnerHistory { store: &*store, owner: &self.owner, head };
        let outdated = past.has_state(planned, current).await?;
        self.outdated = Some((of, outdated));
        Ok(outdated)
    }

    /// Keeps everything as it is until it is confirmed, or the directory is another.
    fn held(&self, doubt: &str, loss: Option<HeldLoss>) -> SyncRound {
        let name = &self.status.borrow().name;
        let message = format!("{doubt}; or make it current with `midflight reload --confirm-loss {name}`");
        SyncRound {
            problems: vec![FileProblem::of_file(&self.dir, &message)],
            held: loss,
            ..SyncRound::default()
        }
    }

    fn later(&self, message: &str) -> SyncRound {
        SyncRound {
            problems: vec![FileProblem::of_file(&self.dir, message)],
            try_again: true,
            ..SyncRound::default()
        }
    }

    fn show_problem(&mut self, message: &str) {
        self.done = None;
        let problems = vec![FileProblem::of_file(&self.dir, message)];
        self.report(&problems);
        self.status.send_modify(|status| {
            status.problems = problems;
            status.blocked = true;
            status.held = None;
        });
    }

    fn show(&self, reading: &DirectoryContents, round: SyncRound) {
        self.report(&round.problems);
        if let Some(revision) = round.revision {
            tracing::info!(directory = %self.dir, %revision, "log updated from the directory");
        }
        self.status.send_modify(|status| {
            status.files = reading.files;
            status.documents = reading.documents.len();
            status.problems = round.problems;
            status.blocked = !round.synced || round.by_directory;
            status.held = round.held;
            if round.synced {
                status.synced_at = Some(Timestamp::now());
            }
            if round.revision.is_some() {
                status.revision = round.revision;
                status.revisions += 1;
            }
        });
    }

    /// Logs what was not wrong before, and that nothing is wrong any more.
    fn report(&self, problems: &[FileProblem]) {
        let before = &self.status.borrow().problems;
        for problem in problems.iter().filter(|problem| !before.contains(problem)) {
            let (line, column) = (problem.line, problem.column);
            tracing::error!(file = %problem.file, line, column, %problem, "directory not synchronized with \
                                                                           the log");
        }
        if problems.is_empty() && !before.is_empty() {
            tracing::info!(directory = %self.dir, "directory is valid again");
        }
    }
}

/// Whether a document of a directory changed since it agreed with the log.
fn is_news(agreed: &DocumentBodies, current: &DocumentBodies, id: &DocumentId) -> bool {
    let digest = |of: &DocumentBodies| of.get(id).map(|(_, digest)| *digest);
    digest(agreed) != digest(current)
}
