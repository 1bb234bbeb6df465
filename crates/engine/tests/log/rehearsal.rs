//! Logs that cannot be served in their order: the replica comes to the head on a world that no reader sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Bench, edit, id, put};
use midflight_core::{
    Change, DocumentName, JsonPointer, KindName, Outcome, Problem, Problems, ReloadEvent, Trigger,
};
use midflight_engine::{Kind, KindChange, ReloadScope, Work};
use midflight_store::{LastGoodFile, MemoryStore, RevisionLog as _};
use serde_json::{Value, json};

fn invalid(name: &str) -> Change {
    Change::put(id(name), json!({"text": 7}))
}

fn quarantined(bench: &Bench) -> Vec<u64> {
    bench.engine.status().quarantined.into_keys().map(|revision| revision.get()).collect()
}

/// The revisions that reloads of this trigger have brought live, with where they came from.
fn swaps(bench: &Bench, trigger: Trigger) -> Vec<(u64, u64)> {
    let is_swap = |event: &ReloadEvent| event.trigger == trigger && event.outcome == Outcome::Success;
    let events = bench.engine.history().select(usize::MAX, is_swap);
    events.iter().map(|event| (event.from.get(), event.to.get())).collect()
}

#[tokio::test]
async fn a_replica_behind_a_compaction_keeps_the_last_valid_version_and_swaps_once() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "old"), put("b", "one"), put("gone", "x")])).await.unwrap();
    // On a bus of its own, so that it stays behind.
    let behind = Bench::with(bench.store.clone(), |_, _| {}).await;
    bench.by_hand([invalid("a")]).await;
    bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    for change in [put("b", "two"), Change::delete(id("gone")), put("c", "three")] {
        bench.engine.apply(edit([change])).await.unwrap();
    }
    bench.store.compact(midflight_core::RevisionNumber::new(5)).await.unwrap();

    behind.engine.reload(Trigger::Periodic, "a look", ReloadScope::New).await.unwrap();
    let texts = ["a", "b", "gone", "c"].map(|name| behind.text(name));
    assert_eq!(texts, ["old", "two", "", "three"].map(|text| (!text.is_empty()).then(|| text.to_owned())));
    assert_eq!((behind.engine.served().get(), quarantined(&behind)), (5, vec![2]));
    assert_eq!(swaps(&behind, Trigger::Periodic), [(1, 5)], "no state in between was served");
    behind.engine.apply(edit([put("a", "new")])).await.unwrap();
    assert_eq!((behind.text("a").as_deref(), quarantined(&behind)), (Some("new"), vec![]));
}

#[tokio::test]
async fn a_log_of_which_no_state_passes_is_adopted_in_one_swap() {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    let start = async |log: &MemoryStore| {
        Bench::with(log.clone(), |builder, _| {
            builder.last_good(copy());
        })
        .await
    };
    let bench = start(&MemoryStore::new()).await;
    for text in ["1", "2", "3", "4"] {
        bench.engine.apply(edit([put("a", text)])).await.unwrap();
    }
    bench.engine.stop().await;
    let other = Bench::new().await;
    other.by_hand([invalid("a")]).await;
    for text in ["one", "two"] {
        other.by_hand([put("b", text)]).await;
    }

    let bench = start(&other.store).await;
    assert!(bench.engine.status().diverged.is_some());
    let event = bench.engine.adopt_log("anna", "restored").await.unwrap();
    assert_eq!((event.outcome, event.from.get(), event.to.get()), (Outcome::Success.into(), 4, 3));
    assert_eq!((bench.text("a"), bench.text("b").as_deref()), (None, Some("two")));
    assert_eq!((quarantined(&bench), swaps(&bench, Trigger::Adopt)), (vec![1], vec![(4, 3)]));
    bench.engine.stop().await;

    let bench = start(&other.store).await;
    assert_eq!((bench.engine.status().diverged, bench.text("b").as_deref()), (None, Some("two")));
    assert_eq!(quarantined(&bench), [1]);
}

#[tokio::test]
async fn a_first_start_on_a_log_with_an_invalid_revision_keeps_a_whole_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let log = Bench::new().await;
    log.by_hand([invalid("a"), put("lost", "with it")]).await;
    for n in 0..20 {
        log.by_hand([put(&format!("w{n}"), "text")]).await;
    }
    let bench = Bench::with(log.store.clone(), |builder, _| {
        builder.last_good(LastGoodFile::new(path.clone()));
    })
    .await;
    assert_eq!((bench.engine.served().get(), quarantined(&bench)), (21, vec![1]));
    bench.engine.stop().await;
    let kept = LastGoodFile::new(path).read().unwrap().unwrap();
    let left_out: Vec<_> = kept.at.left_out.iter().map(|revision| revision.get()).collect();
    assert_eq!((kept.documents.len(), kept.at.position.get(), left_out), (20, 21, vec![1]));
}

/// A kind whose snapshot is of a file that can break.
struct OfAFile(Arc<AtomicBool>);

impl Kind for OfAFile {
    type Document = ();
    type Snapshot = ();

    fn name(&self) -> KindName {
        KindName::new("files").unwrap()
    }

    fn empty(&self) {}

    fn validate(&self, _: &DocumentName, _: &Arc<Value>, _: &Work) -> Result<(), Problems> {
        Ok(())
    }

    fn compile(&self, (): &(), _: Vec<KindChange<()>>, _: &Work) -> Result<(), Problems> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Problem::new("unreadable", JsonPointer::root(), "the file cannot be read").into()),
            false => Ok(()),
        }
    }

    fn answer(&self, (): &(), _: &Value) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn is_stale(&self, (): &(), _: &dyn midflight_engine::Environment) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_broken_environment_is_not_blamed_on_revisions_of_other_kinds() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let of_kind = Arc::clone(&is_broken);
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.kind(OfAFile(of_kind));
    })
    .await;
    let document = Change::put("files/one".parse().unwrap(), json!({}));
    bench.engine.apply(edit([document, put("a", "one")])).await.unwrap();
    is_broken.store(true, Ordering::Relaxed);
    for text in ["two", "three", "four"] {
        bench.by_hand([put("a", text)]).await;
    }
    bench.engine.reload(Trigger::Periodic, "a look", ReloadScope::New).await.unwrap();
    assert_eq!((bench.text("a").as_deref(), quarantined(&bench)), (Some("four"), vec![]));
    let event = bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    assert!(event.problems.to_string().contains("the file cannot be read"), "{}", event.problems);
    assert_eq!((bench.text("a").as_deref(), quarantined(&bench)), (Some("four"), vec![]));
}
