//! The coordinator: one task that runs one reload at a time. Edits wait their turn; triggers that wait are one.

use std::sync::{Arc, RwLock};

use midflight_bus::Hint;
use midflight_core::{
    Appended, Change, DocumentId, Edit, Outcome, Precondition, Problems, ReloadEvent, RevisionNumber, Trigger,
};
use midflight_store::StoreError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::beforehand::ValidBeforehand;
use crate::core::Core;
use crate::fairness::Fairness;
use crate::follower::{Wake, WakeSignal};
use crate::full_reload::FullReload;
use crate::lanes::{InLargeLane, Lanes};
use crate::leaked_threads::RUNAWAY_LIMIT;
use crate::load::{BaseDocuments, ReloadTarget};
use crate::outcome::{AcceptedEdit, AppliedExtent, AwaitScope, EditMode, InvalidPolicy, Refusal, Refused};
use crate::phase_tracker::PhaseTracker;
use crate::quarantine::{Attempted, Quarantined, RetryAttempt};
use crate::rehearsal::Rehearsal;
use crate::reload::{Reload, ReloadResult, is_refusal};
use crate::requests::QueueTurn;
use crate::retrier::{Retried, Retrier};
use crate::retry_backoff::RetryBackoff;
use crate::status::CoordinatorState;

/// How often an edit is tried again when other writers were faster.
pub(crate) const EDIT_TRIES_MAX: u32 = 64;
/// Who changes things when the engine itself does.
pub(crate) const ENGINE_AUTHOR: &str = "midflight";

/// What waits its turn.
pub(crate) enum Request {
    Edit(EditRequest),
    /// What is new in the log.
    Follow(ReloadCaller),
    /// What was compiled for these callers; none where it has to be read in the turn.
    FullReload {
        callers: Vec<ReloadCaller>,
        full: Option<Box<FullReload>>,
    },
    Adopt {
        by: String,
        reply: oneshot::Sender<Arc<ReloadEvent>>,
        turn: QueueTurn,
    },
}

/// An edit that is to be made.
pub(crate) struct EditRequest {
    pub(crate) edit: Box<Edit>,
    pub(crate) mode: EditMode,
    /// How often it was tried.
    pub(crate) tries: u32,
    pub(crate) reply: oneshot::Sender<Result<AcceptedEdit, Refused>>,
    pub(crate) turn: QueueTurn,
    /// That it waits with the large ones, if it does.
    pub(crate) lane: Option<InLargeLane>,
    /// Its documents, if they were validated before its turn.
    pub(crate) valid: Option<ValidBeforehand>,
}

/// Who asks for a reload.
pub(crate) struct ReloadCaller {
    pub(crate) trigger: Trigger,
    pub(crate) by: String,
    pub(crate) reply: oneshot::Sender<Arc<ReloadEvent>>,
    pub(crate) turn: QueueTurn,
}

/// The one who changes what is served.
pub(crate) struct Coordinator {
    pub(crate) core: Arc<Core>,
    pub(crate) state: CoordinatorState,
    /// What others may see of the state.
    shown: Arc<RwLock<CoordinatorState>>,
    requests: Lanes<Request>,
    signal: Arc<WakeSignal>,
    /// What reloads are tried on instead of what is served, while that is so.
    pub(crate) rehearsal: Option<Rehearsal>,
    /// The last rehearsal, if it was refused.
    pub(crate) refused_rehearsal: Option<RetryAttempt>,
    fairness: Fairness,
}

impl Coordinator {
    pub(crate) fn new(
        core: Arc<Core>,
        shown: Arc<RwLock<CoordinatorState>>,
        requests: Lanes<Request>,
        signal: Arc<WakeSignal>,
    ) -> Self {
        let state = shown.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let fairness = Fairness::default();
        Self { core, state, shown, requests, signal, rehearsal: None, refused_rehearsal: None, fairness }
    }

