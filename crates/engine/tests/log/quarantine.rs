//! What is left out when the log has revisions that do not compile or verify here: never more than must be, never what
//! was served a moment ago, and the same however a replica came to the head of the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Bench, edit, id, put, small_limits};
use midflight_core::{Change, DocumentName, KindName, Outcome, Problem, Problems, RevisionNumber, Trigger};
use midflight_engine::{Engine, Kind, KindChange, Refresh, ReloadScope, Work};
use midflight_store::{LastGoodFile, MemoryStore, RevisionLog as _};
use proptest::prelude::*;
use serde_json::{Value, json};

fn greeting_check() -> Change {
    Change::put(id("checks/greets"), json!({"input": "a", "expect": "hello"}))
}

fn numbers(revisions: &[RevisionNumber]) -> Vec<u64> {
    revisions.iter().map(|revision| revision.get()).collect()
}

fn quarantined(bench: &Bench) -> Vec<u64> {
    numbers(&bench.engine.status().quarantined.into_keys().collect::<Vec<_>>())
}

/// A log whose second revision breaks the check of the first, and a replica that rightly leaves the second out.
async fn broken_check() -> Bench {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "hello"), put("b", "one"), greeting_check()])).await.unwrap();
    bench.by_hand([put("a", "bye"), put("b", "two")]).await;
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    bench
}

#[tokio::test]
async fn a_failed_check_leaves_out_the_revision_that_broke_it_and_not_the_one_that_wrote_it() {
    let bench = broken_check().await;
    let served = |bench: &Bench| (bench.text("a"), bench.text("b"), bench.engine.served().get());
    let expected = (Some("hello".to_owned()), Some("one".to_owned()), 1);
    assert_eq!((served(&bench), quarantined(&bench)), (expected.clone(), vec![2]));

    let forced = bench.engine.reload(Trigger::Manual, "me", ReloadScope::Everything).await.unwrap();
    assert_eq!(
        forced.outcome,
        Outcome::ValidationFailed,
        "a forced reload is no success while something is left out"
    );
    assert_eq!((served(&bench), quarantined(&bench)), (expected.clone(), vec![2]));

    let started = bench.beside().await;
    assert_eq!((served(&started), quarantined(&started)), (expected, vec![2]));
}

#[tokio::test]
async fn a_forced_reload_that_is_refused_keeps_what_is_served() {
    let bench = broken_check().await;
    bench.by_hand([put("c", "three")]).await;
    let before = bench.engine.world();
    let forced = bench.engine.reload(Trigger::Manual, "me", ReloadScope::Everything).await.unwrap();
    assert_eq!(forced.outcome, Outcome::ValidationFailed);
    assert_eq!(bench.text("c").as_deref(), Some("three"), "what is new and valid comes in all the same");
    let world = bench.engine.world();
    assert_eq!((world.revision().get(), numbers(world.quarantined())), (3, vec![2]));
    assert_eq!(before.revision().get(), 1);
}

#[tokio::test]
async fn a_revision_that_is_slow_to_fail_is_not_tried_again_by_edits_and_hints() {
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.limits(small_limits());
    })
    .await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    bench.by_hand([put("slow", "for ever, asking")]).await;
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    assert_eq!(quarantined(&bench), [2]);
    let refused = || bench.engine.history().select(usize::MAX, |event| !event.outcome.is_live()).len();
    let before = refused();
    for text in ["two", "three"] {
        bench.engine.apply(edit([put("a", text)])).await.unwrap();
        bench.by_hand([put("b", text)]).await;
        bench.engine.reload(Trigger::Notify, "a hint", ReloadScope::New).await.unwrap();
    }
    assert_eq!((refused(), quarantined(&bench)), (before, vec![2]));
    // Its own document is a reason, once it is replaced.
    bench.engine.apply(edit([put("slow", "fast")])).await.unwrap();
    assert_eq!((bench.text("slow").as_deref(), quarantined(&bench)), (Some("fast"), vec![]));
}

