//! Modules as documents of an engine: an edit is live when the modules answer with it, or nothing has changed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use midflight_core::{Change, DocumentId, Edit, Phase, Trigger};
use midflight_engine::{Committed, Component as _, Engine, Faults};
use midflight_live::World;
use midflight_module_host::journal::MemoryJournal;
use midflight_module_host::{ModulesComponent, PausedModule, PreparedModule, ReloadOptions};
use midflight_modules::Modules;
use midflight_store::MemoryStore;

use crate::support::{NAME, Setup, add, name};
use midflight_testkit::guest::{Bad, Guest};
use serde_json::json;

fn edit(changes: Vec<Change>) -> Edit {
    Edit::new("anna", Trigger::Manual, changes)
}

fn id(module: &str) -> DocumentId {
    DocumentId::new("modules", module).unwrap()
}

fn put(setup: &Setup, guest: &Guest) -> Change {
    let body = (*setup.manifest(guest, json!({})).body).clone();
    Change::put(id(&guest.name), body)
}

#[test]
fn what_is_prepared_can_be_kept_by_any_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<PreparedModule>();
    is_shared::<PausedModule>();
}

#[tokio::test]
async fn an_edit_replaces_modules_together_or_not_at_all() {
    let setup = Setup::new();
    let faults = Arc::new(Faults::default());
    let mut builder = Engine::builder().memory();
    let slot = builder.kind(Modules);
    builder.faults(Arc::clone(&faults));
    builder.component(ModulesComponent::new(setup.host.clone(), id("x").kind, slot.slot()));
    let engine = builder.start().await.unwrap();

    let one = vec![put(&setup, &Guest::new(NAME, "1.0.0", 1)), put(&setup, &Guest::new("other", "1.0.0", 1))];
    engine.apply(edit(one)).await.unwrap();
    engine.retired().await;
    let (counter, other) = (setup.handle(NAME), setup.handle("other"));
    assert_eq!((add(&counter).await, add(&other).await), (Ok(1), Ok(1)));

    // One of two is bad: neither changes, and the log has nothing of it.
    let bad = Guest::new("other", "2.0.0", 2).bad(Bad::Fail("check"));
    let both = vec![put(&setup, &Guest::new(NAME, "2.0.0", 2)), put(&setup, &bad)];
    let refused = engine.apply(edit(both)).await.unwrap_err();
    assert!(refused.to_string().contains("modules/other"), "{refused}");
    assert_eq!((add(&counter).await, engine.served().get()), (Ok(2), 1));
    assert_eq!(counter.call("get", vec![]).await.unwrap().live.generation, 1);

    // A fault in each phase of the engine leaves the modules as they were.
    for (n, phase) in Phase::ALL.iter().copied().enumerate() {
        let before = setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest();
        faults.fail_next(phase);
        let next = vec![put(&setup, &Guest::new(NAME, &format!("3.{n}.0"), 2))];
        engine.apply(edit(next)).await.unwrap_err();
        engine.retired().await;
        let live = setup.host.status(&name(NAME)).unwrap().live.unwrap();
        assert_eq!((live.generation, live.manifest.version.as_str()), (1, "1.0.0"), "{phase}");
        assert_eq!(setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest(), before, "{phase}");
    }
    let next = vec![put(&setup, &Guest::new(NAME, "4.0.0", 3)), Change::delete(id("other"))];
    engine.apply(edit(next)).await.unwrap();
    engine.retired().await;
    assert_eq!((add(&counter).await, setup.state().await), (Ok(3), (3, vec![3, 101, 102])));
    assert!(setup.host.handle(&name("other")).is_none());
    assert_eq!(setup.metrics(NAME).abandoned, 0);
}

/// An engine on a log, whose modules run on the host of a setup.
async fn engine(setup: &Setup, store: &MemoryStore) -> Engine {
    let mut builder = Engine::builder().store(Arc::new(store.clone()));
    let slot = builder.kind(Modules);
    builder.component(ModulesComponent::new(setup.host.clone(), id("x").kind, slot.slot()));
    let engine = builder.start().await.unwrap();
    engine.retired().await;
    engine
}

