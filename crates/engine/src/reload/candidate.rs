//! From what was read to a candidate world: valid, planned, compiled and checked; of an edit perhaps without the
//! documents that are invalid.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use midflight_core::{
    Change, Diff, DocumentId, Edit, JsonPointer, KindName, LogHead, Phase, Plan, Problem, Problems,
    RevisionNumber, StatusEvent,
};
use midflight_live::World;

use super::read::{EditScope, ReadResult};
use super::{Reload, ReloadTrace, StageResult, StopReason, StoppedStage};
use crate::candidate::{CandidateBuilder, LoadedDocument, ValidDocument};
use crate::last_good_writer::StoredBody;
use crate::load::{BaseDocuments, DocumentOrigins, DocumentSource, LoadedDocuments};
use crate::outcome::InvalidPolicy;
use crate::planner::{Planning, TargetDocument, plan};
use crate::quarantine::Quarantine;
use crate::served_index::ServedIndex;
use crate::status::CoordinatorState;

/// How often an edit is tried with fewer documents. 50: each time it has at least one less, and up to
/// [`Problems::LISTED_MAX`].
const LEAVE_OUT_ROUNDS_MAX: usize = 50;
/// How often the rest of a refused edit is searched for more problems. 3: one round finds what invalid documents hid,
/// few need another, and other edits wait meanwhile.
const MORE_ROUNDS_MAX: usize = 3;

/// What a candidate is to be made of.
struct CandidateDraft {
    /// What it replaces.
    served: Arc<World>,
    to: RevisionNumber,
    wanted: Vec<LoadedDocument>,
    base: BaseDocuments,
    source: DocumentSource,
    origins: DocumentOrigins,
    /// The world that was made of it before.
    made: Option<Arc<World>>,
    /// For an edit, what of it changes something, and what it changes in the log.
    edit: Option<(Edit, Diff)>,
}

/// What may go live.
pub(super) struct Candidate {
    /// What it replaces.
    pub(super) served: Arc<World>,
    pub(super) plan: Plan,
    pub(super) world: Arc<World>,
    /// How far in the log it is.
    pub(super) position: RevisionNumber,
    /// What the log is to take first.
    pub(super) edit: Option<Edit>,
    /// The newest revision that was in the log when it was read.
    pub(super) head: Option<LogHead>,
    /// What is left out of it.
    pub(super) quarantine: Quarantine,
    /// The body of every compiled document, for this replica's own copy.
    pub(super) stored: Vec<StoredBody>,
    /// What the checks of the local copy found, which is served all the same.
    pub(super) failed_checks: Problems,
}

/// What an attempt made of a draft.
struct BuiltCandidate {
    plan: Plan,
    world: Arc<World>,
    quarantine: Quarantine,
    stored: Vec<StoredBody>,
    failed_checks: Problems,
}

/// What a plan has to bring in beside documents.
#[derive(Clone, Copy)]
struct ExtraWork<'a> {
    behind: &'a BTreeSet<String>,
    stale: &'a [KindName],
}

impl CandidateDraft {
    /// What is wanted, to be compiled. An edit may be compiled again without some of it; anything else is not.
    fn take_wanted(&mut self) -> Vec<LoadedDocument> {
        if self.edit.is_some() { self.wanted.clone() } else { std::mem::take(&mut self.wanted) }
    }

    /// Takes out the documents of the edit that problems name. Answers which.
    fn leave_out(&mut self, problems: &Problems) -> BTreeSet<DocumentId> {
        let Some((edit, diff)) = &mut self.edit else { return BTreeSet::new() };
        let named: BTreeSet<_> = problems.iter().filter_map(|problem| problem.document.as_ref()).collect();
        let ids = edit.changes.iter().map(|change| &change.id);
        let left_out: BTreeSet<_> = ids.filter(|id| named.contains(id)).cloned().collect();
        if left_out.is_empty() {
            return left_out;
        }
        edit.changes.retain(|change| !left_out.contains(&change.id));
        diff.retain(|id| !left_out.contains(id));
        self.wanted.retain(|wanted| !left_out.contains(&wanted.id));
        self.origins = self.wanted.iter().map(|one| (one.id.clone(), one.revision)).collect();
        left_out
    }

    /// Whether it is an edit of which nothing is left.
    fn is_empty_edit(&self) -> bool {
        self.edit.as_ref().is_some_and(|(edit, _)| edit.changes.is_empty())
    }

