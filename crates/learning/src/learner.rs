//! The learner: makes patterns of what was learned, many in one revision when they come together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use midflight_core::{Change, Edit, Precondition, RevisionNumber, Trigger};
use midflight_engine::{Engine, Refusal};
use midflight_live::Live;
use midflight_patterns::{LearningPolicy, NotLearned, PatternStatus, PatternsSnapshot};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::eviction::Evictor;
use crate::learned_pattern::PatternDraft;

/// Who changes patterns when they are learned.
pub(crate) const AUTHOR: &str = "learning";
/// How many patterns are made by one revision at most.
const BATCH_MAX: usize = 100;
/// How often a single pattern is tried: another one is deleted for it when the first may not be.
const TRIES_MAX: usize = 3;

/// The result for something that could be learned.
#[derive(Debug, Clone, PartialEq)]
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
    /// There is such a pattern already: another replica was faster, or a person disabled it.
    Known,
    /// The policy does not let it.
    Left(NotLearned),
    /// It could not be made.
    Refused(Arc<str>),
}

/// A pattern that is to be made, and who waits for it.
pub(crate) struct LearnJob {
    pub(crate) profile: Arc<str>,
    pub(crate) draft: PatternDraft,
    /// The model of the answer.
    pub(crate) model: Arc<str>,
    pub(crate) done: oneshot::Sender<Learned>,
}

/// Makes patterns of jobs.
pub(crate) struct Learner {
    engine: Engine,
    patterns: Live<PatternsSnapshot>,
    evictor: Evictor,
    /// The shortest time between the beginnings of two revisions.
    pause: Duration,
}

impl Learner {
    pub(crate) fn new(engine: Engine, patterns: Live<PatternsSnapshot>, pause: Duration) -> Self {
        let evictor = Evictor::new(engine.clone(), patterns.clone());
        Self { engine, patterns, evictor, pause }
    }

