//! The learner: makes patterns of what was learned, many in one revision when they come together.

use std::sync::Arc;

use midflight_core::{Change, Edit, Precondition, RevisionNumber, Trigger};
use midflight_engine::{Engine, Refusal};
use midflight_patterns::PatternStatus;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::lesson::Draft;

/// Who changes patterns when they are learned.
pub(crate) const AUTHOR: &str = "learning";
/// How many patterns are made by one revision at most.
const BATCH_MAX: usize = 100;

/// What became of something that could be learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learned {
    /// A pattern was made.
    Made {
        /// The pattern.
        id: Arc<str>,
        /// Whether it answers at once.
        status: PatternStatus,
        /// The revision that made it.
        revision: RevisionNumber,
    },
    /// There is such a pattern already: another replica was faster, or somebody disabled it.
    Known,
    /// It could not be made.
    Refused(Arc<str>),
}

/// A pattern that is to be made, and who waits to hear that it was.
pub(crate) struct Job {
    pub(crate) draft: Draft,
    /// The model that said so.
    pub(crate) model: Arc<str>,
    pub(crate) done: oneshot::Sender<Learned>,
}

/// Makes patterns until it is told to stop, and then those that wait.
pub(crate) async fn run(engine: Engine, mut jobs: mpsc::Receiver<Job>, stop: CancellationToken) {
    loop {
        let first = tokio::select! {
            biased;
            job = jobs.recv() => job,
            () = stop.cancelled() => {
                jobs.close();
                jobs.recv().await
            }
        };
        let Some(first) = first else { return };
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        make(&engine, batch).await;
    }
}

async fn make(engine: &Engine, batch: Vec<Job>) {
    let drafts: Vec<_> = batch.iter().map(|job| &job.draft).collect();
    let made = apply(engine, &drafts, &batch[0].model).await;
    if batch.len() > 1
        && matches!(made, Err(Refusal::Invalid(_) | Refusal::Precondition(_) | Refusal::Owned { .. }))
    {
        // One of them is in the way of the others.
        for job in batch {
            let made = apply(engine, &[&job.draft], &job.model).await;
            tell(job, made.as_ref());
        }
        return;
    }
    for job in batch {
        tell(job, made.as_ref());
    }
}

async fn apply(engine: &Engine, drafts: &[&Draft], model: &str) -> Result<RevisionNumber, Refusal> {
    let put = |draft: &&Draft| Change::put(draft.id.clone(), draft.body.clone()).when(Precondition::Absent);
    let edit = Edit {
        author: AUTHOR.to_owned(),
        reason: format!("learned from {model}"),
        trigger: Trigger::Learned,
        owner: None,
        take_over: false,
        computed_at: None,
        changes: drafts.iter().map(put).collect(),
    };
    let accepted = engine.apply(edit).await.map_err(|refused| refused.refusal)?;
    Ok(accepted.revision.map_or(engine.served(), |revision| revision.number))
}

fn tell(job: Job, made: Result<&RevisionNumber, &Refusal>) {
    let id: Arc<str> = job.draft.id.name.as_str().into();
    let learned = match made {
        Ok(revision) => Learned::Made { id, status: job.draft.status, revision: *revision },
        Err(Refusal::Precondition(_)) => Learned::Known,
        Err(refusal) => {
            tracing::warn!(%id, %refusal, "a pattern could not be learned; the next query like it is a new chance");
            Learned::Refused(refusal.to_string().into())
        }
    };
    // Whoever asked may be gone.
    drop(job.done.send(learned));
}