    /// What is in quarantine once it is served: without what it brings in, by the revision itself or by a later one.
    /// Over nothing it leaves nothing out, unless that was decided before.
    fn quarantine_after(&self, state: &CoordinatorState) -> Quarantine {
        let origins = || self.origins.iter().map(|(id, revision)| (id, *revision));
        match (self.source, self.base) {
            (DocumentSource::Copy | DocumentSource::Rehearsal, _) => state.quarantine.clone(),
            (DocumentSource::Log, BaseDocuments::Empty) => Quarantine::default(),
            (DocumentSource::Log, BaseDocuments::Served) => state.quarantine.replaced_by(origins()),
        }
    }
}

impl Reload<'_> {
    /// Makes a candidate of what was read. What is left out of an edit is in the trace then.
    pub(super) async fn make_candidate(
        &mut self,
        state: &CoordinatorState,
        read: StageResult<ReadResult>,
    ) -> Result<StageResult<Candidate>, StoppedStage> {
        let StageResult { value: ReadResult { loaded, stale, asked }, mut trace } = read;
        let LoadedDocuments { to, position, head, wanted, base, source, origins, made, edit, .. } = loaded;
        let mut draft =
            CandidateDraft { served: self.served(), to, wanted, base, source, origins, made, edit };
        let prepared =
            self.tried.iter().flat_map(|tried| &tried.times).map(|time| time.name.clone()).collect();
        let behind = if self.tries_behind() { &state.behind } else { &prepared };
        let extra_work = ExtraWork { behind, stale: &stale };
        let made = self.make_of(state, &mut draft, &asked, extra_work, &mut trace).await;
        let candidate = made.map(|made| {
            let BuiltCandidate { plan, world, quarantine, stored, failed_checks } = made;
            let (served, edit) = (draft.served, draft.edit.map(|(edit, _)| edit));
            Candidate { served, plan, world, position, edit, head, quarantine, stored, failed_checks }
        });
        trace.end(candidate)
    }

    /// Makes the candidate of a draft, of an edit perhaps of a part of it.
    async fn make_of(
        &mut self,
        state: &CoordinatorState,
        draft: &mut CandidateDraft,
        asked: &EditScope,
        extra_work: ExtraWork<'_>,
        trace: &mut ReloadTrace,
    ) -> Result<BuiltCandidate, StopReason> {
        let maker = self.maker();
        let (mut found, mut documents) = (Vec::new(), 0);
        for _ in 0..LEAVE_OUT_ROUNDS_MAX {
            let problems = match self.attempt(state, &maker, draft, extra_work, trace).await {
                Ok(made) => {
                    if !found.is_empty() {
                        self.note_left_out(&found, draft, trace);
                    }
                    return Ok(made);
                }
                Err(problems) => problems,
            };
            // A panic, a deadline and a stop name the document that they interrupted, too.
            let is_over = self.stop.is_cancelled() || Instant::now() >= maker.allowance.deadline;
            if is_over || draft.edit.is_none() {
                return Err(all(found, problems).into());
            }
            if asked.invalid == InvalidPolicy::Refuse {
                return Err(self.with_more(&maker, draft, problems, extra_work).await.into());
            }
            let left_out = draft.leave_out(&problems);
            documents += left_out.len();
            if left_out.is_empty() || documents == asked.count {
                return Err(all(found, problems).into());
            }
            let is_of_it =
                |problem: &&Problem| problem.document.as_ref().is_some_and(|id| left_out.contains(id));
            found.extend(problems.iter().filter(is_of_it).cloned());
            if draft.is_empty_edit() {
                // What is left of it is in the log already.
                self.note_left_out(&found, draft, trace);
                trace.plan = None;
                while self.machine.phase().is_some_and(|phase| phase < Phase::Prepare) {
                    self.machine.step(StatusEvent::Finished);
                }
                return Err(StopReason::NothingToDo);
            }
        }
        let message = format!(
            "documents were invalid in {LEAVE_OUT_ROUNDS_MAX} rounds (leave_out_rounds_max); fix the named \
             ones first"
        );
        found.insert(0, Problem::new("too_many", JsonPointer::root(), message));
        Err(all(found, Problems::default()).into())
    }

    /// Keeps what is left out of an edit, and what is left of it.
    fn note_left_out(&self, found: &[Problem], draft: &CandidateDraft, trace: &mut ReloadTrace) {
        trace.left_out = found.iter().map(|problem| self.core.redacted_one(problem)).collect();
        trace.diff = draft.edit.as_ref().map(|(_, diff)| diff.clone());
        trace.origins.clone_from(&draft.origins);
    }

    /// Makes the candidate of a draft as it is.
    async fn attempt(
        &mut self,
        state: &CoordinatorState,
        maker: &CandidateBuilder<'_>,
        draft: &mut CandidateDraft,
        extra_work: ExtraWork<'_>,
        trace: &mut ReloadTrace,
    ) -> Result<BuiltCandidate, Problems> {
        let core = self.core;
        self.reach(Phase::Validate)?;
        self.check_kinds(draft)?;
        let made = draft.made.take();
        let wanted = draft.take_wanted();
        let (targets, valid) = match &made {
            Some(made) => (targets_of(made, wanted, core.served_index), Vec::new()),
            None => {
                maker.check_taken(&wanted)?;
                with_targets(match self.valid.take().and_then(|valid| valid.of(&wanted)) {
                    Some(valid) => valid,
                    None => maker.validate(wanted).await?,
                })
            }
        };

        self.reach(Phase::Diff)?;
        let plan = self.plan(draft, &targets, extra_work);
        let mut stored = Vec::new();
        if core.copy_writer.is_some() || self.rehearsal.is_some() {
            let compiled = targets.iter().filter(|target| is_compiled(&plan, draft.base, target));
            stored = compiled.map(TargetDocument::stored).collect();
        }
        trace.plan = Some(plan.clone());

        self.reach(Phase::Compile)?;
        let quarantine = draft.quarantine_after(state);
        let (served, left_out) = (Arc::clone(&draft.served), quarantine.up_to(draft.to));
        let world = match made {
            Some(made) => {
                let mut same = made.to_builder();
                same.at(draft.to, left_out);
                same.build()
            }
            None => {
                let valid = compiled_of(&plan, draft.base, valid);
                maker.compile(served, valid, &plan, draft.base, left_out, core.served_index).await?
            }
        };
        let world = Arc::new(world);

        self.reach(Phase::Check)?;
        let mut failed_checks = Problems::default();
        if core.enforce_checks {
            match maker.check(Arc::clone(&world), &plan, core.served_index).await {
                // What was verified before is better than nothing at all; what fails now is reported.
                Err(problems) if draft.source == DocumentSource::Copy && !self.stop.is_cancelled() => {
                    failed_checks = problems;
                }
                checked => checked?,
            }
        }
        Ok(BuiltCandidate { plan, world, quarantine, stored, failed_checks })
    }

    /// Begins `phase`, unless an earlier attempt has.
    fn reach(&mut self, phase: Phase) -> Result<(), Problems> {
        if self.machine.phase().is_some_and(|running| running < phase) {
            return self.next_phase(phase);
        }
        if self.stop.is_cancelled() { Err(crate::Interrupted::Cancelled.into()) } else { Ok(()) }
    }

    /// The problems of a refused edit with those that they hide: of the documents that were not looked at since others
    /// are invalid. Without those that may only be there since another document was refused.
    async fn with_more(
        &self,
        maker: &CandidateBuilder<'_>,
        draft: &mut CandidateDraft,
        mut problems: Problems,
        extra_work: ExtraWork<'_>,
    ) -> Problems {
        let mut left_out = draft.leave_out(&problems);
        let mut is_partial = !left_out.is_empty();
        for _ in 0..MORE_ROUNDS_MAX {
            if !is_partial || problems.unlisted() > 0 || draft.is_empty_edit() {
                break;
            }
            let Err(more) = self.compiled(maker, draft, extra_work).await else { break };
            let is_over = self.stop.is_cancelled() || Instant::now() >= maker.allowance.deadline;
            if is_over {
                break;
            }
            let deletes = |id: &DocumentId| {
                let changes = draft.edit.iter().flat_map(|(edit, _)| &edit.changes);
                changes.filter(|change| change.body.is_none()).any(|change| change.id == *id)
            };
            let own: Problems = more
                .iter()
                .filter(|problem| problem.because_of.as_deref().is_none_or(|id| !left_out.contains(id)))
                // A user of it may be an invalid document that was going to drop it.
                .filter(|problem| problem.document.as_ref().is_some_and(|id| !deletes(id)))
                .cloned()
                .collect();
            problems.append(own);
            let also = draft.leave_out(&more);
            is_partial = !also.is_empty();
            left_out.extend(also);
        }
        problems
    }

    /// Whether the draft is valid and compiles. Its checks are not asked: what they miss may be what was left out.
    async fn compiled(
        &self,
        maker: &CandidateBuilder<'_>,
        draft: &CandidateDraft,
        extra_work: ExtraWork<'_>,
    ) -> Result<(), Problems> {
        let served = Arc::clone(&draft.served);
        maker.check_taken(&draft.wanted)?;
        let (targets, valid) = with_targets(maker.validate(draft.wanted.clone()).await?);
        let plan = self.plan(draft, &targets, extra_work);
        let valid = compiled_of(&plan, draft.base, valid);
        let quarantined = Arc::from(served.quarantined());
        let made =
            maker.compile(served, valid, &plan, draft.base, quarantined, self.core.served_index).await?;
        self.core.release(Arc::new(made));
        Ok(())
    }

    /// Refuses the documents of an edit that are of no kind of this engine.
    fn check_kinds(&self, draft: &CandidateDraft) -> Result<(), Problems> {
        let registry = &self.core.registry;
        let changes = draft.edit.iter().flat_map(|(edit, _)| &edit.changes);
        let unknown = changes.filter(|change| registry.get(&change.id.kind).is_none());
        let problem = |change: &Change| {
            let known = registry.names().join(", ");
            let message = format!("unknown kind {:?}; expected one of: {known}", change.id.kind.as_str());
            Problem::new("unknown_kind", JsonPointer::root(), message).in_document(&change.id)
        };
        unknown.map(problem).collect::<Problems>().or(())
    }

    fn plan(&self, draft: &CandidateDraft, targets: &[TargetDocument], extra_work: ExtraWork<'_>) -> Plan {
        let served = &draft.served;
        let nothing = ServedIndex::default();
        plan(Planning {
            from: served.revision(),
            to: draft.to,
            served: served.get::<ServedIndex>(self.core.served_index).unwrap_or(&nothing),
            targets,
            base: draft.base,
            diff: draft.edit.as_ref().map(|(_, diff)| diff.clone()),
            parts: &self.core.component_parts,
            behind: extra_work.behind,
            stale: extra_work.stale,
        })
    }
}

