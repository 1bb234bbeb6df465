//! What is refused of modules: bytes that are no component, messages that harm, and bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::Digest;
use midflight_server::Backend;
use midflight_store::conformance::StoreRoute;
use midflight_store::{MemoryStore, StoreError};
use midflight_testkit::guest::{Bad, Guest, component};
use reqwest::Method;
use serde_json::{Value, json};

use crate::modules_support::{NAME, manifest};
use crate::support::{DEADLINE, Server, answer, client, options, server, server_with};
use crate::tokens::token;

/// Puts bytes and a manifest of them; gives the word of why it is refused, with the phase, and sees that nothing has
/// changed.
async fn refused(server: &Server, bytes: &[u8], guest: &Guest) -> String {
    let revision = server.revision().await;
    server.put_blob(bytes).await;
    let put = server.put("/api/v1/modules/counter", &manifest(bytes, guest, json!({}))).await;
    let problem = put.problem(422, "rejected");
    let error = &problem["errors"][0];
    assert_eq!(error["document"], "modules/counter", "{problem}");
    assert_eq!(server.revision().await, revision);
    assert_eq!(server.call(NAME, "get").await.ok()["module_version"], "1.0.0");
    error["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn bad_components_are_refused_by_name_and_change_nothing() {
    let server = server().await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    let guest = Guest::new(NAME, "2.0.0", 2);
    let good = guest.build();
    let other =
        component("(module (func (export \"run\")))", "package a:b; world w { export run: func(); }", "w");
    assert_eq!(refused(&server, b"no WASM at all", &guest).await, "corrupt_component");
    assert_eq!(refused(&server, &good[..20], &guest).await, "corrupt_component");
    assert_eq!(refused(&server, &guest.core(), &guest).await, "core_module");
    assert_eq!(refused(&server, &other, &guest).await, "wrong_world");
    let lies = Guest::new(NAME, "2.0.1", 2);
    assert_eq!(refused(&server, &lies.build(), &guest).await, "wrong_description");
    for (bad, code) in [
        (Bad::Trap("load"), "trapped"),
        (Bad::Spin("init"), "fuel_exceeded"),
        (Bad::Fail("check"), "check_failed"),
        (Bad::HugeSave, "trapped"),
        (Bad::UnstableSave, "unstable_save"),
    ] {
        let guest = guest.clone().bad(bad);
        assert_eq!(refused(&server, &guest.build(), &guest).await, code, "{bad:?}");
    }
    let wants = guest.clone().imports(&["log"]);
    assert_eq!(refused(&server, &wants.build(), &guest).await, "import_not_granted");
    let failed = server.get("/api/v1/modules/counter/reloads").await.ok();
    assert_eq!(
        (&failed["items"][0]["status"], &failed["items"][0]["failed_phase"]),
        (&json!("failed"), &json!("prepare"))
    );
    // And the next one is good.
    server.load(&guest).await;
    assert_eq!(server.call(NAME, "get").await.ok()["module_version"], "2.0.0");
}

#[tokio::test]
async fn a_manifest_whose_component_is_not_there_is_refused_with_the_cure() {
    let server = server().await;
    let guest = Guest::new(NAME, "1.0.0", 1);
    let bytes = guest.build();
    let put = server.put("/api/v1/modules/counter", &manifest(&bytes, &guest, json!({}))).await;
    let problem = put.problem(422, "rejected");
    let error = &problem["errors"][0];
    assert_eq!(error["code"], "missing_blob");
    let (message, digest) = (error["message"].as_str().unwrap(), Digest::of_bytes(&bytes));
    assert!(message.contains(&format!("sha256:{digest}")), "{message}");
    assert!(message.contains(&format!("`midflight module load` or PUT /api/v1/blobs/{digest}")), "{message}");
    assert_eq!(server.revision().await, 0);
    server.call(NAME, "get").await.problem(404, "not_found");
}

/// A store that is slow from some time on, so that what is read of it is old when it is used.
struct SlowStore {
    log: MemoryStore,
    is_slow: Arc<AtomicBool>,
}

#[async_trait]
impl StoreRoute for SlowStore {
    async fn reach(&self) -> Result<MemoryStore, StoreError> {
        if self.is_slow.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(self.log.clone())
    }
}

#[tokio::test]
async fn blobs_that_are_put_at_the_same_time_do_not_pass_the_bound_together() {
    let is_slow = Arc::new(AtomicBool::new(false));
    let store = Arc::new(SlowStore { log: MemoryStore::new(), is_slow: Arc::clone(&is_slow) });
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&dir);
    options.modules.blobs_bytes_max = 1_500;
    let running = midflight_server::start_on(options, Backend::of_store(store)).await.unwrap();
    let token = running.first_token().unwrap().to_owned();
    let server = Server { running, token, client: client(), dir };
    is_slow.store(true, Ordering::Relaxed);
    let blobs: Vec<_> = (0..4).map(|nth| vec![nth; 1_000]).collect();
    let put = futures_util::future::join_all(blobs.iter().map(|bytes| server.put_blob(bytes))).await;
    let mut statuses: Vec<_> = put.iter().map(|put| put.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 507, 507, 507]);
}

#[tokio::test]
async fn blobs_are_put_by_editors_of_some_modules_only() {
    let server = server().await;
    let put = async |scopes: Value| {
        let name = format!("of-{}", scopes.to_string().len());
        let token = token(&server, json!({"name": name, "role": "editor", "scopes": scopes})).await;
        let path = format!("/api/v1/blobs/{}", Digest::of_bytes(b"no WASM"));
        answer(server.anonymous(Method::PUT, &path).bearer_auth(token).body("no WASM")).await
    };
    let refused = put(json!(["rules/modules", "config"])).await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("modules"), "{refused}");
    assert_eq!(put(json!(["rules", "modules/a"])).await.status, 201);
}

