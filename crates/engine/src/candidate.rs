//! From wanted documents to a candidate world: everything about a reload that is pure, done on a worker thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use midflight_core::{
    Digest, DocumentId, JsonPointer, KindName, Plan, PlanStep, Problem, Problems, RevisionNumber,
    canonical_json, check_body, in_parts,
};
use midflight_live::World;
use serde_json::Value;

use crate::Limits;
use crate::check::{Check, ask_all};
use crate::load::BaseDocuments;
use crate::planner::TargetDocument;
use crate::registry::{ErasedDocument, ErasedSnapshot, RegisteredKind, Registry};
use crate::served_index::ServedIndex;
use crate::work::Work;
use crate::workers::{Allowance, Workers};

/// How many documents are worth a thread of their own to look at.
const PART_MIN: usize = 4096;

/// A document as the log or an edit has it.
#[derive(Debug, Clone)]
pub(crate) struct LoadedDocument {
    pub(crate) id: DocumentId,
    /// The revision that wants it.
    pub(crate) revision: RevisionNumber,
    /// None when it is to be deleted.
    pub(crate) body: Option<Arc<Value>>,
}

/// A wanted document that is valid by itself.
pub(crate) struct ValidDocument {
    pub(crate) target: TargetDocument,
    parsed: ParsedDocument,
}

enum ParsedDocument {
    Document(ErasedDocument),
    Check(Arc<Check>),
    Gone,
}

/// Makes candidates. All methods run kind code on a worker, under one allowance.
pub(crate) struct CandidateBuilder<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) workers: &'a Workers,
    pub(crate) limits: &'a Limits,
    pub(crate) allowance: Allowance,
}

impl CandidateBuilder<'_> {
    /// Refuses documents of a kind that gets no more work, without naming them: they are not what is wrong.
    pub(crate) fn check_taken(&self, wanted: &[LoadedDocument]) -> Result<(), Problems> {
        let kinds: BTreeSet<&KindName> = wanted.iter().map(|wanted| &wanted.id.kind).collect();
        kinds.into_iter().filter_map(|kind| self.workers.refusal(kind)).collect::<Problems>().or(())
    }

    /// Looks at each document by itself. Documents of kinds that this engine does not have are passed over: another
    /// replica serves them.
    pub(crate) async fn validate(&self, wanted: Vec<LoadedDocument>) -> Result<Vec<ValidDocument>, Problems> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parts = in_parts(wanted, processors, PART_MIN).into_iter();
        let parts = join_all(parts.map(|part| self.validate_part(part))).await;
        let (mut valid, mut problems) = (Vec::new(), Problems::default());
        for part in parts {
            match part {
                Ok(part) => valid.extend(part),
                Err(found) => problems.append(found),
            }
        }
        problems.or(valid)
    }

    async fn validate_part(&self, wanted: Vec<LoadedDocument>) -> Result<Vec<ValidDocument>, Problems> {
        let registry = self.registry.clone();
        let body_bytes_max = self.limits.body_bytes_max;
        let current = Arc::new(Mutex::new(None));
        let at_work = Arc::clone(&current);
        let job = move |work: &Work| {
            let mut problems = Problems::default();
            let mut valid = Vec::with_capacity(wanted.len());
            for wanted in wanted {
                work.check()?;
                let Some(registered) = registry.get(&wanted.id.kind) else {
                    continue;
                };
                let id = wanted.id.clone();
                work.enter(&id.kind);
                *at_work.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
                match validate_one(registered, wanted, body_bytes_max, work) {
                    Ok(document) => valid.push(document),
                    Err(found) => problems.append(found.in_document(&id)),
                }
            }
            problems.or(valid)
        };
        let done = self.workers.run(&self.allowance, job).await;
        // A panic does not know which document it is about; the last one begun is.
        done.map_err(|problems| match current.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(id) => problems.in_document(&id),
            None => problems,
        })
    }

    /// Compiles the next snapshots and puts them, with what the engine keeps, into the next world.
    pub(crate) async fn compile(
        &self,
        served: Arc<World>,
        valid: Vec<ValidDocument>,
        plan: &Plan,
        base: BaseDocuments,
        quarantined: Arc<[RevisionNumber]>,
        served_index_slot: midflight_live::SnapshotSlot,
    ) -> Result<World, Problems> {
        let registry = self.registry.clone();
        let to = plan.to;
        let kinds = compiled_kinds(plan);
        let job = move |work: &Work| {
            let mut next = served.to_builder();
            let mut served_index = match served.get::<ServedIndex>(served_index_slot) {
                Some(served_index) if base == BaseDocuments::Served => served_index.clone(),
                Some(served_index) => served_index.without_documents(),
                None => ServedIndex::default(),
            };
            let mut by_kind: BTreeMap<KindName, Vec<_>> = BTreeMap::new();
            for ValidDocument { target, parsed } in valid {
                let document = keep(&mut served_index, &target, parsed);
                if !target.id.name.is_check() {
                    by_kind.entry(target.id.kind).or_default().push((target.id.name, document));
                }
            }
            let mut problems = Problems::default();
            for kind in kinds {
                let Some(registered) = registry.get(&kind) else {
                    continue;
                };
                work.enter(&kind);
                let mut changes = by_kind.remove(&kind).unwrap_or_default();
                changes.sort_by(|(a, _), (b, _)| a.cmp(b));
                match compile_one(registered, &served, changes, base, work) {
                    Ok(snapshot) => {
                        let inputs = registered.kind.inputs(&*snapshot);
                        Arc::make_mut(&mut served_index.inputs).insert(kind, inputs);
                        next.set(registered.slot, snapshot);
                    }
                    Err(found) => problems.append(found),
                }
            }
            problems.or(())?;
            next.set(served_index_slot, Arc::new(served_index)).at(to, quarantined);
            Ok(next.build())
        };
        self.workers.run(&self.allowance, job).await
    }

    /// Asks a world the checks of every kind that the plan touches.
    pub(crate) async fn check(
        &self,
        world: Arc<World>,
        plan: &Plan,
        served_index_slot: midflight_live::SnapshotSlot,
    ) -> Result<(), Problems> {
        let kinds: Vec<_> = plan.steps.iter().filter_map(checked_kind).cloned().collect();
        let Some(served_index) = world.get::<ServedIndex>(served_index_slot) else {
            return Ok(());
        };
        if !served_index.checks.keys().any(|id| kinds.contains(&id.kind)) {
            return Ok(());
        }
        let registry = self.registry.clone();
        let job = move |work: &Work| {
            let Some(served_index) = world.get::<ServedIndex>(served_index_slot) else {
                return Ok(());
            };
            let mut problems = Problems::default();
            for registered in kinds.iter().filter_map(|kind| registry.get(kind)) {
                let Some(snapshot) = world.get_shared(registered.slot) else {
                    continue;
                };
                work.enter(&registered.name);
                let checks = served_index.checks_of(&registered.name);
                if let Err(failed) = ask_all(&*registered.kind, &snapshot, checks, work) {
                    problems.append(failed);
                }
            }
            problems.or(())
        };
        self.workers.run(&self.allowance, job).await
    }
}