#[tokio::test]
async fn compaction_and_a_forced_reload_do_not_drop_the_last_valid_version() {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.last_good(copy());
    })
    .await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    bench.by_hand([Change::put(id("a"), json!({"text": 7}))]).await;
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    bench.engine.apply(edit([put("b", "two")])).await.unwrap();
    bench.store.compact(RevisionNumber::new(3)).await.unwrap();
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::Everything).await.unwrap();
    assert_eq!((bench.text("a").as_deref(), quarantined(&bench)), (Some("one"), vec![2]));
    assert_eq!(bench.engine.served().get(), 3);
    bench.engine.stop().await;

    let restarted = Bench::with(bench.store.clone(), |builder, _| {
        builder.last_good(copy());
    })
    .await;
    assert_eq!((restarted.text("a").as_deref(), quarantined(&restarted)), (Some("one"), vec![2]));
    assert_eq!((restarted.text("b").as_deref(), restarted.engine.served().get()), (Some("two"), 3));

    // Without the copy there is nothing valid of it left, and that is said.
    let fresh = restarted.beside().await;
    assert_eq!((fresh.text("a"), fresh.text("b").as_deref()), (None, Some("two")));
    assert_eq!((quarantined(&fresh), numbers(fresh.engine.world().quarantined())), (vec![2], vec![2]));
}

#[tokio::test]
async fn the_served_revision_is_none_that_is_left_out() {
    let bench = broken_check().await;
    let world = bench.engine.world();
    assert_eq!((world.revision().get(), world.quarantined().len()), (1, 0));
    let started = bench.beside().await.engine.world();
    assert_eq!((started.revision().get(), started.quarantined().len()), (1, 0));
}

/// A kind whose answer depends on the process, as a config does on its environment.
struct Environment(Arc<AtomicBool>);

impl Kind for Environment {
    type Document = ();
    type Snapshot = ();

    fn name(&self) -> KindName {
        KindName::new("environment").unwrap()
    }

    fn empty(&self) {}

    fn validate(&self, _: &DocumentName, _: &Arc<Value>, _: &Work) -> Result<(), Problems> {
        Ok(())
    }

    fn compile(&self, (): &(), _: Vec<KindChange<()>>, _: &Work) -> Result<(), Problems> {
        Ok(())
    }

    fn answer(&self, (): &(), _: &Value) -> Result<Value, Problem> {
        Ok(json!(self.0.load(Ordering::Relaxed)))
    }
}

#[tokio::test]
async fn a_restart_in_another_environment_serves_what_was_served_and_names_the_failed_check() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Arc::new(AtomicBool::new(true));
    let start = async |store: MemoryStore| {
        let of_kind = Arc::clone(&environment);
        Bench::with(store, |builder, _| {
            builder.kind(Environment(of_kind));
            builder.last_good(LastGoodFile::new(folder.path().join("copy")));
        })
        .await
    };
    let check = Change::put("environment/checks/on".parse().unwrap(), json!({"input": null, "expect": true}));
    let bench = start(MemoryStore::new()).await;
    bench.engine.apply(edit([put("a", "one"), check])).await.unwrap();
    bench.engine.stop().await;

    environment.store(false, Ordering::Relaxed);
    let restarted = start(bench.store.clone()).await;
    let status = restarted.engine.status();
    assert_eq!((restarted.text("a").as_deref(), status.served.get()), (Some("one"), 1));
    assert!(status.failed_checks.to_string().contains("environment/checks/on"), "{}", status.failed_checks);
    restarted.engine.apply(edit([put("b", "two")])).await.unwrap();
    assert!(!restarted.engine.status().failed_checks.is_empty());

    environment.store(true, Ordering::Relaxed);
    let event = restarted.engine.reload(Trigger::Manual, "me", ReloadScope::Everything).await.unwrap();
    assert_eq!(
        (event.outcome, restarted.engine.status().failed_checks),
        (Outcome::Success.into(), Problems::default())
    );
}

#[tokio::test]
async fn a_revision_in_quarantine_is_tried_again_by_its_pause_though_nothing_changes() {
    let environment = Arc::new(AtomicBool::new(true));
    let of_kind = Arc::clone(&environment);
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.kind(Environment(of_kind));
        builder.inline_work(true);
    })
    .await;
    let check = Change::put("environment/checks/on".parse().unwrap(), json!({"input": null, "expect": true}));
    environment.store(false, Ordering::Relaxed);
    bench.by_hand([put("a", "one"), check]).await;
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    assert_eq!((bench.text("a"), quarantined(&bench)), (None, vec![1]));
    environment.store(true, Ordering::Relaxed);
    tokio::time::pause();
    let mut changes = bench.engine.changes();
    while bench.text("a").is_none() {
        changes.changed().await;
    }
    assert_eq!(quarantined(&bench), [0; 0]);
}

