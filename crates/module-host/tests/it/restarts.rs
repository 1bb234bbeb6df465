use midflight_module_host::{CallError, ReloadOptions};
use serde_json::json;

use crate::support::{NAME, Setup, add, name};
use midflight_testkit::guest::{Bad, Guest};

#[tokio::test]
async fn a_message_that_traps_once_is_tried_again_on_a_new_instance() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    setup.host.checkpoint(&name(NAME)).await.unwrap();
    add(&handle).await.unwrap();
    // Traps at its first attempt, counts at its second.
    let reply = handle.call("once", vec![]).await.unwrap();
    assert_eq!(crate::support::word(&reply.result), 2, "from the recorded state, which has one");
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.traps, metrics.restarts, metrics.lost_by_restart, metrics.abandoned), (1, 1, 1, 0));
}

#[tokio::test]
async fn a_message_that_traps_every_instance_is_parked_and_the_others_are_answered() {
    let setup = Setup::new();
    let limits = json!({"limits": {"checkpoint_messages": 1}});
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.0.0", 1), limits)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    for round in 1..=3 {
        let failure = handle.call("trap", vec![1]).await.unwrap_err();
        assert!(matches!(&failure, CallError::Poisoned { .. }), "{failure}");
        assert_eq!(add(&handle).await, Ok(round + 1), "the state of the last checkpoint");
    }
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.traps, metrics.poisoned, metrics.restarts, metrics.abandoned), (6, 3, 6, 0));
    assert_eq!(metrics.lost_by_restart, 0);
    let parked = setup.host.status(&name(NAME)).unwrap().parked;
    assert_eq!((parked.len(), parked[0].operation.as_str()), (3, "trap"));
}

#[tokio::test]
async fn a_message_that_does_not_end_ends_its_instance() {
    let setup = Setup::new();
    let limits = json!({"limits": {"call_ms_max": 1000, "checkpoint_messages": 1}});
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.0.0", 1), limits)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let failure = handle.call("spin", vec![]).await.unwrap_err();
    assert!(failure.to_string().contains("ran longer than 1000 ms"), "{failure}");
    assert_eq!(add(&handle).await, Ok(2));
}

#[tokio::test]
async fn a_trap_right_after_a_commit_returns_to_the_old_version_exactly() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    for _ in 0..3 {
        add(&handle).await.unwrap();
    }
    let bad = setup.manifest(&Guest::new(NAME, "2.0.0", 2).bad(Bad::Trap("handle")), json!({}));
    setup.host.load(bad.clone()).await.unwrap();
    let reply = handle.call("add", vec![]).await.unwrap();
    assert_eq!(crate::support::word(&reply.result), 4, "nothing is lost");
    assert_eq!(reply.live.manifest.version, "1.0.0");
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.traps, metrics.returns, metrics.restarts, metrics.lost_by_restart), (1, 1, 0, 0));
    let history = setup.host.history(&name(NAME)).await.unwrap();
    assert_eq!(history.live, Some(1));
    assert!(history.failed.contains_key(&bad.digest));
    // The next commit is a generation of its own.
    assert_eq!(setup.load(&Guest::new(NAME, "2.0.1", 2)).await.unwrap().generation, 3);
    assert_eq!(add(&handle).await, Ok(5));
}

#[tokio::test]
async fn a_module_that_cannot_be_restarted_reports_it_and_can_be_reloaded() {
    let setup = Setup::with(|options| options.restart_delay = std::time::Duration::ZERO);
    // Its `load` fails, which no first start without a state notices.
    let guest = Guest::new(NAME, "1.0.0", 1).bad(Bad::Fail("load"));
    setup.load(&guest).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let failure = handle.call("trap", vec![]).await.unwrap_err();
    assert!(
        matches!(&failure, CallError::Unavailable { why, .. } if why.starts_with("load failed")),
        "{failure}"
    );
    assert!(setup.host.status(&name(NAME)).unwrap().restarting.is_some());
    assert!(matches!(add(&handle).await, Err(CallError::Unavailable { .. })));
    setup.load(&Guest::new(NAME, "1.0.1", 1)).await.unwrap();
    assert_eq!(add(&handle).await, Ok(1), "from the recorded state");
    assert!(setup.host.status(&name(NAME)).unwrap().restarting.is_none());
    assert_eq!(setup.metrics(NAME).abandoned, 0);
}

#[tokio::test]
async fn a_reload_does_not_wait_for_a_restart() {
    let setup = Setup::with(|options| options.restart_delay = std::time::Duration::from_secs(3_600));
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    setup.host.checkpoint(&name(NAME)).await.unwrap();
    // The first restart is at once, the second in an hour.
    handle.call("trap", vec![]).await.unwrap_err();
    assert!(setup.host.status(&name(NAME)).unwrap().restarting.is_some());
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call("add", vec![]).await }
    });
    while setup.metrics(NAME).waiting < 1 {
        tokio::task::yield_now().await;
    }
    // A candidate that fails leaves it waiting for its restart.
    setup.load(&Guest::new(NAME, "1.0.1", 1).bad(Bad::Fail("check"))).await.unwrap_err();
    assert!(setup.host.status(&name(NAME)).unwrap().restarting.is_some());
    setup.load(&Guest::new(NAME, "2.0.0", 2)).await.unwrap();
    let reply = waiting.await.unwrap().unwrap();
    assert_eq!((crate::support::word(&reply.result[..8]), reply.live.generation), (2, 2));
    assert_eq!(setup.metrics(NAME).abandoned, 0);
}

#[tokio::test]
async fn an_old_version_that_traps_when_it_saves_is_restarted() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1).bad(Bad::TrapInLaterSave)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    setup.host.checkpoint(&name(NAME)).await.unwrap();
    add(&handle).await.unwrap();
    let next = setup.manifest(&Guest::new(NAME, "1.1.0", 1), json!({}));
    let failure =
        setup.host.reload(next.clone(), ReloadOptions::default().without_preflight()).await.unwrap_err();
    assert_eq!(crate::support::reported(&failure), "snapshot trapped");
    let reply = handle.call("get", vec![]).await.unwrap();
    assert_eq!((crate::support::word(&reply.result), reply.live.generation), (1, 1), "as it was recorded");
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.traps, metrics.restarts, metrics.lost_by_restart), (1, 1, 1));
    setup.host.load(next).await.unwrap();
    assert_eq!(add(&handle).await, Ok(2));
}

#[tokio::test]
async fn a_state_that_is_too_large_for_the_candidate_leaves_the_old_version_untouched() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let small = setup.manifest(&Guest::new(NAME, "1.1.0", 1), json!({"limits": {"state_bytes_max": 4}}));
    let failure = setup.host.reload(small, ReloadOptions::default().without_preflight()).await.unwrap_err();
    assert_eq!(crate::support::reported(&failure), "snapshot state_too_large");
    assert_eq!(add(&handle).await, Ok(2));
}

#[tokio::test]
async fn unloading_answers_what_was_accepted_and_records_the_state() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { add(&handle).await })
        })
        .collect();
    tokio::task::yield_now().await;
    setup.host.unload(&name(NAME)).await;
    let mut answered = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => assert_eq!(error, CallError::Unloaded(name(NAME))),
        }
    }
    assert_eq!(add(&handle).await, Err(CallError::Unloaded(name(NAME))));
    // It starts again with what was acknowledged.
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    assert_eq!(setup.get().await, answered);
}
