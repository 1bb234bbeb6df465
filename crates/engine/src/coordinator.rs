//! The coordinator: one task that runs one reload at a time. Edits wait their turn; triggers that wait are one.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use midflight_bus::Hint;
use midflight_core::{
    Appended, Change, Edit, Outcome, Precondition, Problems, ReloadEvent, RevisionNumber, Trigger,
};
use midflight_store::LastGood;
use tokio::sync::{mpsc, oneshot};

use crate::away::{Away, Missing};
use crate::core::Core;
use crate::follower::{Bell, Ring};
use crate::load::{Aim, blamed};
use crate::machine::Machine;
use crate::outcome::{Accepted, Refusal, Refused, Validated};
use crate::reload::{Ended, Reload};
use crate::status::{Quarantined, State};

/// How often an edit is tried again when other writers were faster.
const EDIT_TRIES_MAX: u32 = 16;
/// How many rounds a start takes to find what does not hold among everything.
const BLAME_ROUNDS_MAX: usize = 100;
/// Who changes things when the engine itself does.
const ENGINE_AUTHOR: &str = "midflight";

/// What is to come of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is only tried.
    Nothing,
    /// It is to be live here.
    Live,
    /// And somebody waits to hear that it is everywhere.
    LiveEverywhere,
}

/// What waits its turn.
pub(crate) enum Request {
    Edit { edit: Box<Edit>, wish: Wish, reply: oneshot::Sender<Result<Accepted, Refused>> },
    Reload { trigger: Trigger, by: String, anew: bool, reply: oneshot::Sender<Arc<ReloadEvent>> },
    Validate { reply: oneshot::Sender<Result<Validated, Refusal>> },
}

/// The one who changes what is served.
pub(crate) struct Coordinator {
    core: Arc<Core>,
    state: State,
    /// What others may see of the state.
    shown: Arc<RwLock<State>>,
    requests: mpsc::Receiver<Request>,
    bell: Arc<Bell>,
}

impl Coordinator {
    pub(crate) fn new(
        core: Arc<Core>,
        shown: Arc<RwLock<State>>,
        requests: mpsc::Receiver<Request>,
        bell: Arc<Bell>,
    ) -> Self {
        let state = shown.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Self { core, state, shown, requests, bell }
    }

    /// The first reload: from nothing to everything, or to what this replica had kept while the log is away.
    pub(crate) async fn start(&mut self) -> Arc<ReloadEvent> {
        let mut event = self.everything(Trigger::Startup, ENGINE_AUTHOR).await;
        if event.outcome == Outcome::LoadFailed
            && let Some(kept) = self.kept().await
        {
            let ended = self.reload(Trigger::Startup, ENGINE_AUTHOR, Aim::Copy(&kept), false).await;
            event = self.event(ended.event);
            self.state.from_copy = event.outcome.is_live();
            tracing::warn!(revision = %kept.position, outcome = %event.outcome, "the log is away; started from the local copy");
        }
        self.show();
        event
    }

