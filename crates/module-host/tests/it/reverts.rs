use std::sync::{Arc, Mutex};

use midflight_module_host::{ReloadOptions, ReloadOutcome, StateSnapshot};
use serde_json::json;

use crate::support::{NAME, Setup, add, name, reported};
use midflight_testkit::guest::Guest;

#[tokio::test]
async fn a_return_is_exact_or_refused() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let refused = setup.host.return_to_previous(&name(NAME)).await.unwrap_err();
    assert_eq!(refused.code, "nothing_retained");
    let before = setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest();
    setup.load(&Guest::new(NAME, "2.0.0", 2)).await.unwrap();
    assert_eq!(setup.host.status(&name(NAME)).unwrap().retained, Some(1));
    let report = setup.host.return_to_previous(&name(NAME)).await.unwrap();
    assert_eq!(
        (report.outcome, report.generation, report.to_version.as_str()),
        (ReloadOutcome::Returned, 1, "1.0.0")
    );
    assert_eq!(setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest(), before);
    assert_eq!(add(&handle).await, Ok(2));

    assert_eq!(setup.load(&Guest::new(NAME, "2.0.0", 2)).await.unwrap().generation, 3);
    add(&handle).await.unwrap();
    let refused = setup.host.return_to_previous(&name(NAME)).await.unwrap_err();
    assert_eq!(refused.code, "not_exact");
    assert!(refused.message.starts_with("1 messages were acknowledged"), "{refused}");
    // Without grace nothing is retained.
    let none = setup.manifest(&Guest::new(NAME, "3.0.0", 2), json!({"limits": {"grace_ms": 0}}));
    setup.host.load(none).await.unwrap();
    assert_eq!(setup.host.return_to_previous(&name(NAME)).await.unwrap_err().code, "nothing_retained");
    assert_eq!(add(&handle).await, Ok(4));
}

#[tokio::test]
async fn a_generation_is_restored_and_reports_what_that_undoes() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    setup.load(&Guest::new(NAME, "2.0.0", 2)).await.unwrap();
    for _ in 0..3 {
        add(&handle).await.unwrap();
    }
    setup.load(&Guest::new(NAME, "3.0.0", 3)).await.unwrap();
    for _ in 0..5 {
        add(&handle).await.unwrap();
    }
    let failure = setup.host.restore_generation(&name(NAME), 9, "a test").await.unwrap_err();
    assert_eq!(reported(&failure), "prepare unknown_generation");
    let report = setup.host.restore_generation(&name(NAME), 1, "a test").await.unwrap();
    assert_eq!((report.generation, report.to_version.as_str(), report.undone), (4, "1.0.0", 8));
    assert_eq!(setup.state().await, (1, vec![1]));
    let history = setup.host.history(&name(NAME)).await.unwrap();
    assert_eq!((&*history.generations[&3].reason, &*history.generations[&4].reason), ("", "a test"));
    // The one that was undone is there too.
    let report = setup.host.restore_generation(&name(NAME), 3, "a test").await.unwrap();
    assert_eq!((report.generation, report.undone), (5, 0));
    assert_eq!(setup.state().await, (3, vec![9, 101, 102]));
}

#[tokio::test]
async fn a_state_is_exported_and_imported() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "2.0.0", 2)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let exported = setup.host.export_state(&name(NAME)).await.unwrap().unwrap();
    add(&handle).await.unwrap();
    let report = setup.host.import_state(&name(NAME), (*exported).clone(), "a test").await.unwrap();
    assert_eq!((report.undone, report.generation), (2, 2));
    assert_eq!(add(&handle).await, Ok(2));
    // An older schema is migrated; one that does not check is refused.
    let older = StateSnapshot { schema: 1, bytes: 7_u64.to_le_bytes().to_vec() };
    setup.host.import_state(&name(NAME), older, "a test").await.unwrap();
    assert_eq!(setup.state().await, (2, vec![7, 101]));
    let bad = StateSnapshot { schema: 2, bytes: vec![0; 16] };
    let failure = setup.host.import_state(&name(NAME), bad, "a test").await.unwrap_err();
    assert_eq!(reported(&failure), "prepare check_failed");
    assert_eq!(add(&handle).await, Ok(8));
}

#[tokio::test]
async fn a_restore_can_be_tried_and_what_was_left_is_remembered() {
    let told_reloads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told_reloads);
    let setup = Setup::with(|options| {
        options.observer = Some(Arc::new(move |record| {
            let result = record.result.as_ref();
            let reported =
                result.map_or_else(reported, |report| format!("{:?} {}", report.outcome, report.to_version));
            kept.lock().unwrap().push((reported, record.reason.clone()));
        }));
    });
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    add(&handle).await.unwrap();
    let second = setup.manifest(&Guest::new(NAME, "2.0.0", 2), json!({}));
    setup.host.load(Arc::clone(&second)).await.unwrap();
    let withdrawn = || setup.host.status(&name(NAME)).unwrap().withdrawn;
    assert_eq!(withdrawn(), None);
    add(&handle).await.unwrap();
    let tried = setup.host.try_restore(&name(NAME), 1).await.unwrap();
    assert_eq!((tried.undone, tried.to_schema, tried.from_schema), (1, 1, Some(1)));
    assert_eq!(setup.state().await, (2, vec![2, 101]));
    setup.host.restore_generation(&name(NAME), 1, "a test").await.unwrap();
    assert_eq!(withdrawn(), Some(second.digest));
    // It is back when it is asked for, and the same again when that is forced.
    setup.host.load(Arc::clone(&second)).await.unwrap();
    assert_eq!(withdrawn(), None);
    assert_eq!(setup.host.load(Arc::clone(&second)).await.unwrap().outcome, ReloadOutcome::Unchanged);
    let forced = setup.host.reload(Arc::clone(&second), ReloadOptions::default().forced()).await.unwrap();
    assert_eq!((forced.outcome, forced.generation), (ReloadOutcome::Committed, 5));
    // One that does not wait is refused while another is under way.
    let prepared = setup.host.prepare(Arc::clone(&second), ReloadOptions::default().forced()).await.unwrap();
    let aside = ReloadOptions::default().forced().if_idle();
    let failure = setup.host.reload(Arc::clone(&second), aside.clone()).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare reload_in_progress");
    drop(prepared);
    setup.host.reload(second, aside.because("asked")).await.unwrap();
    let told_reloads = told_reloads.lock().unwrap();
    let versions: Vec<_> = told_reloads.iter().map(|(reported, _)| reported.as_str()).collect();
    assert_eq!(
        versions,
        [
            "Committed 1.0.0",
            "Committed 2.0.0",
            "Committed 1.0.0",
            "Committed 2.0.0",
            "Committed 2.0.0",
            "Committed 2.0.0"
        ]
    );
    let reasons: Vec<_> = told_reloads.iter().filter_map(|(_, reason)| reason.as_deref()).collect();
    assert_eq!(reasons, ["a test", "asked"]);
}