async fn apply(engine: &Engine, change: Change) {
    engine.apply(edit(vec![change])).await.unwrap();
    engine.retired().await;
}

#[tokio::test]
async fn at_a_start_each_module_is_by_itself_and_runs_its_last_commit_in_need() {
    let (store, journal) = (MemoryStore::new(), Arc::new(MemoryJournal::default()));
    let (one, next) = (Guest::new(NAME, "1.0.0", 1), Guest::new(NAME, "2.0.0", 2));
    let other = Guest::new("other", "1.0.0", 1);
    let first = Setup::with_journal(Arc::clone(&journal) as _);
    let engine_of_first = engine(&first, &store).await;
    apply(&engine_of_first, put(&first, &one)).await;
    apply(&engine_of_first, put(&first, &other)).await;
    first.add().await.unwrap();
    engine_of_first.stop().await;
    first.host.stop().await;
    // Another replica takes a version whose component the first cannot read when it starts again.
    let elsewhere = Setup::new();
    elsewhere.manifest(&one, json!({}));
    elsewhere.manifest(&other, json!({}));
    let engine_elsewhere = engine(&elsewhere, &store).await;
    apply(&engine_elsewhere, put(&elsewhere, &next)).await;
    engine_elsewhere.stop().await;

    let again = Setup::with_journal(journal);
    let (_, wanted) = (again.manifest(&one, json!({})), elsewhere.manifest(&next, json!({})));
    again.manifest(&other, json!({}));
    let engine = engine(&again, &store).await;
    let version = |setup: &Setup| setup.host.live(&name(NAME)).unwrap().manifest.version.clone();
    assert_eq!((version(&again).as_str(), again.add().await), ("1.0.0", Ok(2)));
    assert!(again.host.handle(&name("other")).is_some());
    // An edit of another module does not concern it.
    apply(&engine, put(&again, &Guest::new("other", "1.1.0", 1))).await;
    assert_eq!(version(&again), "1.0.0");
    // Its component comes, and it is brought up with its state.
    again.blobs.put(&next.build());
    again.host.reload(wanted, ReloadOptions::default().if_idle()).await.unwrap();
    assert_eq!((version(&again).as_str(), again.add().await), ("2.0.0", Ok(3)));
}

/// A reload up to its commit, with what it still has to do.
async fn commit(component: &ModulesComponent, old: &World, new: &World) -> Box<dyn Committed> {
    let mut prepared = component.prepare(old, new).await.unwrap().unwrap();
    prepared.pause().await.unwrap();
    prepared.commit()
}

/// An edit is answered before what it removed is unloaded. The next reload looks at what runs when that is over, not
/// before: else it takes the module for one that runs already, and then nothing does.
#[tokio::test]
async fn a_module_that_is_deleted_and_put_again_at_once_runs() {
    let setup = Setup::new();
    // The worlds come from an engine that has no component: the test does the steps of the reloads itself.
    let mut builder = Engine::builder().memory();
    let slot = builder.kind(Modules).slot();
    let engine = builder.start().await.unwrap();
    let component = ModulesComponent::new(setup.host.clone(), id("x").kind, slot);
    let without = engine.world();
    engine.apply(edit(vec![put(&setup, &Guest::new(NAME, "1.0.0", 1))])).await.unwrap();
    let with = engine.world();

    commit(&component, &without, &with).await.retire().await;
    let deleted = commit(&component, &with, &without).await;
    let mut put_again = pin!(commit(&component, &without, &with));
    let at_once = poll_fn(|context| Poll::Ready(put_again.as_mut().poll(context))).await;
    assert!(at_once.is_pending(), "it looked at what runs before the deletion was over");
    deleted.retire().await;
    put_again.await.retire().await;
    assert_eq!(setup.add().await, Ok(1), "it starts again, without a state");
}
