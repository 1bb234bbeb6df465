use std::sync::Arc;

use midflight_core::Digest;
use midflight_module_host::{CallError, ReloadOptions};
use serde_json::{Value, json};

use crate::support::{NAME, Setup, add, name, reported};
use midflight_testkit::guest::{Bad, Guest, component};

/// Loads a good version, then refuses a bad one, with and without trying it before the pause; gives the failures.
async fn refuse(bytes: &[u8], guest: &Guest, members: Value) -> Vec<String> {
    let mut failures = Vec::new();
    for options in [ReloadOptions::default(), ReloadOptions::default().without_preflight()] {
        let setup = Setup::new();
        setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
        let handle = setup.handle(NAME);
        add(&handle).await.unwrap();
        let before = setup.host.export_state(&name(NAME)).await.unwrap().unwrap().digest();
        let manifest = setup.manifest_of(bytes, guest, members.clone());
        let failure = setup.host.reload(manifest, options).await.unwrap_err();
        failures.push(reported(&failure));
        assert!(failure.message.len() < 2_000, "{failure}");
        let state = setup.host.export_state(&name(NAME)).await.unwrap().unwrap();
        assert_eq!(state.digest(), before, "{failure}");
        assert_eq!(add(&handle).await, Ok(2), "the old version answers: {failure}");
        setup.load(&Guest::new(NAME, "1.0.1", 1)).await.unwrap();
        assert_eq!(add(&handle).await, Ok(3), "and is reloaded: {failure}");
        assert_eq!(setup.metrics(NAME).abandoned, 0);
    }
    failures
}

async fn refuse_bad(bad: Bad) -> Vec<String> {
    let guest = Guest::new(NAME, "2.0.0", 2).bad(bad);
    refuse(&guest.build(), &guest, json!({"limits": {"memory_bytes_max": 4 << 20, "restore_ms_max": 200}}))
        .await
}

#[tokio::test]
async fn bytes_that_are_no_component_of_this_world() {
    let guest = Guest::new(NAME, "2.0.0", 2);
    assert_eq!(refuse(b"no WASM at all", &guest, json!({})).await, ["prepare corrupt_component"; 2]);
    assert_eq!(refuse(b"", &guest, json!({})).await, ["prepare corrupt_component"; 2]);
    assert_eq!(refuse(&guest.core(), &guest, json!({})).await, ["prepare core_module"; 2]);
    let good = guest.build();
    // In the middle of its code: the instruction `i32.const 4096`.
    let at = good.windows(3).position(|bytes| bytes == [0x41, 0x80, 0x20]).unwrap();
    let mut changed = good.clone();
    changed[at..at + 3].fill(0xff);
    assert_eq!(refuse(&changed, &guest, json!({})).await, ["prepare corrupt_component"; 2]);
    assert_eq!(refuse(&good[..at], &guest, json!({})).await, ["prepare corrupt_component"; 2]);
    let other = component(
        r#"(module (memory (export "memory") 1) (func (export "run")))"#,
        "package test:other; world other { export run: func(); }",
        "other",
    );
    assert_eq!(refuse(&other, &guest, json!({})).await, ["prepare wrong_world"; 2]);
    // The interface of that name with other types.
    let twisted = component(
        r#"(module (memory (export "memory") 1) (func (export "midflight:module/guest@1.0.0#save") (result i64) i64.const 1))"#,
        "package midflight:module@1.0.0; interface guest { save: func() -> u64; } world hosted { export guest; }",
        "hosted",
    );
    assert_eq!(refuse(&twisted, &guest, json!({})).await, ["prepare wrong_world"; 2]);
}

#[tokio::test]
async fn imports_that_are_unknown_or_not_granted() {
    let guest = Guest::new(NAME, "2.0.0", 2);
    let unknown = component(
        r#"(module (import "test:other/files" "open" (func)) (memory (export "memory") 1))"#,
        "package test:other; interface files { open: func(); } world other { import files; }",
        "other",
    );
    assert_eq!(refuse(&unknown, &guest, json!({})).await, ["prepare unknown_import"; 2]);
    let wants = Guest::new(NAME, "2.0.0", 2).imports(&["emit"]);
    assert_eq!(refuse(&wants.build(), &guest, json!({})).await, ["prepare import_not_granted"; 2]);
}

