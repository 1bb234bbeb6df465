//! Does what is due, on the replica that leads.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    Change, DocumentId, DocumentName, Edit, JsonPointer, Open, Outcome, Precondition, Problem, Problems,
    Trigger,
};
use midflight_store::{DocumentVersion, StoreError};
use tokio_util::sync::CancellationToken;

use super::clock::LogClock;
use super::lead::Leading;
use super::read::read;
use super::timetable::{LOOK, Timetable};
use super::write::refused;
use super::{Agenda, Schedule, ScheduledAction, id_of};
use crate::core::Core;
use crate::requests::{Requests, WeakRequests};
use crate::{EditMode, Refusal, ReloadScope};

/// Waits for the time of every schedule.
pub(crate) struct Scheduler {
    core: Arc<Core>,
    requests: WeakRequests,
    timetable: Timetable,
    leading: Leading,
    clock: LogClock,
}

/// The result of a schedule that was due.
enum RunResult {
    /// It was done, or another writer did it or reverted it.
    Done,
    /// The log or the engine could not be asked now: it is due as before.
    Later(String),
    /// It is invalid, and would be the next time.
    Refused(Open<Outcome>, Problems),
}

impl From<StoreError> for RunResult {
    fn from(error: StoreError) -> Self {
        Self::Later(error.to_string())
    }
}