/// What a replica serves: its documents, its revision and what it says that it leaves out.
type Served = (BTreeMap<String, String>, u64, Vec<u64>);

fn served(bench: &Bench) -> Served {
    let words = bench.words.load();
    let texts = words.iter().map(|(name, word)| (name.to_string(), word.text.clone())).collect();
    (texts, words.revision().get(), numbers(words.world().quarantined()))
}

#[derive(Debug, Clone)]
enum Word {
    Valid(u8),
    Invalid,
    Needs(usize),
    Gone,
    Check(u8),
    NoCheck,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn change((name, word): &(usize, Word)) -> Change {
    let name = NAMES[*name];
    let check = || id(&format!("checks/{name}"));
    match word {
        Word::Valid(text) => put(name, &text.to_string()),
        Word::Invalid => Change::put(id(name), json!({"text": 7})),
        Word::Needs(other) => Change::put(id(name), json!({"text": "needy", "needs": NAMES[*other]})),
        Word::Gone => Change::delete(id(name)),
        Word::Check(text) => Change::put(check(), json!({"input": name, "expect": text.to_string()})),
        Word::NoCheck => Change::delete(check()),
    }
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        4 => (0..3u8).prop_map(Word::Valid),
        1 => Just(Word::Invalid),
        1 => (0..NAMES.len()).prop_map(Word::Needs),
        1 => Just(Word::Gone),
        2 => (0..3u8).prop_map(Word::Check),
        1 => Just(Word::NoCheck),
    ]
}

/// Revisions of up to three changes each, of different documents.
fn revisions() -> impl Strategy<Value = Vec<Vec<(usize, Word)>>> {
    prop::collection::vec(prop::collection::vec((0..NAMES.len(), word()), 1..4), 1..9)
}

async fn ends(revisions: &[Vec<(usize, Word)>]) -> [(&'static str, Served); 4] {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    let quiet = || Refresh { enabled: false, ..Refresh::default() };
    let step_by_step = Bench::with(MemoryStore::new(), |builder, _| {
        builder.inline_work(true).last_good(copy());
    })
    .await;
    let mut behind = None;
    for (number, revision) in revisions.iter().enumerate() {
        let changes: BTreeMap<_, _> =
            revision.iter().map(change).map(|change| (change.id.clone(), change)).collect();
        step_by_step.by_hand(changes.into_values()).await;
        step_by_step.engine.reload(Trigger::Notify, "a hint", ReloadScope::New).await.unwrap();
        if number == 1 {
            // On a bus of its own, so that it stays behind.
            behind = Some(Bench::with(step_by_step.store.clone(), |_, _| {}).await);
        }
        if number == revisions.len() / 2 {
            step_by_step
                .engine
                .reload(Trigger::Schedule, "a schedule", ReloadScope::Everything)
                .await
                .unwrap();
        }
    }
    let at_once = step_by_step.beside().await;
    let ends = (served(&step_by_step), served(&at_once));
    let behind = behind.as_ref().unwrap_or(&at_once);
    behind.engine.reload(Trigger::Periodic, "a look", ReloadScope::New).await.unwrap();
    let from_behind = served(behind);
    step_by_step.engine.stop().await;
    let mut builder = Engine::builder().store(Arc::new(step_by_step.store.clone()));
    let slot = builder.kind(crate::support::Words);
    builder.refresh(quiet()).inline_work(true).last_good(copy());
    let engine = builder.start().await.unwrap();
    let words = engine.live(slot);
    let restarted = Bench { engine, words, store: step_by_step.store.clone(), bus: step_by_step.bus.clone() };
    let restarted = served(&restarted);
    [
        ("step by step", ends.0),
        ("at once", ends.1),
        ("from behind", from_behind),
        ("from the copy", restarted),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_and_everything_at_once_end_in_the_same_world(revisions in revisions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [step_by_step, others @ ..] = runtime.block_on(ends(&revisions));
        for (how, served) in others {
            prop_assert_eq!(&served, &step_by_step.1, "{}", how);
        }
    }
}
