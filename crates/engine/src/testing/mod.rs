//! Harnesses for authors of kinds and components: fail every step in turn, repeat every undo, and check that nothing is
//! left behind.
//!
//! They answer `Err` with a sentence rather than panic, so that they fit any test framework.

mod documents;
mod greetings;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use midflight_core::{DocumentName, Edit, Phase, Problems};
use midflight_live::World;
use serde_json::{Value, json};

use crate::component::Component;
use crate::served_index::ServedIndex;
use crate::{Engine, Faults, Kind, KindChange, Work};

pub use documents::{edit_snapshot, problem_lines};
pub use greetings::Greetings;

/// A promise that was broken, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenContract(String);

fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), BrokenContract> {
    if condition { Ok(()) } else { Err(BrokenContract(otherwise())) }
}

/// Makes an edit fail in every phase in turn, and looks each time whether the engine is as it was: the same documents
/// served, the log without the edit or with its inverse after it, and `probe` (whatever a component has effects on)
/// answering the same. Then makes the edit, which must go through.
///
/// `engine` was built with `faults`; `edit(n)` makes the n-th edit, each a different one that holds.
///
/// # Errors
/// [`BrokenContract`], naming the phase and what was left behind.
pub async fn fail_every_step<P: PartialEq + Debug>(
    engine: &Engine,
    faults: &Faults,
    edit: impl Fn(usize) -> Edit,
    probe: impl Fn() -> P,
) -> Result<(), BrokenContract> {
    for (n, phase) in Phase::ALL.iter().copied().enumerate() {
        engine.retired().await;
        let (world, probed) = (engine.world(), probe());
        let log = log_of(engine).await?;
        faults.fail_next(phase);
        let refused = engine.apply(edit(n)).await;
        holds(!faults.is_waiting(), || format!("no reload came to {phase}"))?;
        holds(refused.is_err(), || format!("an edit that failed in {phase} was answered as done"))?;
        let after = engine.world();
        if phase < Phase::Swap {
            holds(Arc::ptr_eq(&world, &after), || format!("failed in {phase}, and another world is served"))?;
        }
        holds(same_documents(engine, &world, &after), || {
            format!("failed in {phase}, and other documents are served")
        })?;
        holds(after.revision() >= world.revision(), || {
            format!("failed in {phase}, and the revision went back")
        })?;
        let same_log = log_of(engine).await? == log;
        holds(same_log, || format!("failed in {phase}, and the log's current state is another"))?;
        engine.retired().await;
        let now = probe();
        holds(now == probed, || format!("failed in {phase}; was {probed:?} and is {now:?}"))?;
        let made = engine.apply(edit(n)).await;
        holds(made.is_ok(), || format!("after a failure in {phase} the edit does not go through: {made:?}"))?;
    }
    Ok(())
}

/// The current state of the log, by value and without version numbers, which an undo rightly raises.
async fn log_of(engine: &Engine) -> Result<Vec<(String, Option<midflight_core::Digest>)>, BrokenContract> {
    let everything = midflight_store::everything(&**engine.store()).await;
    let (_, documents) =
        everything.map_err(|error| BrokenContract(format!("the log cannot be read: {error}")))?;
    let mut state: Vec<_> = documents.iter().map(|it| (it.id.to_string(), it.digest())).collect();
    state.sort();
    Ok(state)
}

fn same_documents(engine: &Engine, before: &World, after: &World) -> bool {
    let of = |world: &World| {
        world.get::<ServedIndex>(engine.served_index()).map(|served_index| served_index.documents.clone())
    };
    of(before) == of(after)
}

/// Checks that a kind is a pure function: the same snapshot whether documents come together or one by one, an untouched
/// previous snapshot, nothing left when all are deleted, interruptions respected, and no panic on malformed bodies.
///
/// `documents` are valid and in an order in which each may be added alone; `inputs` are what is asked of a snapshot.
///
/// # Errors
/// [`BrokenContract`], naming what differs.
pub fn try_kind<K: Kind>(
    kind: &K,
    documents: &[(DocumentName, Value)],
    inputs: &[Value],
) -> Result<(), BrokenContract> {
    let answers = |snapshot: &K::Snapshot| -> Vec<String> {
        inputs.iter().map(|input| format!("{:?}", kind.answer(snapshot, input))).collect()
    };
    let empty = kind.empty();
    let nothing = answers(&empty);
    let mut changes = documents.iter().map(|it| put(kind, it)).collect::<Result<Vec<_>, _>>()?;
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    let together = compiled(kind, &empty, changes, "all documents together")?;
    let wanted = answers(&together);
    holds(answers(&empty) == nothing, || "compiling changed the previous snapshot".to_owned())?;

    let mut one_by_one = kind.empty();
    for document in documents {
        one_by_one = compiled(kind, &one_by_one, vec![put(kind, document)?], document.0.as_str())?;
    }
    holds(answers(&one_by_one) == wanted, || "one by one gives other answers than together".to_owned())?;

    for (name, _) in documents.iter().rev() {
        let removed = KindChange { name: name.clone(), document: None };
        one_by_one = compiled(kind, &one_by_one, vec![removed], name.as_str())?;
    }
    holds(answers(&one_by_one) == nothing, || "something is left when all documents are gone".to_owned())?;

    let late = Work::new(Instant::now(), u64::MAX);
    let all = documents.iter().map(|it| put(kind, it)).collect::<Result<Vec<_>, _>>()?;
    let heeded = documents.is_empty() || kind.compile(&empty, all, &late).is_err();
    holds(heeded, || "compile does not ask whether to go on".to_owned())?;
    documents.iter().try_for_each(|document| bend(kind, document))
}