    /// Runs until the engine stops. What still waits then learns it by its closed channel.
    ///
    /// New revisions go before edits, but not twice in a row while an edit waits: neither can keep the other waiting
    /// longer than one reload takes. While other replicas have their turn at the log, nothing that was asked for
    /// begins.
    pub(crate) async fn run(mut self) {
        let mut put_off = None;
        let mut unavailable = RetryBackoff::default();
        let mut retrier = Retrier::default();
        let mut has_followed = false;
        loop {
            let pause = self.fairness.pause_until().filter(|_| self.core.fleet.others_are_alive());
            if put_off.is_none() && has_followed && pause.is_none() {
                put_off = self.requests.next_waiting();
            }
            has_followed = false;
            if let Some(request) = put_off.take() {
                if self.core.stop.is_cancelled() {
                    return;
                }
                put_off = self.serve(request).await;
                continue;
            }
            let look_again =
                unavailable.look_again(self.state.store_error.is_some() || self.state.diverged.is_some());
            let next_due = at(self.state.next_due_at());
            tokio::select! {
                biased;
                () = self.core.stop.cancelled() => return,
                Some(wake) = self.signal.next() => {
                    self.answer(wake).await;
                    has_followed = true;
                }
                () = at(pause), if pause.is_some() => {}
                request = self.requests.next(), if pause.is_none() => match request {
                    Some(request) => put_off = self.serve(request).await,
                    None => return,
                },
                retried = retrier.retried(&self.core, &self.state.behind) => self.adopt_components(retried).await,
                () = look_again => self.answer(Wake::look(Trigger::Periodic)).await,
                () = self.core.workers.runaways().ended() => {
                    // The kind of the work may get work again.
                    let blocked = self.state.quarantine.refused_with(RUNAWAY_LIMIT);
                    self.retry(Trigger::Periodic, &blocked).await;
                    self.show();
                }
                () = next_due => {
                    let due = self.state.quarantine.due();
                    self.retry(Trigger::Periodic, &due).await;
                    self.show();
                }
            }
        }
    }

    /// Takes components into use that were behind, if they were prepared for what is served. Else they are released,
    /// and tried again later.
    async fn adopt_components(&mut self, retried: Retried) {
        let (core, served) = (Arc::clone(&self.core), self.core.cell.world());
        let is_current = |time: &midflight_core::ComponentTime| {
            self.state.behind.contains(&time.name) && core.is_same_for(&time.name, &retried.world, &served)
        };
        if retried.tried.times.iter().all(is_current) {
            let machine = PhaseTracker::new(Trigger::Periodic, ENGINE_AUTHOR.to_owned(), core.now());
            let mut reload =
                Reload::new(&core, machine, &ReloadTarget::Nothing).with_components(retried.tried);
            reload.run(&mut self.state, ReloadTarget::Nothing).await;
            self.show();
        }
    }

    /// Follows, unless what was hinted at is here already: a replica receives the hints of its own edits too.
    async fn answer(&mut self, wake: Wake) {
        if self.state.requires_look(wake.head, wake.announced.as_ref()) {
            let before = self.state.position;
            self.follow(wake.trigger, ENGINE_AUTHOR, wake.change.as_deref()).await;
            if self.state.position > before {
                self.fairness.others_had_their_turn();
            }
            self.show();
        }
        if wake.awaited {
            self.core.fleet.report_now();
        }
    }

    /// Serves one request, and with a reload all equal ones that wait behind it. Answers the first that was not equal.
    async fn serve(&mut self, request: Request) -> Option<Request> {
        match request {
            Request::Edit(request) => {
                let span = request.turn.span.clone();
                self.serve_edit(request).instrument(span).await;
                None
            }
            Request::Adopt { by, reply, turn } => {
                let event = self.adopt(&by).instrument(turn.span.clone()).await;
                self.show();
                drop(reply.send(event));
                None
            }
            Request::Follow(caller) => {
                let mut callers = vec![caller];
                let mut different = None;
                while let Some(next) = self.requests.next_waiting() {
                    match next {
                        Request::Follow(caller) => callers.push(caller),
                        other => {
                            different = Some(other);
                            break;
                        }
                    }
                }
                let span = callers[0].turn.span.clone();
                let event = self.follow(callers[0].trigger, &callers[0].by, None).instrument(span).await;
                self.tell(callers, &event);
                different
            }
            Request::FullReload { callers, full } => {
                let span = callers[0].turn.span.clone();
                let event = self.full(callers[0].trigger, &callers[0].by, full).instrument(span).await;
                self.tell(callers, &event);
                None
            }
        }
    }

    fn tell(&mut self, callers: Vec<ReloadCaller>, event: &Arc<ReloadEvent>) {
        self.show();
        callers.into_iter().for_each(|caller| drop(caller.reply.send(Arc::clone(event))));
    }

    pub(crate) fn show(&mut self) {
        self.state.keep_level();
        let mut shown = self.shown.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        shown.clone_from(&self.state);
        // What the log returned is published to other replicas too.
        shown.store_error = self.state.store_error.as_deref().map(|why| (self.core.redact)(why));
        drop(shown);
        self.core.fleet.changed();
    }