impl Scheduler {
    pub(crate) fn new(core: Arc<Core>, requests: WeakRequests) -> Self {
        Self {
            core,
            requests,
            timetable: Timetable::default(),
            leading: Leading::default(),
            clock: LogClock::default(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now(&self.core)
    }

    /// Runs until the engine stops, or no handle to it is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.core.cell.changes();
        loop {
            let turn = tokio::select! {
                turn = self.turn() => turn,
                () = stop.cancelled() => return,
            };
            let Ok(wait) = turn else { return };
            let next_turn = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = next_turn => {}
                _ = changes.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Does what is due now, and answers how long to wait; for ever when nothing is scheduled. An error when no handle
    /// to the engine is left.
    async fn turn(&mut self) -> Result<Option<Duration>, Refusal> {
        let requests = self.requests.upgrade().ok_or(Refusal::Stopping)?;
        self.clock.synchronize(&self.core).await;
        let world = self.core.cell.world();
        let now = self.now();
        let agenda = world.get_shared(self.core.schedules).and_then(|it| it.downcast::<Agenda>().ok());
        drop(world);
        if let Some(agenda) = agenda {
            self.timetable.see(agenda, now);
        }
        if !self.timetable.is_waiting() {
            self.leading.release();
            return Ok(None);
        }
        for name in self.timetable.due(now) {
            // What is due may take longer than a leader may be silent; and who does not lead any more leaves the rest.
            if !self.leading.leads(&*self.core.store).await {
                return Ok(Some(LOOK));
            }
            let ran = self.run_one(&requests, &name).await;
            self.note(&requests, &name, ran).await;
        }
        Ok(Some(self.timetable.wait(now, self.now())))
    }

    /// Keeps the result of a schedule, where others can see it.
    async fn note(&mut self, requests: &Requests, name: &DocumentName, ran: Result<RunResult, RunResult>) {
        let (Ok(ran) | Err(ran)) = ran;
        match ran {
            RunResult::Done => {}
            RunResult::Later(why) => tracing::warn!(schedule = %name, why, "schedule is due; waiting"),
            RunResult::Refused(outcome, problems) => {
                tracing::warn!(schedule = %name, %outcome, %problems, "schedule refused");
                match self.refuse(requests, name, outcome, &problems).await {
                    Ok(RunResult::Refused(_, problems)) | Err(RunResult::Refused(_, problems)) => {
                        // The log cannot record it, and further tries would not help either.
                        tracing::error!(schedule = %name, %problems, "cannot mark a schedule as refused");
                        self.timetable.give_up(name);
                    }
                    Ok(RunResult::Later(why)) | Err(RunResult::Later(why)) => {
                        tracing::warn!(schedule = %name, why, "cannot mark a schedule as refused; trying \
                                                               again");
                    }
                    Ok(RunResult::Done) | Err(RunResult::Done) => {}
                }
            }
        }
    }

    /// The current state of a schedule in the log: what is served may be behind it.
    async fn newest(&self, id: &DocumentId) -> Result<Option<(DocumentVersion, Schedule)>, StoreError> {
        let newest = self.core.store.versions(id, None, 1, None).await?.items.pop();
        Ok(newest.and_then(|version| {
            let body = version.document.parse().ok()?.body?;
            let schedule = read(&body).ok()?;
            Some((version, schedule))
        }))
    }

    async fn run_one(&mut self, requests: &Requests, name: &DocumentName) -> Result<RunResult, RunResult> {
        let id = id_of(name.clone());
        let Some((version, schedule)) = self.newest(&id).await? else { return Ok(RunResult::Done) };
        let now = self.now();
        let is_due = schedule.when.next_at(now, self.timetable.last(name)).is_some_and(|at| at <= now);
        if schedule.refused.is_some() || !is_due {
            return Ok(RunResult::Done);
        }
        let stays = matches!(schedule.what, ScheduledAction::Reload { repeat: true });
        if let Some(owner) = version.document.owner.as_ref().filter(|_| !stays) {
            let message = format!(
                "a schedule is deleted after its run, and {owner} would put this one back to be run again; \
                 put it through the API"
            );
            return Ok(RunResult::Refused(
                Outcome::Rejected.into(),
                Problem::new("owned", JsonPointer::root(), message).into(),
            ));
        }
        match schedule.what {
            ScheduledAction::Edit { changes, take_over } => {
                edit(requests, &id, &version, changes, take_over).await
            }
            ScheduledAction::Reload { repeat } => {
                reload(requests, &version.author, repeat).await?;
                if repeat {
                    self.timetable.was_run(name, now);
                    return Ok(RunResult::Done);
                }
                // Only now: a crash in between makes it reload again, which changes nothing, rather than never.
                edit(requests, &id, &version, Vec::new(), false).await
            }
        }
    }

    /// Writes into the schedule why it was refused, unless it was put again meanwhile.
    async fn refuse(
        &self,
        requests: &Requests,
        name: &DocumentName,
        outcome: Open<Outcome>,
        problems: &Problems,
    ) -> Result<RunResult, RunResult> {
        let id = id_of(name.clone());
        let Some((version, mut schedule)) = self.newest(&id).await? else { return Ok(RunResult::Done) };
        schedule.refused = Some(Arc::new(refused(self.now(), outcome.as_str(), problems)));
        let change = Change::put(id.clone(), schedule.to_body());
        let mut marked =
            edit_of(&version, vec![change.when(Precondition::Version(version.document.version))]);
        marked.owner = version.document.owner;
        apply(requests, &id, marked).await
    }
}

/// Makes the changes together with the deletion of their schedule.
async fn edit(
    requests: &Requests,
    id: &DocumentId,
    version: &DocumentVersion,
    mut changes: Vec<Change>,
    take_over: bool,
) -> Result<RunResult, RunResult> {
    changes.push(Change::delete(id.clone()).when(Precondition::Version(version.document.version)));
    apply(requests, id, Edit { take_over, ..edit_of(version, changes) }).await
}

/// An edit in the name of the author of the schedule.
fn edit_of(version: &DocumentVersion, changes: Vec<Change>) -> Edit {
    Edit {
        reason: midflight_core::cut_reason(version.reason.clone()),
        principal: version.principal.clone(),
        ..Edit::new(version.author.as_str(), Trigger::Schedule, changes)
    }
}

async fn apply(requests: &Requests, id: &DocumentId, edit: Edit) -> Result<RunResult, RunResult> {
    let Err(refused) = requests.edit(edit, EditMode::default()).await else { return Ok(RunResult::Done) };
    let outcome = refused.event.as_ref().map_or(Outcome::Rejected.into(), |event| event.outcome);
    Err(match refused.refusal {
        // Another replica was faster, or the schedule was put or cancelled at the last moment.
        Refusal::Precondition(failed) if failed.id == *id => RunResult::Done,
        // If it is in the log after all, the schedule is deleted the next time.
        later @ (Refusal::Busy { .. }
        | Refusal::Contended { .. }
        | Refusal::Stopping
        | Refusal::Unknown { .. }
        | Refusal::Store(_)) => RunResult::Later(later.to_string()),
        Refusal::Invalid(problems) | Refusal::Rejected(problems) | Refusal::RolledBack(problems) => {
            RunResult::Refused(outcome, problems)
        }
        other => RunResult::Refused(
            outcome,
            Problem::new("refused", JsonPointer::root(), other.to_string()).into(),
        ),
    })
}

async fn reload(requests: &Requests, author: &str, repeat: bool) -> Result<(), RunResult> {
    let event = requests.reload(Trigger::Schedule, author, ReloadScope::Everything).await;
    let event = event.map_err(|refusal| RunResult::Later(refusal.to_string()))?;
    match event.outcome {
        outcome if outcome.is_live() => Ok(()),
        Open::Known(Outcome::LoadFailed | Outcome::Cancelled) => {
            Err(RunResult::Later(event.problems.to_string()))
        }
        // What failed tonight is in the reload events, and may go through tomorrow.
        _ if repeat => Ok(()),
        outcome => Err(RunResult::Refused(outcome, event.problems.clone())),
    }
}
