use std::sync::{Arc, Mutex};

use midflight_module_host::{ModulePhase, ReloadOptions};
use midflight_modules::Manifest;
use serde_json::json;

use crate::support::{Setup, add, name, reported, word};
use midflight_testkit::guest::{Bad, Guest};

/// `counter` calls `other`, and `third` is drained after both.
fn group(setup: &Setup, version: &str, step: u64, bad: Bad) -> Vec<Arc<Manifest>> {
    let caller = Guest::new("counter", version, 1).imports(&["call"]).step(step);
    let group = |after: &[&str]| json!({"group": {"name": "billing", "after": after}});
    vec![
        setup.manifest(&Guest::new("third", version, 1).step(step).bad(bad), group(&["other"])),
        setup.manifest(&Guest::new("other", version, 1).step(step), group(&[])),
        setup.manifest(&caller, group(&[])),
    ]
}

#[tokio::test]
async fn a_group_is_replaced_callers_first_or_not_at_all() {
    let setup = Setup::new();
    let options = ReloadOptions::default().without_preflight();
    let reports = setup.host.reload_group(&group(&setup, "1.0.0", 1, Bad::No), &options).await.unwrap();
    assert_eq!(reports.len(), 3);
    let handles: Vec<_> = ["counter", "other", "third"].iter().map(|module| setup.handle(module)).collect();
    assert_eq!(word(&handles[0].call("x", vec![]).await.unwrap().result), 1);

    let drained: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&drained);
    *setup.on_phase.lock().unwrap() = Some(Box::new(move |module, phase| {
        if phase == ModulePhase::Drain {
            seen.lock().unwrap().push(module.as_str().to_owned());
        }
        Ok(())
    }));
    // The last to be paused fails: all of them answer as before.
    let failure =
        setup.host.reload_group(&group(&setup, "2.0.0", 10, Bad::Fail("check")), &options).await.unwrap_err();
    assert_eq!(reported(&failure), "verify check_failed");
    assert_eq!(failure.module, name("third"));
    assert_eq!(*drained.lock().unwrap(), ["counter", "other", "third"]);
    for (handle, count) in handles.iter().zip([1, 2, 1]) {
        assert_eq!(add(handle).await, Ok(count), "{handle:?}");
        assert_eq!(handle.call("get", vec![]).await.unwrap().live.generation, 1);
    }
    let reports = setup.host.reload_group(&group(&setup, "3.0.0", 10, Bad::No), &options).await.unwrap();
    assert!(reports.iter().all(|report| report.generation == 2));
    assert_eq!(word(&handles[0].call("x", vec![]).await.unwrap().result), 12);
    for module in ["counter", "other", "third"] {
        assert_eq!(setup.metrics(module).abandoned, 0);
    }
}

#[tokio::test]
async fn a_group_with_a_cycle_is_refused() {
    let setup = Setup::new();
    let member = |module: &str, after: &str| {
        setup.manifest(&Guest::new(module, "1.0.0", 1), json!({"group": {"name": "g", "after": [after]}}))
    };
    let failure = setup
        .host
        .reload_group(&[member("a", "b"), member("b", "a")], &ReloadOptions::default())
        .await
        .unwrap_err();
    assert_eq!(reported(&failure), "prepare group_cycle");
    assert!(failure.message.contains("a -> b -> a"), "{failure}");
    assert!(setup.host.names().is_empty());
}