    /// Makes an edit, or puts it back for a moment when the log moved meanwhile and small ones wait.
    async fn serve_edit(&mut self, mut request: EditRequest) {
        let before = self.state.desired;
        let mut began;
        let done = loop {
            // The caller left before its turn, so no result is wanted any more.
            if request.tries == 0 && request.reply.is_closed() {
                return;
            }
            request.tries += 1;
            began = Instant::now();
            match self.try_edit(&request.edit, request.mode, request.valid.take()).await {
                Some(done) => break done,
                None if request.tries >= EDIT_TRIES_MAX => break Err(contended()),
                None if request.lane.is_some() => {
                    // The log was followed for it.
                    self.show();
                    let back = self.requests.put_back(Request::Edit(request));
                    let Some(Request::Edit(back)) = back else { return };
                    request = back;
                }
                None => {}
            }
        };
        let is_made = done.as_ref().is_ok_and(|accepted| accepted.revision.is_some());
        if is_made {
            self.fairness.made(began);
        }
        let EditRequest { edit, mode, reply, .. } = request;
        self.show();
        if self.state.desired > before {
            self.hint(done.as_ref().ok(), mode.reach == AwaitScope::Everywhere).await;
        }
        drop(reply.send(done));
        if is_made {
            // It may have put right what is in quarantine. Its caller does not wait for that.
            let concerned = self.state.quarantine.concerned(edit.changes.iter().map(|change| &change.id));
            self.retry(edit.trigger, &concerned).await;
            self.show();
        }
    }

    /// Notifies the other replicas. A failure to publish delays them and loses nothing.
    pub(crate) async fn hint(&self, accepted: Option<&AcceptedEdit>, awaited: bool) {
        let (head, digest_trail) = (self.state.desired, &self.state.digest_trail);
        let change = accepted.and_then(|accepted| {
            let revision = accepted.revision.clone().filter(|revision| revision.number == head)?;
            let parent = digest_trail.at(RevisionNumber::new(head.get() - 1))?.digest;
            Some(Arc::new(Appended { revision, documents: accepted.documents.clone(), parent }))
        });
        let hint = Hint { head, announced: digest_trail.at(head), change, awaited };
        if let Err(error) = self.core.bus.publish(hint).await {
            tracing::warn!(%error, "cannot publish hint; replicas will pick up the revision by polling");
        }
    }

    pub(crate) async fn reload(
        &mut self,
        trigger: Trigger,
        by: &str,
        target: ReloadTarget<'_>,
    ) -> ReloadResult {
        self.reload_of(trigger, by, target, None).await
    }

    /// A reload of documents that may have been validated already.
    async fn reload_of(
        &mut self,
        trigger: Trigger,
        by: &str,
        target: ReloadTarget<'_>,
        valid: Option<ValidBeforehand>,
    ) -> ReloadResult {
        let machine = PhaseTracker::new(trigger, by.to_owned(), self.core.now());
        let machine = match target {
            ReloadTarget::Rehearsed(Rehearsal { earlier: Some(earlier), .. }) => machine.after(earlier),
            _ => machine,
        };
        let reload = Reload::new(&self.core, machine, &target).with_valid(valid);
        let mut reload = reload.on(self.rehearsal.as_mut());
        let ended = reload.run(&mut self.state, target).await;
        let quarantine = &mut self.state.quarantine;
        match target {
            ReloadTarget::Retry(revisions) => {
                let attempted = if ended.is_refused() { Attempted::Failed } else { Attempted::AfterChange };
                quarantine.tried(revisions, ended.took, attempted);
            }
            _ => quarantine.tried(&ended.trace.retried, ended.took, Attempted::AfterChange),
        }
        ended
    }

    /// Makes an edit: compiled and checked on what is served, given its number, and live when this returns.
    pub(crate) async fn edit(&mut self, edit: &Edit, mode: EditMode) -> Result<AcceptedEdit, Refused> {
        for _ in 0..EDIT_TRIES_MAX {
            if let Some(done) = self.try_edit(edit, mode, None).await {
                return done;
            }
        }
        Err(contended())
    }

