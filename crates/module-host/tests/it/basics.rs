use midflight_module_host::{ModulePhase, ReloadOutcome};
use serde_json::json;

use crate::support::{NAME, Setup, add, name, reported, word};
use midflight_testkit::guest::Guest;

#[tokio::test]
async fn a_reload_keeps_the_state_and_the_handle() {
    let setup = Setup::new();
    let first = setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    assert_eq!((first.generation, first.outcome, first.from_version), (1, ReloadOutcome::Committed, None));
    let handle = setup.handle(NAME);
    assert_eq!(add(&handle).await, Ok(1));
    let report = setup.load(&Guest::new(NAME, "1.1.0", 1)).await.unwrap();
    assert_eq!((report.generation, report.from_version.as_deref()), (2, Some("1.0.0")));
    let phases: Vec<_> = report.phases.iter().map(|phase| phase.phase).collect();
    assert_eq!(phases, ModulePhase::ALL);
    assert_eq!((report.migrated_from, report.state_bytes), (None, 8));
    let reply = handle.call("add", vec![]).await.unwrap();
    assert_eq!(word(&reply.result), 2);
    assert_eq!((reply.live.generation, reply.live.manifest.version.as_str()), (2, "1.1.0"));
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.accepted, metrics.answered, metrics.abandoned, metrics.committed), (2, 2, 0, 2));
    assert_eq!(metrics.pauses.count(), 2);
}

#[tokio::test]
async fn the_code_migrates_through_each_version() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    setup.add().await.unwrap();
    let report = setup.load(&Guest::new(NAME, "3.0.0", 3)).await.unwrap();
    assert_eq!((report.migrated_from, report.steps), (Some(1), 2));
    assert_eq!(setup.state().await, (3, vec![1, 101, 102]));
    setup.add().await.unwrap();
    let report = setup.load(&Guest::new(NAME, "4.0.0", 4)).await.unwrap();
    assert_eq!((report.migrated_from, report.steps), (Some(3), 1));
    assert_eq!(setup.state().await, (4, vec![2, 101, 102, 103]));
    // And back, to a version that accepts the later schema.
    let report = setup.load(&Guest::new(NAME, "1.0.0", 1).accepts(&[1, 2, 3, 4])).await.unwrap();
    assert_eq!((report.migrated_from, report.steps), (Some(4), 3));
    assert_eq!(setup.state().await, (1, vec![2]));
}

#[tokio::test]
async fn the_second_and_the_third_update_in_a_row_are_done_too() {
    let setup = Setup::new();
    for (i, version) in ["1.0.0", "1.0.1", "1.0.2", "1.0.3"].into_iter().enumerate() {
        let report = setup.load(&Guest::new(NAME, version, 1)).await.unwrap();
        assert_eq!(report.generation, i as u64 + 1);
        assert_eq!(setup.add().await, Ok(i as u64 + 1));
    }
}

#[tokio::test]
async fn back_to_the_first_version_is_a_reload_and_the_same_manifest_is_none() {
    let setup = Setup::new();
    let (one, two) = (Guest::new(NAME, "1.0.0", 1), Guest::new(NAME, "2.0.0", 1).step(10));
    for (guest, outcome, sum) in [
        (&one, ReloadOutcome::Committed, 1),
        (&one, ReloadOutcome::Unchanged, 2),
        (&two, ReloadOutcome::Committed, 12),
        (&one, ReloadOutcome::Committed, 13),
        (&one, ReloadOutcome::Unchanged, 14),
        (&two, ReloadOutcome::Committed, 24),
    ] {
        assert_eq!(setup.load(guest).await.unwrap().outcome, outcome);
        assert_eq!(setup.add().await, Ok(sum));
    }
    assert_eq!(setup.metrics(NAME).unchanged, 2);
}