fn checked_kind(step: &PlanStep) -> Option<&KindName> {
    match step {
        PlanStep::Check { kind } => Some(kind),
        _ => None,
    }
}

fn compiled_kinds(plan: &Plan) -> Vec<KindName> {
    let compiled = plan.steps.iter().filter_map(|step| match step {
        PlanStep::Compile { kind, .. } => Some(kind.clone()),
        _ => None,
    });
    compiled.collect()
}

fn validate_one(
    registered: &RegisteredKind,
    wanted: LoadedDocument,
    body_bytes_max: usize,
    work: &Work,
) -> Result<ValidDocument, Problems> {
    let Some(body) = wanted.body else {
        return Ok(ValidDocument {
            target: TargetDocument { id: wanted.id, body: None },
            parsed: ParsedDocument::Gone,
        });
    };
    check_body(&body).or(())?;
    let canonical = canonical_json(&body);
    if canonical.len() > body_bytes_max {
        let message = format!(
            "the body has {} bytes and the limit is {body_bytes_max}; split the document, or raise body_bytes_max",
            canonical.len()
        );
        return Err(Problem::new("body_too_large", JsonPointer::root(), message).into());
    }
    let parsed = if wanted.id.name.is_check() {
        ParsedDocument::Check(Arc::new(Check::parse(&body)?))
    } else {
        ParsedDocument::Document(registered.kind.validate(&wanted.id.name, &body, work)?)
    };
    let digest = Digest::of_bytes(canonical.as_bytes());
    Ok(ValidDocument { target: TargetDocument { id: wanted.id, body: Some((body, digest)) }, parsed })
}

/// Keeps what the engine needs to know of a document, and hands on what its kind compiles.
fn keep(
    served_index: &mut ServedIndex,
    target: &TargetDocument,
    parsed: ParsedDocument,
) -> Option<ErasedDocument> {
    served_index.keep(&target.id, target.body.as_ref().map(|(_, digest)| *digest));
    match parsed {
        ParsedDocument::Document(document) => Some(document),
        ParsedDocument::Check(check) => {
            served_index.checks.insert(target.id.clone(), check);
            None
        }
        ParsedDocument::Gone => {
            served_index.checks.remove(&target.id);
            None
        }
    }
}

fn compile_one(
    registered: &RegisteredKind,
    served: &World,
    changes: Vec<(midflight_core::DocumentName, Option<ErasedDocument>)>,
    base: BaseDocuments,
    work: &Work,
) -> Result<ErasedSnapshot, Problems> {
    match served.get_any(registered.slot).filter(|_| base == BaseDocuments::Served) {
        Some(previous) => registered.kind.compile(previous, changes, work),
        None => registered.kind.compile(&*registered.kind.empty(), changes, work),
    }
}