    /// Tries it once. None when other writers were faster: then the log was followed.
    async fn try_edit(
        &mut self,
        edit: &Edit,
        mode: EditMode,
        valid: Option<ValidBeforehand>,
    ) -> Option<Result<AcceptedEdit, Refused>> {
        if self.state.from_copy || self.state.diverged.is_some() {
            self.follow(Trigger::Notify, ENGINE_AUTHOR, None).await;
        }
        let target = ReloadTarget::Edit { edit, invalid: mode.invalid, extent: mode.extent };
        let ended = self.reload_of(edit.trigger, &edit.author, target, valid).await;
        if ended.moved {
            self.fairness.others_had_their_turn();
            let before = self.state.position;
            let event = self.follow(Trigger::Notify, ENGINE_AUTHOR, None).await;
            return self.cannot_follow(before, &event).map(|refusal| Err(refusal.into()));
        }
        if let Some(appended) = ended.trace.appended.as_ref().filter(|_| ended.refusal.is_some()) {
            self.undo(edit, appended, &ended).await;
        }
        Some(ended.into_answer())
    }

    /// Why this replica does not come to the head of the log, on which alone an edit can be made; none when it may be
    /// tried again.
    fn cannot_follow(&self, before: RevisionNumber, event: &ReloadEvent) -> Option<Refusal> {
        if self.state.from_copy {
            let unread = || "not read yet".to_owned();
            let why = self.state.store_error.clone().unwrap_or_else(unread);
            return Some(Refusal::Store(StoreError::Unavailable(why)));
        }
        let is_stuck = self.state.position == before && before < self.state.desired;
        (is_stuck && event.outcome.known().is_some_and(is_refusal))
            .then(|| Refusal::Rejected(event.problems.clone()))
    }

    /// An edit is in the log and failed verification: it is rolled back in the log too, as a revision of its own.
    async fn undo(&mut self, edit: &Edit, appended: &Appended, ended: &ReloadResult) {
        let number = appended.revision.number;
        let documents = appended.documents.iter().map(|document| document.id.clone()).collect();
        self.quarantine(number, ended, documents);
        let Some(diff) = &ended.trace.diff else { return };
        let since = |change: Change| change.when(Precondition::UnchangedSince(number));
        let inverse = Edit {
            reason: format!("roll back revision {number}: verification failed"),
            owner: edit.owner.clone(),
            take_over: true,
            ..Edit::new(ENGINE_AUTHOR, edit.trigger, diff.inverse().changes().into_iter().map(since))
        };
        let target = ReloadTarget::Edit {
            edit: &inverse,
            invalid: InvalidPolicy::Refuse,
            extent: AppliedExtent::Edit,
        };
        let taken_back = self.reload(edit.trigger, ENGINE_AUTHOR, target).await;
        if let Some(refusal) = taken_back.refusal {
            // Then the revision stays in the log and in quarantine here, for a person to decide.
            tracing::error!(revision = %number, %refusal, "cannot append the rollback to the log");
        }
    }

    /// Leaves a revision out of what is served, after this attempt to serve it.
    pub(crate) fn quarantine(
        &mut self,
        revision: RevisionNumber,
        ended: &ReloadResult,
        documents: Vec<DocumentId>,
    ) {
        let problems = ended.problems.clone();
        tracing::warn!(%revision, %problems, "revision quarantined; serving the last valid version of its documents");
        self.state.position = self.state.position.max(revision);
        let attempt = RetryAttempt::first(ended.took);
        self.state.quarantine.insert(revision, Quarantined { problems, documents, attempt });
        if let Some(copy_writer) = self.core.copy_writer.as_ref().filter(|_| self.rehearsal.is_none()) {
            copy_writer.live(self.state.kept_at(), Vec::new(), BaseDocuments::Served);
        }
    }

    /// The event of a reported reload; there is one for all but dry runs and those that begin again.
    pub(crate) fn event(&self, event: Option<Arc<ReloadEvent>>) -> Arc<ReloadEvent> {
        let last = || self.state.last_reload.clone();
        event.or_else(last).unwrap_or_else(|| Arc::new(nothing_yet(&self.core)))
    }
}

/// Waits for this time; for ever when there is none.
async fn at(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What is reported for a replica that has not reloaded yet.
fn nothing_yet(core: &Core) -> ReloadEvent {
    ReloadEvent {
        id: midflight_core::ReloadId(0),
        trigger: Trigger::Startup.into(),
        triggered_by: ENGINE_AUTHOR.to_owned(),
        started_at: core.now(),
        took: std::time::Duration::ZERO,
        phases: Vec::new(),
        outcome: Outcome::Cancelled.into(),
        from: RevisionNumber::ZERO,
        to: RevisionNumber::ZERO,
        kinds: Vec::new(),
        documents_changed: 0,
        components: Vec::new(),
        problems: Problems::default(),
    }
}

fn contended() -> Refused {
    Refusal::Contended { tries: EDIT_TRIES_MAX }.into()
}
