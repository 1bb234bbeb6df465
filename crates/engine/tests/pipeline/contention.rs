//! Dry runs and validations that take long hold up neither edits nor the follower, nor each other's callers without
//! end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use midflight_core::{
    Change, DocumentId, DocumentName, KindName, Outcome, Phase, Problems, ReloadEvent, RevisionNumber,
    Trigger,
};
use midflight_engine::{EditMode, Interrupted, Kind, KindChange, Refusal, ReloadScope, Work};
use midflight_store::MemoryStore;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Bench, edit, id, put};

/// Longer than anything here takes; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// A kind whose documents go on being read while the gate is closed, until they are interrupted.
struct Gated {
    is_closed: Arc<AtomicBool>,
    /// How often a document was validated.
    validated: Arc<AtomicUsize>,
    /// None when a document begins to wait, and why it ended.
    received: mpsc::UnboundedSender<Option<Interrupted>>,
}

impl Kind for Gated {
    type Document = ();
    type Snapshot = usize;

    fn name(&self) -> KindName {
        KindName::new("gated").unwrap()
    }

    fn empty(&self) -> usize {
        0
    }

    fn validate(&self, _: &DocumentName, _: &Arc<Value>, work: &Work) -> Result<(), Problems> {
        self.validated.fetch_add(1, Ordering::Relaxed);
        if self.is_closed.load(Ordering::Relaxed) {
            self.received.send(None).ok();
        }
        while self.is_closed.load(Ordering::Relaxed) {
            if let Err(why) = work.check() {
                self.received.send(Some(why)).ok();
                return Err(why.into());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn compile(&self, before: &usize, changes: Vec<KindChange<()>>, _: &Work) -> Result<usize, Problems> {
        Ok(before + changes.len())
    }

    fn answer(&self, snapshot: &usize, _: &Value) -> Result<Value, midflight_core::Problem> {
        Ok(json!(snapshot))
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<Arc<ReloadEvent>, Refusal>> + Send>>;

struct Gate {
    bench: Bench,
    is_closed: Arc<AtomicBool>,
    validated: Arc<AtomicUsize>,
    received: mpsc::UnboundedReceiver<Option<Interrupted>>,
}

impl Gate {
    async fn new() -> Self {
        let is_closed = Arc::<AtomicBool>::default();
        let (sender, received) = mpsc::unbounded_channel();
        let validated = Arc::<AtomicUsize>::default();
        let kind =
            Gated { is_closed: Arc::clone(&is_closed), validated: Arc::clone(&validated), received: sender };
        let bench = Bench::with(MemoryStore::new(), |builder, _| {
            builder.kind(kind);
        })
        .await;
        Self { bench, is_closed, validated, received }
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    fn open(&self) {
        self.is_closed.store(false, Ordering::Relaxed);
    }

    /// Asks for everything anew. It ends when the gate is open.
    async fn force(&mut self) -> Asked {
        self.close();
        let mut forced = self.ask_for_everything();
        begin(&mut forced).await;
        assert_eq!(self.next().await, None);
        forced
    }

    fn ask_for_everything(&self) -> Asked {
        let engine = self.bench.engine.clone();
        Box::pin(async move { engine.reload(Trigger::Manual, "tester", ReloadScope::Everything).await })
    }

    async fn next(&mut self) -> Option<Interrupted> {
        tokio::time::timeout(DEADLINE, self.received.recv()).await.unwrap().unwrap()
    }

    /// An edit and what another wrote to the log go live, both within the deadline.
    async fn others_pass(&self) {
        let others = async {
            self.bench.engine.apply(edit([put("a", "edited")])).await.unwrap();
            self.bench.by_hand([put("b", "followed")]).await;
            self.bench.engine.reload(Trigger::Notify, "another", ReloadScope::New).await.unwrap();
        };
        tokio::time::timeout(DEADLINE, others).await.unwrap();
        let texts = (self.bench.text("a"), self.bench.text("b"));
        assert_eq!(texts, (Some("edited".to_owned()), Some("followed".to_owned())));
    }
}

fn gated() -> Change {
    Change::put(DocumentId::new("gated", "x").unwrap(), json!({}))
}

/// Begins to wait for a future that does not end at once.
async fn begin<F: Future<Output: std::fmt::Debug> + Unpin>(future: &mut F) {
    tokio::select! {
        biased;
        done = future => panic!("it is over: {done:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_follower_pass_while_a_validation_does_not_end() {
    let mut gate = Gate::new().await;
    gate.bench.engine.apply(edit([gated()])).await.unwrap();
    gate.close();
    let engine = gate.bench.engine.clone();
    let validation = tokio::spawn(async move { engine.validate("tester").await });
    assert_eq!(gate.next().await, None);
    gate.others_pass().await;
    assert!(!validation.is_finished());
    // Whoever is gone does not wait for it any more, so it ends.
    validation.abort();
    assert_eq!(gate.next().await, Some(Interrupted::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_follower_pass_during_a_full_reload() {
    let mut gate = Gate::new().await;
    gate.bench.engine.apply(edit([gated(), put("a", "one")])).await.unwrap();
    let validated = gate.validated.load(Ordering::Relaxed);
    let mut forced = gate.force().await;
    gate.others_pass().await;
    // What is left out of what came meanwhile stays left out.
    gate.bench.by_hand([Change::put(id("b"), json!({"text": 7})), put("c", "with it")]).await;
    gate.bench.by_hand([put("d", "after it")]).await;
    gate.bench.engine.reload(Trigger::Notify, "another", ReloadScope::New).await.unwrap();
    begin(&mut forced).await;
    let before = gate.bench.engine.world();
    gate.open();
    let event = forced.await.unwrap();
    let revisions = (event.from.get(), event.to.get(), event.documents_changed);
    assert_eq!((event.outcome, revisions), (Outcome::Success.into(), (5, 5, 0)));
    let phases: Vec<_> = event.phases.iter().filter_map(|time| time.phase.known()).collect();
    assert_eq!(phases, Phase::ALL);
    let times = gate.validated.load(Ordering::Relaxed) - validated;
    assert_eq!(times, 1, "in its turn only what came meanwhile is compiled");
    assert!(!Arc::ptr_eq(&before, &gate.bench.engine.world()));
    let text = |name: &str| gate.bench.text(name).unwrap_or_default();
    assert_eq!(["a", "b", "c", "d"].map(text), ["edited", "followed", "", "after it"]);
    let quarantined: Vec<_> = gate.bench.engine.status().quarantined.into_keys().collect();
    assert_eq!(quarantined, [RevisionNumber::new(4)]);
    // It goes on from there.
    gate.bench.engine.apply(edit([put("a", "again")])).await.unwrap();
    assert_eq!(gate.bench.text("a").as_deref(), Some("again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_full_reload_share_one_answer_of_the_next_one() {
    let mut gate = Gate::new().await;
    gate.bench.engine.apply(edit([gated()])).await.unwrap();
    let first = gate.force().await;
    let mut later: Vec<_> = (0..3).map(|_| gate.ask_for_everything()).collect();
    for one in &mut later {
        begin(one).await;
    }
    gate.open();
    let first = first.await.unwrap();
    let mut events = Vec::new();
    for one in later {
        events.push(one.await.unwrap().id);
    }
    assert!(events.iter().all(|id| *id == events[0] && *id != first.id), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_follower_pass_while_the_invalid_documents_of_another_are_searched() {
    let mut gate = Gate::new().await;
    gate.close();
    let engine = gate.bench.engine.clone();
    let lenient = tokio::spawn(async move { engine.apply_valid(edit([gated()])).await });
    assert_eq!(gate.next().await, None);
    gate.others_pass().await;
    assert!(!lenient.is_finished());
    gate.open();
    assert!(lenient.await.unwrap().unwrap().revision.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_follower_pass_while_a_dry_run_does_not_end() {
    let mut gate = Gate::new().await;
    gate.close();
    let engine = gate.bench.engine.clone();
    let dry_run = tokio::spawn(async move { engine.dry_run(edit([gated()])).await });
    assert_eq!(gate.next().await, None);
    gate.others_pass().await;
    assert!(!dry_run.is_finished());
    dry_run.abort();
    assert_eq!(gate.next().await, Some(Interrupted::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_does_not_fill_the_queue_of_dry_runs_nor_that_of_validations() {
    let gate = Gate::new().await;
    gate.close();
    let engine = gate.bench.engine.clone();
    let by = |name: &str| {
        let mut edit = edit([put("a", "one"), gated()]);
        edit.author = name.to_owned();
        edit
    };
    let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(engine.dry_run(by("anna")))).collect();
    for one in &mut waiting {
        begin(one).await;
    }
    let refused = engine.dry_run(by("anna")).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::CallerBusy { per_caller_max: 8, .. }), "{refused}");
    assert!(refused.to_string().contains("(dry_runs_per_caller_max)"), "{refused}");
    let mut other = pin!(engine.dry_run(by("ben")));
    begin(&mut other).await;
    // The place of one that is gone is free again.
    drop(waiting.pop());
    drop(waiting);
    gate.open();
    tokio::time::timeout(DEADLINE, other).await.unwrap().unwrap();
    tokio::time::timeout(DEADLINE, engine.dry_run(by("anna"))).await.unwrap().unwrap();

    engine.apply(edit([gated()])).await.unwrap();
    gate.close();
    let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(engine.validate("anna"))).collect();
    for one in &mut waiting {
        begin(one).await;
    }
    let refused = engine.validate("anna").await.unwrap_err();
    assert!(refused.to_string().contains("(validations_per_caller_max)"), "{refused}");
    let mut other = pin!(engine.validate("ben"));
    begin(&mut other).await;
    gate.open();
    tokio::time::timeout(DEADLINE, other).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_of_dry_runs_is_named() {
    let mut gate = Gate::new().await;
    gate.close();
    let engine = gate.bench.engine.clone();
    let by = |number: usize| {
        let mut edit = edit([gated()]);
        edit.author = format!("caller {number}");
        edit
    };
    let mut first = Box::pin(engine.dry_run(by(0)));
    begin(&mut first).await;
    assert_eq!(gate.next().await, None);
    let mut waiting: Vec<_> = (1..=64).map(|number| Box::pin(engine.dry_run(by(number)))).collect();
    for one in &mut waiting {
        begin(one).await;
    }
    let refused = engine.dry_run(by(65)).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::Busy { queue_max: 64, .. }), "{refused}");
    assert!(refused.to_string().contains("(dry_runs_max)"), "{refused}");
}

#[tokio::test]
async fn a_reason_that_is_too_long_is_refused_in_every_request() {
    let bench = Bench::new().await;
    let mut long = edit([put("a", "one")]);
    long.reason = "x".repeat(midflight_core::REASON_BYTES_MAX + 1);
    for refused in [
        bench.engine.apply(long.clone()).await.unwrap_err(),
        bench.engine.apply_with(long.clone(), EditMode::default()).await.unwrap_err(),
        bench.engine.dry_run(long.clone()).await.unwrap_err(),
    ] {
        let problems = refused.refusal.problems().unwrap();
        let message: Vec<_> =
            problems.iter().map(|problem| (problem.path.as_str(), &*problem.code)).collect();
        assert_eq!(message, [("/reason", "text_too_long")]);
        assert!(refused.to_string().contains("reason_bytes_max"), "{refused}");
    }
    assert!(bench.engine.adopt_log("anna", &long.reason).await.unwrap_err().problems().is_some());
    long.reason.pop();
    bench.engine.apply(long).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn small_edits_do_not_wait_for_large_ones_that_wait_but_those_of_one_document_keep_their_order() {
    let mut gate = Gate::new().await;
    gate.close();
    let ask = |change: Change| {
        let engine = gate.bench.engine.clone();
        Box::pin(async move { engine.apply(edit([change])).await.unwrap().revision.unwrap().number.get() })
    };
    let large = "x".repeat(100_000);
    let mut edits =
        [gated(), put("a", &large), put("b", &large), put("b", "small"), put("c", "small")].map(ask);
    for (n, one) in edits.iter_mut().enumerate() {
        begin(one).await;
        if n == 0 {
            assert_eq!(gate.received.recv().await, Some(None), "the first has its turn");
        }
    }
    gate.open();
    let made = futures_util::future::join_all(edits).await;
    assert_eq!(made, [1, 3, 4, 5, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_the_follower_pass_while_a_large_edit_is_validated() {
    let mut gate = Gate::new().await;
    gate.close();
    let engine = gate.bench.engine.clone();
    let body = json!({"text": "x".repeat(100_000)});
    let large = Change::put(DocumentId::new("gated", "large").unwrap(), body);
    let asked = tokio::spawn(async move { engine.apply(edit([large])).await });
    assert_eq!(gate.next().await, None);
    gate.others_pass().await;
    assert!(!asked.is_finished());
    gate.open();
    assert_eq!(asked.await.unwrap().unwrap().revision.unwrap().number.get(), 3);
    assert_eq!(gate.validated.load(Ordering::Relaxed), 1, "in its turn it is not validated again");
}