    /// Makes patterns until it is stopped, and then those that wait. The first after a pause is made at once; those
    /// that come within one, or while one is written, are made together.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<LearnJob>, stop: CancellationToken) {
        let mut next_at = Instant::now();
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
            tokio::select! {
                () = tokio::time::sleep_until(next_at) => {}
                () = stop.cancelled() => {}
            }
            next_at = Instant::now() + self.pause;
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = jobs.try_recv()
            {
                batch.push(next);
            }
            self.make(batch).await;
        }
    }

    async fn make(&mut self, batch: Vec<LearnJob>) {
        let is_one = batch.len() == 1;
        let made = self.together(&batch).await;
        if !is_one
            && matches!(made, Err(Refusal::Invalid(_) | Refusal::Precondition(_) | Refusal::Owned { .. }))
        {
            // One of them conflicts with the others.
            for job in batch {
                let made = self.alone(&job).await;
                tell(job, &made);
            }
            return;
        }
        match made {
            Ok(made) => batch.into_iter().zip(made).for_each(|(job, made)| tell(job, &made)),
            Err(refusal) => {
                let made = unmade(&refusal);
                batch.into_iter().for_each(|job| tell(job, &made));
            }
        }
    }

    /// One by itself: again when what was to be deleted for it has changed meanwhile.
    async fn alone(&mut self, job: &LearnJob) -> Learned {
        let mut tries = 1;
        loop {
            match self.together(std::slice::from_ref(job)).await {
                Ok(mut made) => return made.pop().unwrap_or(Learned::Known),
                Err(Refusal::Precondition(_)) if tries < TRIES_MAX && !self.is_known(job).await => tries += 1,
                Err(refusal) if tries < TRIES_MAX && breaks_a_check(&refusal) => tries += 1,
                Err(refusal) => return unmade(&refusal),
            }
        }
    }

    /// Whether there is such a pattern in the log; also when the log is unavailable.
    async fn is_known(&self, job: &LearnJob) -> bool {
        let head = self.engine.store().document_head(&job.draft.id).await;
        head.map_or(true, |head| head.is_some_and(|head| !head.deleted))
    }

    /// Makes all in one revision, and in it deletes what must go for them. The result of each, in their order.
    async fn together(&mut self, batch: &[LearnJob]) -> Result<Vec<Learned>, Refusal> {
        let (left, deletions) = self.admit(batch).await?;
        let is_made = |job: &LearnJob| !left.contains_key(&job.draft.id.name);
        let puts = batch.iter().filter(|job| is_made(job)).map(|job| {
            let PatternDraft { id, body, .. } = &job.draft;
            Change::put(id.clone(), body.clone()).when(Precondition::Absent)
        });
        let puts: Vec<_> = puts.collect();
        let mut revision = self.engine.served();
        if let (false, Some(first)) = (puts.is_empty() && deletions.is_empty(), batch.first()) {
            revision = self.apply(puts, deletions, &first.model).await?;
        }
        let made = batch.iter().map(|job| match left.get(&job.draft.id.name) {
            Some(why) => Learned::Left(why.clone()),
            None => {
                Learned::Made { id: job.draft.id.name.as_str().into(), status: job.draft.status, revision }
            }
        });
        Ok(made.collect())
    }

    /// Which of them there is no place for, and what must be deleted for the others.
    async fn admit(&mut self, batch: &[LearnJob]) -> Result<(EvictionRefusal, Vec<Change>), Refusal> {
        let mut profiles: BTreeMap<&Arc<str>, Vec<&LearnJob>> = BTreeMap::new();
        for job in batch {
            profiles.entry(&job.profile).or_default().push(job);
        }
        let (mut left, mut deletions) = (EvictionRefusal::new(), Vec::new());
        for (profile, jobs) in profiles {
            let learned_max = self.patterns.load().learning(profile).map(|policy| policy.learned_max);
            let learned_max = learned_max.unwrap_or(LearningPolicy::default().learned_max);
            let places = self.evictor.places(profile, jobs.len(), learned_max).await?;
            for job in &jobs[places.count..] {
                left.insert(job.draft.id.name.clone(), NotLearned::Full { learned_max });
            }
            // Also when there is no place for a new one: a policy may have been lowered.
            deletions.extend(places.deletions);
        }
        Ok((left, deletions))
    }

    async fn apply(
        &mut self,
        mut changes: Vec<Change>,
        deletions: Vec<Change>,
        model: &str,
    ) -> Result<RevisionNumber, Refusal> {
        let evicted = match deletions.len() {
            0 => String::new(),
            count => format!("; {count} least used deleted"),
        };
        changes.extend(deletions.iter().cloned());
        let edit = Edit {
            reason: midflight_core::cut_reason(format!("learned from {model}{evicted}")),
            ..Edit::new(AUTHOR, Trigger::Learned, changes)
        };
        match self.engine.apply(edit).await {
            Ok(accepted) => Ok(accepted.revision.map_or(self.engine.served(), |revision| revision.number)),
            Err(refused) => {
                // A check may need what was to be deleted: other patterns go the next time.
                if breaks_a_check(&refused.refusal) {
                    self.evictor.keep(&deletions);
                }
                Err(refused.refusal)
            }
        }
    }
}

/// What there is no place for, and why.
type EvictionRefusal = BTreeMap<midflight_core::DocumentName, NotLearned>;

/// Whether a check is what refused it.
fn breaks_a_check(refusal: &Refusal) -> bool {
    let problems = match refusal {
        Refusal::Invalid(problems) | Refusal::Rejected(problems) => problems,
        _ => return false,
    };
    problems.iter().any(|problem| problem.code == "check_failed")
}

fn unmade(refusal: &Refusal) -> Learned {
    match refusal {
        Refusal::Precondition(_) => Learned::Known,
        refusal => Learned::Refused(refusal.to_string().into()),
    }
}

fn tell(job: LearnJob, learned: &Learned) {
    if let Learned::Refused(refusal) = learned {
        let id = &job.draft.id.name;
        tracing::warn!(%id, %refusal, "pattern not learned; retrying on the next similar query");
    }
    // The caller may have left.
    drop(job.done.send(learned.clone()));
}