#[tokio::test]
async fn blobs_are_kept_by_their_digest_within_bounds() {
    let server = server_with(|options| {
        options.modules.blob_bytes_max = 4 << 20;
        options.modules.blobs_bytes_max = 6 << 20;
    })
    .await;
    // More than other bodies may have.
    let large = vec![7; 3 << 20];
    let digest = Digest::of_bytes(&large).to_string();
    let path = format!("/api/v1/blobs/{digest}");
    assert_eq!(server.client.head(server.url(&path)).send().await.unwrap().status(), 404);
    let put = server.put_blob(&large).await;
    assert_eq!((put.status.as_u16(), put.json), (201, json!({"digest": digest, "bytes": large.len()})));
    assert_eq!(server.put_blob(&large).await.status, 200);
    let got = server.client.get(server.url(&path)).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "application/octet-stream");
    assert_eq!(got.headers()["etag"], format!("\"{digest}\""));
    assert!(got.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(got.bytes().await.unwrap().as_ref(), large);
    let head = server.client.head(server.url(&path)).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()),
        (200, "3145728")
    );
    let again = server.client.get(server.url(&path)).header("if-none-match", format!("\"{digest}\""));
    assert_eq!(again.send().await.unwrap().status(), 304);

    let forged = server.put_blob_as(&digest, b"other bytes").await.problem(422, "blob_digest_mismatch");
    let detail = forged["detail"].as_str().unwrap();
    assert!(
        detail.contains(&digest) && detail.contains(&Digest::of_bytes(b"other bytes").to_string()),
        "{detail}"
    );
    let too_large = server.put_blob(&vec![0; (4 << 20) + 1]).await.problem(413, "too_large");
    assert!(too_large["detail"].as_str().unwrap().contains("blob_bytes_max"), "{too_large}");
    let full = server.put_blob(&vec![1; 4 << 20]).await.problem(507, "blobs_full");
    assert!(full["detail"].as_str().unwrap().contains("blobs_bytes_max"), "{full}");
    server.put_blob_as("abc", b"abc").await.problem(400, "invalid_name");
    let none = Digest::of_bytes(b"none");
    server.get(&format!("/api/v1/blobs/{none}")).await.problem(404, "not_found");
    let no_one = server.anonymous(Method::PUT, &path).body("x");
    answer(no_one).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn messages_that_fail_trap_or_spin_are_answered_and_the_module_goes_on() {
    let server = server().await;
    let quick = json!({"limits": {"call_ms_max": 500, "cool_down_ms": 0, "checkpoint_messages": 1}});
    assert_eq!(server.load_with(&Guest::new(NAME, "1.0.0", 1), quick).await.status, 201);
    assert_eq!(server.add().await, 1);
    let failed = server.call(NAME, "fail").await.problem(422, "module_failed");
    assert_eq!(
        (&failed["errors"][0]["code"], &failed["errors"][0]["message"]),
        (&json!("failure"), &json!("failure"))
    );
    let trapped = server.call(NAME, "trap").await.problem(422, "module_trapped");
    assert!(trapped["detail"].as_str().unwrap().contains("two instances"), "{trapped}");
    let spun = server.call(NAME, "spin").await.problem(504, "module_timeout");
    assert!(spun["detail"].as_str().unwrap().contains("500 ms"), "{spun}");
    assert_eq!(server.counted().await, 1);
    let module = server.get("/api/v1/modules/counter").await.ok();
    let parked: Vec<_> = module["parked"].as_array().unwrap().iter().map(|it| &it["operation"]).collect();
    assert_eq!(parked, ["trap", "spin"]);
    let counters = &module["module"]["counters"];
    assert_eq!(
        (&counters["traps"], &counters["poisoned"], &counters["abandoned"]),
        (&json!(4), &json!(2), &json!(0))
    );
}

#[tokio::test]
async fn a_full_mailbox_is_busy_and_loses_nothing() {
    let server = server().await;
    let small = json!({"limits": {"mailbox_messages_max": 1, "call_ms_max": 3_000, "cool_down_ms": 0}});
    assert_eq!(server.load_with(&Guest::new(NAME, "1.0.0", 1), small).await.status, 201);
    let spin =
        server.request(Method::POST, "/api/v1/modules/counter/call").json(&json!({"operation": "spin"}));
    let spinning = tokio::spawn(answer(spin));
    let is_worked_on = async {
        while server.module(NAME).await["queue"] == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, is_worked_on).await.unwrap();
    let full = server.call(NAME, "add").await;
    assert_eq!(full.headers["retry-after"], "1");
    let full = full.problem(503, "module_mailbox_full");
    assert!(full["detail"].as_str().unwrap().contains("mailbox_messages_max"), "{full}");
    // The server answers meanwhile, and the module afterwards.
    server.get("/health/live").await.ok();
    spinning.await.unwrap().problem(504, "module_timeout");
    assert_eq!(server.add().await, 1);
    let module = server.module(NAME).await;
    assert_eq!(
        (&module["counters"]["refused_full"], &module["counters"]["abandoned"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn the_bound_of_modules_is_named() {
    let server = server_with(|options| options.modules.modules_max = 1).await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    let refused =
        server.load_with(&Guest::new("other", "1.0.0", 1), json!({})).await.problem(422, "rejected");
    assert_eq!(refused["errors"][0]["code"], "too_many_modules");
    assert_eq!(server.add().await, 1);
}
