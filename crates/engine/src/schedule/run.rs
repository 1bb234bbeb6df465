//! Does what is due, on the replica that leads.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    Change, DocumentId, DocumentName, Edit, Open, Outcome, Pointer, Precondition, Problem, Problems, Trigger,
};
use midflight_store::{DocumentVersion, StoreError};
use tokio_util::sync::CancellationToken;

use super::clock::LogClock;
use super::lead::Leading;
use super::read::read;
use super::timetable::{LOOK, Timetable};
use super::write::refused;
use super::{Agenda, Schedule, What, id_of};
use crate::core::Core;
use crate::requests::{Requests, WeakRequests};
use crate::{EditMode, Refusal, Scope};

/// Waits for the time of every schedule.
pub(crate) struct Scheduler {
    core: Arc<Core>,
    requests: WeakRequests,
    timetable: Timetable,
    leading: Leading,
    clock: LogClock,
}

/// What became of a schedule that was due.
enum Ran {
    /// It was done, or somebody else did it or took it back.
    Done,
    /// The log or the engine could not be asked now: it is due as before.
    Later(String),
    /// It does not hold, and would not the next time.
    Refused(Open<Outcome>, Problems),
}

impl From<StoreError> for Ran {
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

    /// Runs until the engine stops, or nobody has it any more.
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

    /// Does what is due now, and answers how long to wait; for ever when nothing is scheduled. An error when nobody has
    /// the engine any more.
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
            self.leading.let_go();
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

    /// Keeps what became of a schedule, where others can see it.
    async fn note(&mut self, requests: &Requests, name: &DocumentName, ran: Result<Ran, Ran>) {
        let (Ok(ran) | Err(ran)) = ran;
        match ran {
            Ran::Done => {}
            Ran::Later(why) => tracing::warn!(schedule = %name, why, "is due and has to wait"),
            Ran::Refused(outcome, problems) => {
                tracing::warn!(schedule = %name, %outcome, %problems, "was refused at its time");
                match self.refuse(requests, name, outcome, &problems).await {
                    Ok(Ran::Refused(_, problems)) | Err(Ran::Refused(_, problems)) => {
                        // Nobody can say so in the log, and trying for ever would help nobody either.
                        tracing::error!(schedule = %name, %problems, "cannot be marked as refused");
                        self.timetable.give_up(name);
                    }
                    Ok(Ran::Later(why)) | Err(Ran::Later(why)) => {
                        tracing::warn!(schedule = %name, why, "cannot be marked as refused now");
                    }
                    Ok(Ran::Done) | Err(Ran::Done) => {}
                }
            }
        }
    }

    /// What the log says of a schedule now: what is served may be behind it.
    async fn newest(&self, id: &DocumentId) -> Result<Option<(DocumentVersion, Schedule)>, StoreError> {
        let newest = self.core.store.versions(id, None, 1, None).await?.items.pop();
        Ok(newest.and_then(|version| {
            let body = version.document.parse().ok()?.body?;
            let schedule = read(&body).ok()?;
            Some((version, schedule))
        }))
    }

    async fn run_one(&mut self, requests: &Requests, name: &DocumentName) -> Result<Ran, Ran> {
        let id = id_of(name.clone());
        let Some((version, schedule)) = self.newest(&id).await? else { return Ok(Ran::Done) };
        let now = self.now();
        let is_due = schedule.when.next_at(now, self.timetable.last(name)).is_some_and(|at| at <= now);
        if schedule.refused.is_some() || !is_due {
            return Ok(Ran::Done);
        }
        let stays = matches!(schedule.what, What::Reload { repeat: true });
        if let Some(owner) = version.document.owner.as_ref().filter(|_| !stays) {
            let message = format!(
                "a schedule is deleted when it was run, and {owner} would put this one back to be run again; \
                 put it through the API"
            );
            return Ok(Ran::Refused(
                Outcome::Rejected.into(),
                Problem::new("owned", Pointer::root(), message).into(),
            ));
        }
        match schedule.what {
            What::Edit { changes, take_over } => edit(requests, &id, &version, changes, take_over).await,
            What::Reload { repeat } => {
                reload(requests, &version.author, repeat).await?;
                if repeat {
                    self.timetable.was_run(name, now);
                    return Ok(Ran::Done);
                }
                // Only now: a crash in between makes it reload again, which changes nothing, rather than never.
                edit(requests, &id, &version, Vec::new(), false).await
            }
        }
    }

    /// Writes into the schedule why it was refused, unless it was put anew meanwhile.
    async fn refuse(
        &self,
        requests: &Requests,
        name: &DocumentName,
        outcome: Open<Outcome>,
        problems: &Problems,
    ) -> Result<Ran, Ran> {
        let id = id_of(name.clone());
        let Some((version, mut schedule)) = self.newest(&id).await? else { return Ok(Ran::Done) };
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
) -> Result<Ran, Ran> {
    changes.push(Change::delete(id.clone()).when(Precondition::Version(version.document.version)));
    apply(requests, id, Edit { take_over, ..edit_of(version, changes) }).await
}

/// An edit in the name of whoever scheduled it.
fn edit_of(version: &DocumentVersion, changes: Vec<Change>) -> Edit {
    Edit {
        reason: midflight_core::cut_reason(version.reason.clone()),
        principal: version.principal.clone(),
        ..Edit::new(version.author.as_str(), Trigger::Schedule, changes)
    }
}

async fn apply(requests: &Requests, id: &DocumentId, edit: Edit) -> Result<Ran, Ran> {
    let Err(refused) = requests.edit(edit, EditMode::default()).await else { return Ok(Ran::Done) };
    let outcome = refused.event.as_ref().map_or(Outcome::Rejected.into(), |event| event.outcome);
    Err(match refused.refusal {
        // Another replica was faster, or somebody has put or cancelled it in the last moment.
        Refusal::Precondition(failed) if failed.id == *id => Ran::Done,
        // If it is in the log after all, the schedule is gone the next time.
        later @ (Refusal::Busy { .. }
        | Refusal::Contended { .. }
        | Refusal::Stopping
        | Refusal::Unknown { .. }
        | Refusal::Store(_)) => Ran::Later(later.to_string()),
        Refusal::Invalid(problems) | Refusal::Rejected(problems) | Refusal::RolledBack(problems) => {
            Ran::Refused(outcome, problems)
        }
        other => Ran::Refused(outcome, Problem::new("refused", Pointer::root(), other.to_string()).into()),
    })
}

async fn reload(requests: &Requests, author: &str, repeat: bool) -> Result<(), Ran> {
    let event = requests.reload(Trigger::Schedule, author, Scope::Everything).await;
    let event = event.map_err(|refusal| Ran::Later(refusal.to_string()))?;
    match event.outcome {
        outcome if outcome.is_live() => Ok(()),
        Open::Known(Outcome::LoadFailed | Outcome::Cancelled) => Err(Ran::Later(event.problems.to_string())),
        // What failed tonight is in the reload events, and may go through tomorrow.
        _ if repeat => Ok(()),
        outcome => Err(Ran::Refused(outcome, event.problems.clone())),
    }
}