#[tokio::test]
async fn a_guest_that_is_lifted_asynchronously() {
    // A component that uses an option of asynchronous lifting, which this host leaves out.
    let text = r#"(component
        (core module $m (func (export "run") (result i32) i32.const 0) (func (export "cb") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "run") async (canon lift (core func $i "run") async (callback (core func $i "cb")))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let failures = refuse(&bytes, &Guest::new(NAME, "2.0.0", 2), json!({})).await;
    assert_eq!(failures, ["prepare unsupported_feature"; 2]);
}

#[tokio::test]
async fn a_forged_digest_and_a_missing_component() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let guest = Guest::new(NAME, "2.0.0", 2);
    let manifest = setup.manifest(&guest, json!({}));
    let digest = Digest::of_bytes(&guest.build());
    setup.blobs.put_as(digest, &Guest::new(NAME, "2.0.0", 2).step(7).build());
    let failure = setup.host.load(manifest).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare digest_mismatch");
    let absent = json!({"component": format!("sha256:{}", Digest::of_bytes(b"absent"))});
    let failure = setup.host.load(setup.manifest(&guest, absent)).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare missing_blob");
    assert_eq!(setup.add().await, Ok(1));
}

#[tokio::test]
async fn a_description_that_is_not_the_manifests() {
    let guest = Guest::new(NAME, "2.0.0", 2);
    for lie in [Guest::new("other", "2.0.0", 2), Guest::new(NAME, "2.0.1", 2), Guest::new(NAME, "2.0.0", 3)] {
        assert_eq!(refuse(&lie.build(), &guest, json!({})).await, ["prepare wrong_description"; 2]);
    }
    assert_eq!(refuse_bad(Bad::Utf8).await, ["prepare trapped"; 2]);
}

#[tokio::test]
async fn traps_in_each_export() {
    assert_eq!(refuse_bad(Bad::Trap("describe")).await, ["prepare trapped"; 2]);
    assert_eq!(refuse_bad(Bad::Trap("init")).await, ["prepare trapped"; 2]);
    assert_eq!(refuse_bad(Bad::Trap("load")).await, ["prepare trapped", "restore trapped"]);
    assert_eq!(refuse_bad(Bad::Trap("save")).await, ["prepare trapped", "verify trapped"]);
    assert_eq!(refuse_bad(Bad::Trap("check")).await, ["prepare trapped", "verify trapped"]);
    let guest = Guest::new(NAME, "2.0.0", 2).bad(Bad::Trap("handle"));
    let probes = json!({"probes": [{"operation": "get"}]});
    assert_eq!(refuse(&guest.build(), &guest, probes).await, ["prepare trapped", "verify trapped"]);
}

#[tokio::test]
async fn exports_that_do_not_end() {
    assert_eq!(refuse_bad(Bad::Spin("describe")).await, ["prepare fuel_exceeded"; 2]);
    assert_eq!(refuse_bad(Bad::Spin("init")).await, ["prepare fuel_exceeded", "prepare deadline_exceeded"]);
    assert_eq!(refuse_bad(Bad::Spin("load")).await, ["prepare fuel_exceeded", "restore deadline_exceeded"]);
    assert_eq!(refuse_bad(Bad::Spin("save")).await, ["prepare fuel_exceeded", "verify deadline_exceeded"]);
    assert_eq!(refuse_bad(Bad::Spin("check")).await, ["prepare fuel_exceeded", "verify deadline_exceeded"]);
}

#[tokio::test]
async fn exports_that_allocate_without_end() {
    assert_eq!(refuse_bad(Bad::Allocate("init")).await, ["prepare trapped"; 2]);
    assert_eq!(refuse_bad(Bad::Allocate("load")).await, ["prepare trapped", "restore trapped"]);
    assert_eq!(refuse_bad(Bad::Allocate("check")).await, ["prepare trapped", "verify trapped"]);
}

#[tokio::test]
async fn saves_that_are_too_large_or_change_the_state() {
    assert_eq!(refuse_bad(Bad::HugeSave).await, ["prepare trapped", "verify trapped"]);
    assert_eq!(refuse_bad(Bad::UnstableSave).await, ["prepare unstable_save", "verify unstable_save"]);
    assert_eq!(refuse_bad(Bad::WrongSchema).await, ["prepare wrong_schema", "verify wrong_schema"]);
    let large = Guest::new(NAME, "2.0.0", 2).pad(1 << 20);
    let limits = json!({"limits": {"state_bytes_max": 1 << 19}});
    assert_eq!(
        refuse(&large.build(), &large, limits).await,
        ["prepare state_too_large", "verify state_too_large"]
    );
}

#[tokio::test]
async fn failures_of_init_load_and_check() {
    assert_eq!(refuse_bad(Bad::Fail("init")).await, ["prepare init_failed"; 2]);
    assert_eq!(refuse_bad(Bad::Fail("load")).await, ["prepare load_failed", "restore load_failed"]);
    assert_eq!(refuse_bad(Bad::Fail("check")).await, ["prepare check_failed", "verify check_failed"]);
    assert_eq!(refuse_bad(Bad::EmitInInit).await, ["prepare trapped"; 2]);
}