fn put<K: Kind>(
    kind: &K,
    (name, body): &(DocumentName, Value),
) -> Result<KindChange<K::Document>, BrokenContract> {
    let valid = kind.validate(name, &Arc::new(body.clone()), &Work::unbounded());
    let document = valid.map_err(|problems| BrokenContract(format!("{name} is not valid: {problems}")))?;
    Ok(KindChange { name: name.clone(), document: Some(document) })
}

fn compiled<K: Kind>(
    kind: &K,
    previous: &K::Snapshot,
    changes: Vec<KindChange<K::Document>>,
    what: &str,
) -> Result<K::Snapshot, BrokenContract> {
    let done = kind.compile(previous, changes, &Work::unbounded());
    done.map_err(|problems| BrokenContract(format!("{what} does not compile: {problems}")))
}

/// Gives every member of a body another type, in turn, and removes it.
fn bend<K: Kind>(kind: &K, (name, body): &(DocumentName, Value)) -> Result<(), BrokenContract> {
    let others =
        [json!(null), json!(true), json!(-1), json!(1e300), json!("x"), json!([]), json!({}), json!([[{}]])];
    for key in body.as_object().into_iter().flatten().map(|(key, _)| key) {
        for other in others.iter().map(Some).chain([None]) {
            let mut bent = body.clone();
            if let Some(members) = bent.as_object_mut() {
                match other {
                    Some(other) => members.insert(key.clone(), other.clone()),
                    None => members.remove(key),
                };
            }
            let bent = Arc::new(bent);
            let result = catch_unwind(AssertUnwindSafe(|| {
                let work = Work::unbounded();
                let document = kind.validate(name, &bent, &work)?;
                let change = KindChange { name: name.clone(), document: Some(document) };
                kind.compile(&kind.empty(), vec![change], &work).map(drop)
            }));
            match result {
                Err(_) => return Err(BrokenContract(format!("{name} panics with {key:?} = {other:?}"))),
                Ok(Err(problems)) if Problems::is_empty(&problems) => {
                    return Err(BrokenContract(format!(
                        "{name} is refused without a reason with {key:?} = {other:?}"
                    )));
                }
                Ok(_) => {}
            }
        }
    }
    Ok(())
}

/// Checks that a component keeps the order: what is prepared or paused and dropped, dropped half prepared, or committed
/// and rolled back leaves `probe` (whatever it has effects on) as it was; and that again after it was done once.
///
/// # Errors
/// [`BrokenContract`], naming what was left behind.
pub async fn try_component<P: PartialEq + Debug>(
    component: &dyn Component,
    old: &World,
    new: &World,
    probe: impl Fn() -> P,
) -> Result<(), BrokenContract> {
    let before = probe();
    let same = |when: &str| {
        let now = probe();
        holds(now == before, || format!("{when}: was {before:?} and is {now:?}"))
    };
    for _ in 0..2 {
        {
            let mut half = component.prepare(old, new);
            let polled = half.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            drop(polled);
        }
        same("dropped half prepared")?;
        let prepare = || async {
            let prepared = component.prepare(old, new).await;
            let prepared =
                prepared.map_err(|problems| BrokenContract(format!("cannot prepare: {problems}")))?;
            prepared
                .ok_or_else(|| BrokenContract("finds nothing to prepare; give it something new".to_owned()))
        };
        drop(prepare().await?);
        same("prepared and dropped")?;
        let paused = || async {
            let mut prepared = prepare().await?;
            let paused = prepared.pause().await;
            paused.map_err(|problems| BrokenContract(format!("cannot pause: {problems}")))?;
            Ok(prepared)
        };
        drop(paused().await?);
        same("paused and dropped")?;
        paused().await?.commit().rollback();
        same("committed and rolled back")?;
    }
    Ok(())
}
