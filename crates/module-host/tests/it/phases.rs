use midflight_module_host::{ModulePhase, ReloadOptions};
use serde_json::json;

use crate::support::{NAME, Setup, add, name};
use midflight_testkit::guest::Guest;

/// A fault in each phase in turn: the state is byte for byte the same, the old version answers, and the same reload is
/// done when it is asked for again.
#[tokio::test]
async fn a_fault_in_any_phase_leaves_the_module_as_it_was() {
    for phase in ModulePhase::ALL {
        for (preflight, is_incremental) in [(true, true), (true, false), (false, false)] {
            let setup = Setup::new();
            let guest = |version, schema| match is_incremental {
                true => Guest::new(NAME, version, schema).incremental(),
                false => Guest::new(NAME, version, schema),
            };
            setup.load(&guest("1.0.0", 1)).await.unwrap();
            let handle = setup.handle(NAME);
            add(&handle).await.unwrap();
            let before = setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest();

            setup.fail_in(phase);
            let next = setup.manifest(&guest("2.0.0", 2).step(10), json!({}));
            let options = if preflight {
                ReloadOptions::default()
            } else {
                ReloadOptions::default().without_preflight()
            };
            let failure = setup.host.reload(next.clone(), options.clone()).await.unwrap_err();
            assert_eq!((failure.phase, failure.code.as_ref()), (phase, "fault"), "{failure}");
            assert_eq!(
                setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest(),
                before,
                "{phase}"
            );
            let reply = handle.call("get", vec![]).await.unwrap();
            assert_eq!(
                (reply.live.generation, reply.live.manifest.version.as_str()),
                (1, "1.0.0"),
                "{phase}"
            );
            assert_eq!(add(&handle).await, Ok(2), "{phase}");

            let report = setup.host.reload(next, options).await.unwrap();
            assert_eq!((report.generation, report.migrated_from), (2, Some(1)), "{phase}");
            assert_eq!(report.pre_copy.map(|copy| copy.fallback), is_incremental.then_some(None), "{phase}");
            assert_eq!(add(&handle).await, Ok(12), "{phase}");
            assert_eq!(setup.load(&Guest::new(NAME, "2.0.1", 2)).await.unwrap().generation, 3, "{phase}");
            let metrics = setup.metrics(NAME);
            assert_eq!(
                (metrics.abandoned, metrics.traps, metrics.failed.iter().sum::<u64>()),
                (0, 0, 1),
                "{phase}"
            );
        }
    }
}

#[tokio::test]
async fn a_pause_that_is_dropped_is_rolled_back() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    let next = setup.manifest(&Guest::new(NAME, "2.0.0", 2), json!({}));
    let prepared = setup.host.prepare(next.clone(), ReloadOptions::default()).await.unwrap().unwrap();
    assert_eq!(add(&handle).await, Ok(1), "it answers while a candidate is prepared");
    let paused = prepared.pause().await.unwrap();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { add(&handle).await }
    });
    while setup.metrics(NAME).accepted < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(setup.metrics(NAME).answered, 1, "a message waits while it is paused");
    drop(paused);
    assert_eq!(waiting.await.unwrap(), Ok(2), "and is answered by the old version");
    assert_eq!(handle.call("get", vec![]).await.unwrap().live.generation, 1);

    let prepared = setup.host.prepare(next.clone(), ReloadOptions::default()).await.unwrap().unwrap();
    drop(prepared);
    let prepared = setup.host.prepare(next, ReloadOptions::default()).await.unwrap().unwrap();
    let paused = prepared.pause().await.unwrap();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call("add", vec![]).await }
    });
    while setup.metrics(NAME).waiting < 1 {
        tokio::task::yield_now().await;
    }
    let report = paused.commit().await.unwrap();
    assert_eq!((report.held, report.migrated_from), (1, Some(1)));
    assert_eq!(waiting.await.unwrap().unwrap().live.generation, 2);
}

#[tokio::test]
async fn a_decision_that_is_too_late_is_ignored() {
    let setup = Setup::with(|options| options.decision_max = std::time::Duration::ZERO);
    let manifest = setup.manifest(&Guest::new(NAME, "1.0.0", 1), json!({}));
    let prepared = setup.host.prepare(manifest, ReloadOptions::default()).await.unwrap().unwrap();
    let paused = prepared.pause().await.unwrap();
    // The task of the module rolls back on its own; that it has done so is seen when it answers again.
    assert!(setup.host.export_state(&name(NAME)).await.unwrap().is_none());
    let failure = paused.commit().await.unwrap_err();
    assert_eq!((failure.phase, failure.code.as_ref()), (ModulePhase::Commit, "decision_late"));
    assert!(setup.host.handle(&name(NAME)).is_none());
}
