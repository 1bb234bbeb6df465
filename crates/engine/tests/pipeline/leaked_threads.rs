//! Work of one kind that does not end stops that kind alone, and only until it ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use midflight_core::{Change, DocumentId, DocumentName, KindName, Problem, Problems, Trigger};
use midflight_engine::{Kind, KindChange, Limits, ReloadScope, Work};
use midflight_store::MemoryStore;
use serde_json::{Value, json};

use crate::support::{Bench, edit, put};

/// A kind that does not go on while it is held, and does not ask whether it should.
struct Held(Arc<AtomicBool>);

impl Kind for Held {
    type Document = ();
    type Snapshot = usize;

    fn name(&self) -> KindName {
        KindName::new("held").unwrap()
    }

    fn empty(&self) -> usize {
        0
    }

    fn validate(&self, _: &DocumentName, _: &Arc<Value>, _: &Work) -> Result<(), Problems> {
        while self.0.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn compile(
        &self,
        previous: &usize,
        changes: Vec<KindChange<()>>,
        work: &Work,
    ) -> Result<usize, Problems> {
        work.check()?;
        Ok(previous + changes.len())
    }

    fn answer(&self, snapshot: &usize, _: &Value) -> Result<Value, Problem> {
        Ok(json!(snapshot))
    }
}

fn held(name: &str) -> Change {
    Change::put(DocumentId::new("held", name).unwrap(), json!({}))
}

/// Waits for a condition, with a deadline.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_whose_work_does_not_end_refuses_its_own_changes_and_the_others_go_on() {
    let is_held = Arc::new(AtomicBool::new(true));
    let kind = Held(Arc::clone(&is_held));
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.limits(Limits { reload_ms_max: 200, runaways_max: 1, ..Limits::default() });
        builder.kind(kind);
    })
    .await;
    let engine = &bench.engine;
    let refused = engine.apply(edit([held("a")])).await.unwrap_err().to_string();
    assert!(refused.contains("took longer than its deadline"), "{refused}");
    let status = engine.status();
    assert_eq!(status.runaways, 1);
    assert_eq!(
        status.blocked_kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).next(),
        Some(("held", 1))
    );

    let refused = engine.apply(edit([held("a")])).await.unwrap_err().to_string();
    assert!(refused.contains("runaways_max") && refused.contains("kind held"), "{refused}");
    engine.apply(edit([put("a", "one")])).await.unwrap();

    // Another replica, whose work ended, has made both.
    bench.by_hand([held("b")]).await;
    bench.by_hand([put("b", "two")]).await;
    engine.reload(Trigger::Manual, "tester", ReloadScope::New).await.unwrap();
    assert_eq!(bench.text("b").as_deref(), Some("two"), "revisions of the other kind are followed");
    let status = engine.status();
    assert_eq!(status.served, status.desired);
    let (_, left_out) = status.quarantined.first_key_value().unwrap();
    assert_eq!(left_out.problems.iter().next().unwrap().code, "runaway_limit");
    assert_eq!(left_out.documents, [DocumentId::new("held", "b").unwrap()]);

    is_held.store(false, Ordering::Relaxed);
    until("the kind gets work again", || engine.status().blocked_kinds.is_empty()).await;
    until("what was refused for it is tried again", || engine.status().quarantined.is_empty()).await;
    engine.apply(edit([held("a")])).await.unwrap();
}