    /// What this replica had kept of what it served, if it can be read.
    async fn kept(&self) -> Option<LastGood> {
        match self.core.keeper.as_ref()?.read().await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "the local copy of what was served cannot be read");
                None
            }
        }
    }

    /// Runs until the engine stops. What still waits then is told so by its closed channel.
    pub(crate) async fn run(mut self) {
        let mut put_off = None;
        let mut away = Away::default();
        loop {
            let look_again = away.look_again(self.missing());
            let request = match put_off.take() {
                Some(request) => request,
                None => tokio::select! {
                    biased;
                    () = self.core.stop.cancelled() => return,
                    request = self.requests.recv() => match request {
                        Some(request) => request,
                        None => return,
                    },
                    ring = self.bell.rung() => {
                        self.answer(ring).await;
                        continue;
                    }
                    () = look_again => {
                        self.answer(Ring::look(Trigger::Periodic)).await;
                        continue;
                    }
                },
            };
            put_off = self.serve(request).await;
        }
    }

    /// What is to be looked for again without anybody asking.
    fn missing(&self) -> Option<Missing> {
        match (self.state.store_error.is_some(), self.state.behind.is_empty()) {
            (true, _) => Some(Missing::Log),
            (false, false) => Some(Missing::Component),
            (false, true) => None,
        }
    }

    /// Follows, unless what was hinted at is here already: of its own edits a replica hears too.
    async fn answer(&mut self, ring: Ring) {
        if ring.head.is_none_or(|head| head > self.state.position) {
            self.follow(ring.trigger, ENGINE_AUTHOR, ring.change.as_deref()).await;
            self.show();
        }
        if ring.awaited {
            self.core.fleet.say_now();
        }
    }

    /// Serves one request, and with a reload all equal ones that wait behind it. Answers the first that was not equal.
    async fn serve(&mut self, request: Request) -> Option<Request> {
        match request {
            // Whoever asked is gone, so nobody wants it any more.
            Request::Edit { reply, .. } if reply.is_closed() => None,
            Request::Edit { edit, wish, reply } => {
                let before = self.state.desired;
                let done = self.edit(&edit, wish == Wish::Nothing).await;
                self.show();
                if self.state.desired > before {
                    self.hint(done.as_ref().ok(), wish == Wish::LiveEverywhere).await;
                }
                drop(reply.send(done));
                None
            }
            Request::Validate { reply } => {
                drop(reply.send(self.validate().await));
                self.show();
                None
            }
            Request::Reload { trigger, by, anew, reply } => {
                let mut replies = vec![reply];
                let mut different = None;
                while let Ok(next) = self.requests.try_recv() {
                    match next {
                        Request::Reload { anew: same, reply, .. } if same == anew => replies.push(reply),
                        other => {
                            different = Some(other);
                            break;
                        }
                    }
                }
                let event = if anew {
                    self.everything(trigger, &by).await
                } else {
                    self.follow(trigger, &by, None).await
                };
                self.show();
                replies.into_iter().for_each(|reply| drop(reply.send(Arc::clone(&event))));
                different
            }
        }
    }

    fn show(&self) {
        let mut shown = self.shown.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        shown.clone_from(&self.state);
        // What the log said is told to other replicas too.
        shown.store_error = self.state.store_error.as_deref().map(|why| (self.core.redact)(why));
    }

    /// Tells the other replicas. That it cannot be told delays them and loses nothing.
    async fn hint(&self, accepted: Option<&Accepted>, awaited: bool) {
        let head = self.state.desired;
        let change = accepted.and_then(|accepted| {
            let revision = accepted.revision.clone().filter(|revision| revision.number == head)?;
            Some(Arc::new(Appended { revision, documents: accepted.documents.clone() }))
        });
        let hint = Hint { head, change, awaited };
        if let Err(error) = self.core.bus.publish(hint).await {
            tracing::warn!(%error, "the other replicas will find the revision by their period");
        }
    }

    async fn reload(&mut self, trigger: Trigger, by: &str, aim: Aim<'_>, dry_run: bool) -> Ended {
        let machine = Machine::new(trigger, by.to_owned(), self.core.now());
        let is_edit = matches!(aim, Aim::Edit { .. });
        let reload = Reload { core: &self.core, machine, dry_run, is_edit };
        reload.run(&mut self.state, aim).await
    }

    /// Makes an edit: compiled and checked on what is served, given its number, and live when this returns.
    async fn edit(&mut self, edit: &Edit, dry_run: bool) -> Result<Accepted, Refused> {
        if self.state.from_copy {
            self.follow(Trigger::Notify, ENGINE_AUTHOR, None).await;
        }
        for _ in 0..EDIT_TRIES_MAX {
            let mut retry = !self.state.quarantine.is_empty();
            let mut ended = self.reload(edit.trigger, &edit.author, Aim::Edit { edit, retry }, dry_run).await;
            if retry && matches!(ended.refusal, Some(Refusal::Invalid(_))) {
                // It may be what is in quarantine that does not hold, rather than the edit.
                retry = false;
                ended = self.reload(edit.trigger, &edit.author, Aim::Edit { edit, retry }, dry_run).await;
            }
            if ended.moved {
                self.follow(Trigger::Notify, ENGINE_AUTHOR, None).await;
                continue;
            }
            if let Some(appended) = ended.appended.as_ref().filter(|_| ended.refusal.is_some()) {
                let number = appended.revision.number;
                self.undo(edit, number, &ended).await;
            }
            let diff = ended.diff.unwrap_or_default();
            return match ended.refusal {
                Some(refusal) => Err(Refused { refusal, diff: Some(diff), event: ended.event }),
                None => {
                    let (revision, documents) =
                        ended.appended.map(|appended| (appended.revision, appended.documents)).unzip();
                    let documents = documents.unwrap_or_default();
                    Ok(Accepted { revision, documents, diff, plan: ended.plan, event: ended.event })
                }
            };
        }
        Err(Refusal::Contended { tries: EDIT_TRIES_MAX }.into())
    }

    /// An edit is in the log and did not verify: what it did is taken back in the log too, as a revision of its own.
    async fn undo(&mut self, edit: &Edit, number: RevisionNumber, ended: &Ended) {
        let documents = edit.changes.iter().map(|change| change.id.clone()).collect();
        self.quarantine(number, Quarantined { problems: ended.problems.clone(), documents });
        let Some(diff) = &ended.diff else { return };
        let since = |change: Change| change.when(Precondition::UnchangedSince(number));
        let inverse = Edit {
            author: ENGINE_AUTHOR.to_owned(),
            reason: format!("takes back revision {number}, which did not verify"),
            trigger: edit.trigger,
            owner: edit.owner.clone(),
            take_over: true,
            changes: diff.inverse().changes().into_iter().map(since).collect(),
        };
        let aim = Aim::Edit { edit: &inverse, retry: false };
        let taken_back = self.reload(edit.trigger, ENGINE_AUTHOR, aim, false).await;
        if let Some(refusal) = taken_back.refusal {
            // Then the revision stays in the log and in quarantine here, for a person to decide.
            tracing::error!(revision = %number, %refusal, "could not be taken back in the log");
        }
    }

    fn quarantine(&mut self, revision: RevisionNumber, quarantined: Quarantined) {
        tracing::warn!(%revision, problems = %quarantined.problems, "left out of what is served");
        self.state.position = self.state.position.max(revision);
        self.state.quarantine.insert(revision, quarantined);
    }

    /// Brings what is served up to the log. What was kept is first held against all of it.
    async fn follow(&mut self, trigger: Trigger, by: &str, change: Option<&Appended>) -> Arc<ReloadEvent> {
        if !self.state.from_copy {
            return self.catch_up(trigger, by, change).await;
        }
        let event = self.everything(trigger, by).await;
        self.state.from_copy = self.state.store_error.is_some();
        event
    }

    /// Goes on from the revision that was looked at last. What does not hold is left out, revision by revision.
    /// `change` may be the revision that is next, so that the log need not be asked for it.
    async fn catch_up(&mut self, trigger: Trigger, by: &str, change: Option<&Appended>) -> Arc<ReloadEvent> {
        let retry = !self.state.quarantine.is_empty();
        let next = self.state.position.next();
        let change = change.filter(|change| !retry && change.revision.number == next);
        let aim = match change {
            Some(change) => Aim::Next(change),
            None => Aim::Log { upto: None, retry },
        };
        let ended = self.reload(trigger, by, aim, false).await;
        let mut event = self.event(ended.event);
        let did_not_hold =
            matches!(event.outcome, Outcome::ValidationFailed | Outcome::Rejected | Outcome::RolledBack);
        if !did_not_hold {
            return event;
        }
        let head = self.state.desired;
        while self.state.position < head && !self.core.stop.is_cancelled() {
            let before = self.state.position;
            event = self.step(trigger, by, before.next()).await;
            if self.state.position == before {
                // The log did not answer; the next trigger goes on from here.
                return event;
            }
        }
        event
    }

    /// Brings what is served up to the next revision, or leaves that one out.
    async fn step(&mut self, trigger: Trigger, by: &str, next: RevisionNumber) -> Arc<ReloadEvent> {
        let mut problems = Problems::default();
        let mut event = None;
        let retries: &[bool] = if self.state.quarantine.is_empty() { &[false] } else { &[true, false] };
        for retry in retries {
            let ended = self.reload(trigger, by, Aim::Log { upto: Some(next), retry: *retry }, false).await;
            let ended_event = self.event(ended.event);
            match ended_event.outcome {
                Outcome::ValidationFailed | Outcome::Rejected | Outcome::RolledBack => {
                    problems = ended.problems
                }
                _ => return ended_event,
            }
            event = Some(ended_event);
        }
        let before = RevisionNumber::new(next.get().saturating_sub(1));
        let documents = match self.core.store.since(before, 1).await {
            Ok(page) => page.into_iter().flat_map(|one| one.documents).map(|document| document.id).collect(),
            Err(error) => {
                self.state.store_error = Some(error.to_string());
                return self.event(event);
            }
        };
        // What it would replace of earlier ones in quarantine stays with those too: it is not served either.
        self.quarantine(next, Quarantined { problems, documents });
        self.event(event)
    }

    /// Compiles everything anew. What does not hold is found by the documents that the problems name, and left out.
    async fn everything(&mut self, trigger: Trigger, by: &str) -> Arc<ReloadEvent> {
        // What is in quarantine gets another chance: the reason may have been this process.
        let before = self.state.clone();
        self.state.quarantine.clear();
        let mut event = None;
        for _ in 0..BLAME_ROUNDS_MAX {
            let ended = self.reload(trigger, by, Aim::Everything, false).await;
            let ended_event = self.event(ended.event);
            let problems = match ended_event.outcome {
                Outcome::ValidationFailed => ended.problems,
                outcome => {
                    if !outcome.is_live() {
                        self.state.quarantine = before.quarantine;
                    }
                    return ended_event;
                }
            };
            event = Some(ended_event);
            let found = blamed(&*self.core.store, &ended.origins, &problems).await.unwrap_or_default();
            let new = found.into_iter().filter(|(revision, _)| !self.state.quarantine.contains_key(revision));
            let new: Vec<_> = new.collect();
            if new.is_empty() {
                break;
            }
            self.state.quarantine.extend(new);
        }
        self.state.quarantine = before.quarantine;
        if self.state.position == RevisionNumber::ZERO {
            // Nobody could be named. The long way round: revision by revision, from the first.
            return self.catch_up(trigger, by, None).await;
        }
        self.event(event)
    }

    /// Makes a candidate of everything the log holds, what is in quarantine too, and drops it.
    async fn validate(&mut self) -> Result<Validated, Refusal> {
        let quarantine = std::mem::take(&mut self.state.quarantine);
        let ended = self.reload(Trigger::Manual, ENGINE_AUTHOR, Aim::Everything, true).await;
        self.state.quarantine = quarantine;
        match ended.refusal {
            Some(refusal @ (Refusal::Store(_) | Refusal::Stopping)) => Err(refusal),
            _ => {
                let mut documents = BTreeMap::new();
                for (id, _) in ended.origins.iter() {
                    *documents.entry(id.kind.clone()).or_default() += 1;
                }
                Ok(Validated { revision: self.state.desired, documents, problems: ended.problems })
            }
        }
    }

    /// The event of a reload that was told; there is one for all but dry runs and those that begin again.
    fn event(&self, event: Option<Arc<ReloadEvent>>) -> Arc<ReloadEvent> {
        let last = || self.state.last_reload.clone();
        event.or_else(last).unwrap_or_else(|| Arc::new(nothing_yet(&self.core)))
    }
}

/// What is told of a replica that has not reloaded yet.
fn nothing_yet(core: &Core) -> ReloadEvent {
    ReloadEvent {
        id: midflight_core::ReloadId(0),
        trigger: Trigger::Startup,
        triggered_by: ENGINE_AUTHOR.to_owned(),
        started_at: core.now(),
        took: std::time::Duration::ZERO,
        phases: Vec::new(),
        outcome: Outcome::Cancelled,
        from: RevisionNumber::ZERO,
        to: RevisionNumber::ZERO,
        kinds: Vec::new(),
        documents_changed: 0,
        components: Vec::new(),
        problems: Problems::default(),
    }
}