#[tokio::test]
async fn a_state_that_no_schema_accepts() {
    let guest = Guest::new(NAME, "3.0.0", 3).accepts(&[2, 3]);
    assert_eq!(refuse(&guest.build(), &guest, json!({})).await, ["prepare schema_not_accepted"; 2]);
    // A state that is not JSON, with a migration that needs JSON.
    let hops = json!({"migrations": [{"from": 1, "to": 2, "steps": [{"remove": "/a"}]}]});
    let failures = refuse(&guest.build(), &guest, hops).await;
    assert_eq!(failures, ["prepare migration_failed", "migrate migration_failed"]);
}

#[tokio::test]
async fn a_downgrade_that_the_manifest_refuses() {
    let setup = Setup::new();
    let policy = json!({"downgrade": "refuse"});
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.10.0", 1), policy.clone())).await.unwrap();
    let failure = setup.load(&Guest::new(NAME, "1.9.0", 1)).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare downgrade");
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.11.0", 1), policy)).await.unwrap();
}

#[tokio::test]
async fn a_candidate_that_failed_cools_down_unless_it_is_forced() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    setup.fail_in(midflight_module_host::ModulePhase::Verify);
    let next = setup.manifest(&Guest::new(NAME, "2.0.0", 2), json!({"limits": {"cool_down_ms": 3_600_000}}));
    assert_eq!(reported(&setup.host.load(Arc::clone(&next)).await.unwrap_err()), "verify fault");
    assert_eq!(reported(&setup.host.load(Arc::clone(&next)).await.unwrap_err()), "prepare cool_down");
    setup.load(&Guest::new(NAME, "1.0.1", 1)).await.unwrap();
    setup.host.reload(next, ReloadOptions::default().forced()).await.unwrap();
}

#[tokio::test]
async fn two_reloads_at_once_and_a_third_that_replaces_the_second() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let manifest = |version| setup.manifest(&Guest::new(NAME, version, 1), json!({}));
    let prepared = setup.host.prepare(manifest("2.0.0"), ReloadOptions::default()).await.unwrap().unwrap();
    let paused = prepared.pause().await.unwrap();
    let queue = |manifest| {
        let host = setup.host.clone();
        tokio::spawn(async move { host.load(manifest).await })
    };
    let second = queue(manifest("3.0.0"));
    tokio::task::yield_now().await;
    let third = queue(manifest("4.0.0"));
    tokio::task::yield_now().await;
    paused.commit().await.unwrap();
    let refused = second.await.unwrap().unwrap_err();
    assert_eq!(reported(&refused), "prepare superseded");
    let report = third.await.unwrap().unwrap();
    assert_eq!((report.from_version.as_deref(), report.to_version.as_str()), (Some("2.0.0"), "4.0.0"));
}

#[tokio::test]
async fn a_message_that_is_too_large_or_meets_a_full_mailbox_is_refused() {
    let setup = Setup::new();
    let limits = json!({"limits": {"mailbox_messages_max": 2, "message_bytes_max": 4}});
    setup.host.load(setup.manifest(&Guest::new(NAME, "1.0.0", 1), limits.clone())).await.unwrap();
    let handle = setup.handle(NAME);
    let refused = handle.call("echo", vec![0; 5]).await.unwrap_err();
    assert_eq!(refused, CallError::TooLarge { bytes: 5, max: 4 });
    let reply = handle.call("add", vec![]).await.unwrap_err();
    assert!(reply.to_string().starts_with("reply_too_large"), "{reply}");

    let next = setup.manifest(&Guest::new(NAME, "1.1.0", 1), json!({"limits": {"mailbox_messages_max": 2}}));
    let prepared = setup.host.prepare(next, ReloadOptions::default()).await.unwrap().unwrap();
    let paused = prepared.pause().await.unwrap();
    let call = |handle: &midflight_module_host::ModuleHandle| {
        let handle = handle.clone();
        tokio::spawn(async move { add(&handle).await })
    };
    let calls: Vec<_> = (0..3).map(|_| call(&handle)).collect();
    while setup.metrics(NAME).waiting < 2 {
        tokio::task::yield_now().await;
    }
    let refused = handle.try_call("add", vec![]).await.unwrap_err();
    assert_eq!(refused, CallError::Full { module: name(NAME) });
    paused.commit().await.unwrap();
    let mut counts = Vec::new();
    for call in calls {
        counts.push(call.await.unwrap().unwrap());
    }
    assert_eq!(counts, [2, 3, 4], "none is lost, and the third waited for a place");
    assert_eq!((setup.metrics(NAME).refused_full, setup.metrics(NAME).abandoned), (1, 0));
}