/// The targets of valid documents, and those.
fn with_targets(valid: Vec<ValidDocument>) -> (Vec<TargetDocument>, Vec<ValidDocument>) {
    (valid.iter().map(|valid| valid.target.clone()).collect(), valid)
}

/// The targets of documents of which a world was made.
fn targets_of(
    made: &World,
    wanted: Vec<LoadedDocument>,
    served_index: midflight_live::SnapshotSlot,
) -> Vec<TargetDocument> {
    let served_index = made.get::<ServedIndex>(served_index);
    let digest =
        |id: &DocumentId| served_index.and_then(|served_index| served_index.documents.get(id).copied());
    // Of a kind that this engine does not have there is none in it.
    let target = |LoadedDocument { id, body, .. }: LoadedDocument| match body {
        Some(body) => digest(&id).map(|digest| TargetDocument { id, body: Some((body, digest)) }),
        None => Some(TargetDocument { id, body: None }),
    };
    wanted.into_iter().filter_map(target).collect()
}

/// Whether a plan compiles a document. What is the same as what is served need not be.
fn is_compiled(plan: &Plan, base: BaseDocuments, target: &TargetDocument) -> bool {
    match base {
        BaseDocuments::Empty => target.body.is_some(),
        BaseDocuments::Served => plan.changes.binary_search_by(|change| change.id.cmp(&target.id)).is_ok(),
    }
}

/// What of the valid documents a plan compiles.
fn compiled_of(plan: &Plan, base: BaseDocuments, mut valid: Vec<ValidDocument>) -> Vec<ValidDocument> {
    valid.retain(|valid| is_compiled(plan, base, &valid.target));
    valid
}

/// The problems of what was left out, and then those at which it ended.
pub(super) fn all(found: Vec<Problem>, last: Problems) -> Problems {
    let mut problems: Problems = found.into_iter().collect();
    problems.append(last);
    problems
}