#[tokio::test]
async fn a_change_of_the_config_or_of_a_limit_alone_reaches_the_instance() {
    let setup = Setup::new();
    let guest = Guest::new(NAME, "1.0.0", 1).imports(&["config"]);
    let config = async |members| {
        let report = setup.host.load(setup.manifest(&guest, members)).await.unwrap();
        assert_eq!(report.outcome, ReloadOutcome::Committed);
        let reply = setup.handle(NAME).call("c", vec![]).await.unwrap();
        String::from_utf8(reply.result).unwrap()
    };
    assert_eq!(config(json!({"config": {"limit": 1}})).await, r#"{"limit":1}"#);
    assert_eq!(config(json!({"config": {"limit": 2}})).await, r#"{"limit":2}"#);
    assert_eq!(
        config(json!({"config": {"limit": 2}, "limits": {"call_ms_max": 900}})).await,
        r#"{"limit":2}"#
    );
    setup.add().await.unwrap();
    assert_eq!(config(json!({})).await, "null");
    assert_eq!(setup.get().await, 1);
}

#[tokio::test]
async fn a_module_has_what_its_manifest_grants() {
    let setup = Setup::new();
    let guest = Guest::new(NAME, "1.0.0", 1).imports(&["log", "now", "random", "config"]);
    setup.load(&guest).await.unwrap();
    assert_eq!(setup.add().await, Ok(1));
    let fewer = setup.manifest(&guest, json!({"capabilities": ["log", "random"], "config": 1}));
    let failure = setup.host.load(fewer).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare import_not_granted");
    assert!(failure.message.contains("add \"now\" to capabilities"), "{}", failure.message);
    assert_eq!(setup.add().await, Ok(2));
}

#[tokio::test]
async fn modules_call_modules() {
    let setup = Setup::new();
    setup.load(&Guest::new("other", "1.0.0", 1).step(5)).await.unwrap();
    setup.load(&Guest::new(NAME, "1.0.0", 1).imports(&["call"])).await.unwrap();
    let handle = setup.handle(NAME);
    assert_eq!(word(&handle.call("x", vec![]).await.unwrap().result), 5);
    assert_eq!(word(&handle.call("x", vec![]).await.unwrap().result), 10);
    setup.host.unload(&name("other")).await;
    let failure = handle.call("x", vec![]).await.unwrap_err();
    assert_eq!(failure.to_string(), "no_module: no module \"other\"");
    assert_eq!(setup.metrics(NAME).traps, 0);
}

#[tokio::test]
async fn a_dry_run_reports_the_changes_and_changes_nothing() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    setup.add().await.unwrap();
    let before = setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest();
    let next = setup.manifest(&Guest::new(NAME, "3.0.0", 3), json!({"probes": [{"operation": "add"}]}));
    let report = setup.host.dry_run(next.clone()).await.unwrap();
    assert_eq!((report.from_schema, report.to_schema, report.steps, report.state_bytes), (Some(1), 3, 2, 24));
    assert_eq!((report.probes, report.is_unchanged), (1, false));
    assert_eq!(setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest(), before);
    assert_eq!(setup.host.load(next).await.unwrap().generation, 2);
    let state = setup.host.export_state(&name(NAME)).await.unwrap().unwrap();
    assert_eq!(state.digest(), report.state_digest, "and it came to that");
    // One of a module that is not there leaves none.
    let absent = setup.manifest(&Guest::new("absent", "1.0.0", 1), json!({}));
    setup.host.dry_run(absent).await.unwrap();
    assert!(setup.host.status(&name("absent")).is_none());
}

#[tokio::test]
async fn probes_run_on_a_clone() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    setup.add().await.unwrap();
    let probes = json!({"probes": [
        {"operation": "add"},
        {"operation": "echo", "payload": "hello", "expect": {"result": "hello"}},
        {"operation": "fail", "expect": {"failure": "failure"}},
    ]});
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.1.0", 1), probes)).await.unwrap();
    assert_eq!(setup.get().await, 1, "the probes did not count");
    let probes = json!({"probes": [{"operation": "echo", "payload": "hello", "expect": {"result": "bye"}}]});
    let failure = setup.host.load(setup.manifest(&Guest::new(NAME, "1.2.0", 1), probes)).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare probe_failed");
    assert!(failure.message.contains("\"hello\""), "{}", failure.message);
}

#[tokio::test]
async fn compiled_components_are_found_again_by_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let guest = Guest::new(NAME, "1.0.0", 1);
    let counts = async || {
        let setup = Setup::with(|options| options.cache_folder = Some(cache.clone()));
        setup.load(&guest).await.unwrap();
        assert_eq!(setup.add().await, Ok(1));
        setup.host.cache_counts()
    };
    let first = counts().await;
    assert_eq!((first.compiled, first.file_hits), (2, 0), "for each engine once");
    let second = counts().await;
    assert_eq!((second.compiled, second.file_hits), (0, 2));
    // A file that was not written completely, or was changed, is compiled again.
    for file in std::fs::read_dir(&cache).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let third = counts().await;
    assert_eq!((third.compiled, third.file_hits), (2, 0));
    // A folder that cannot be written costs time alone.
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "a file").unwrap();
    let fourth = counts().await;
    assert_eq!((fourth.compiled, fourth.write_failures), (2, 2));
}

#[tokio::test]
async fn memory_is_reserved_before_and_given_back() {
    let setup = Setup::with(|options| options.memory_bytes_max = 10 << 20);
    let limits = json!({"limits": {"memory_bytes_max": 4 << 20}});
    let load = async |version: &str, name: &str| {
        setup.host.load(setup.manifest(&Guest::new(name, version, 1), limits.clone())).await
    };
    load("1.0.0", "a").await.unwrap();
    assert_eq!(setup.host.reserved_bytes(), 4 << 20);
    load("1.0.1", "a").await.unwrap();
    // The replaced instance is retained for its grace, so there is no room for a candidate.
    let failure = load("1.0.0", "b").await.unwrap_err();
    assert_eq!(reported(&failure), "prepare memory_budget");
    setup.host.unload(&name("a")).await;
    load("1.0.0", "b").await.unwrap();
    assert_eq!(setup.host.reserved_bytes(), 4 << 20);
}
