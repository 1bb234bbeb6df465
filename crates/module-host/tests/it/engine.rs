//! Modules as documents of an engine: an edit is live when the modules answer with it, or nothing has changed.

use std::sync::Arc;

use midflight_core::{Change, DocumentId, Edit, Phase, Trigger};
use midflight_engine::{Engine, Faults};
use midflight_module_host::{ModulesComponent, PausedModule, PreparedModule};
use midflight_modules::Modules;

use crate::guest::{Bad, Guest};
use crate::support::{NAME, Setup, add, name};
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
