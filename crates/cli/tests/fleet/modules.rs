//! Modules on several replicas: a component put through one runs on all, and what a killed replica had committed runs
//! again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_testkit::TOKEN;
use midflight_testkit::guest::Guest;
use serde_json::{Value, json};

use crate::harness::{Asker, Fleet, Hints, until};

/// Puts a component and its manifest through a replica; gives the revision.
async fn load(ask: &Asker, url: &str, guest: &Guest) -> u64 {
    let bytes = guest.build();
    let digest = midflight_core::Digest::of_bytes(&bytes);
    let client = reqwest::Client::new();
    let put = client.put(format!("{url}/api/v1/blobs/{digest}")).bearer_auth(TOKEN).body(bytes);
    assert!(put.send().await.unwrap().status().is_success());
    let body = json!({
        "component": format!("sha256:{digest}"),
        "version": guest.version,
        "schema": guest.schema,
        "limits": {"cool_down_ms": 0},
    });
    let changes = json!([{"op": "put", "kind": "modules", "name": guest.name, "body": body}]);
    let (status, output) = ask.post(url, "/api/v1/apply?wait=all", &json!({ "changes": changes })).await;
    assert!(matches!(status, 200 | 201), "{status}: {output}");
    output["revision"].as_u64().unwrap()
}

/// Sends a message to the counter.
async fn call(ask: &Asker, url: &str, operation: &str) -> (u16, Value) {
    ask.post(url, "/api/v1/modules/counter/call", &json!({ "operation": operation })).await
}

/// What a replica answers: the count, and the version that counted.
async fn counted(ask: &Asker, url: &str, operation: &str) -> (u64, String) {
    let (status, output) = call(ask, url, operation).await;
    assert_eq!(status, 200, "{output}");
    let bytes = STANDARD.decode(output["result_base64"].as_str().unwrap()).unwrap();
    (u64::from_le_bytes(bytes.try_into().unwrap()), output["module_version"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_runs_on_every_replica_and_its_last_commit_after_a_kill() {
    let mut fleet = Fleet::start(2, Hints::Postgres);
    let ask = fleet.ask.clone();
    let url = |fleet: &Fleet, replica: usize| fleet.url(replica).to_owned();
    let (one, other) = (url(&fleet, 0), url(&fleet, 1));
    load(&ask, &one, &Guest::new("counter", "1.0.0", 1)).await;
    for expected in 1..=3 {
        assert_eq!(counted(&ask, &one, "add").await, (expected, "1.0.0".to_owned()));
    }
    // Each replica has a state of its own.
    assert_eq!(counted(&ask, &other, "add").await, (1, "1.0.0".to_owned()));
    let revision = load(&ask, &one, &Guest::new("counter", "2.0.0", 2).step(10)).await;
    let (_, output) = call(&ask, &other, "get").await;
    assert_eq!((&output["module_version"], &output["revision"]), (&json!("2.0.0"), &json!(revision)));
    assert_eq!(counted(&ask, &one, "add").await, (13, "2.0.0".to_owned()));
    assert_eq!(counted(&ask, &other, "add").await, (11, "2.0.0".to_owned()));

    // Killed, not stopped: what runs is the last commit, with the state that it began with.
    fleet.replicas[1].restart();
    let other = url(&fleet, 1);
    ask.until_served(&other, revision).await;
    assert_eq!(counted(&ask, &other, "get").await, (1, "2.0.0".to_owned()));
    assert_eq!(counted(&ask, &one, "get").await, (13, "2.0.0".to_owned()));
    // Stopped, it has the state that it stopped with.
    assert_eq!(counted(&ask, &other, "add").await.0, 11);
    fleet.replicas[1].stop();
    fleet.replicas[1].restart();
    let other = url(&fleet, 1);
    ask.until_served(&other, revision).await;
    assert_eq!(counted(&ask, &other, "get").await.0, 11);

    // A version that this state does not pass is refused where it is put, and changes no replica.
    let bad = Guest::new("counter", "3.0.0", 3).bad(midflight_testkit::guest::Bad::Fail("check"));
    let bytes = bad.build();
    let digest = midflight_core::Digest::of_bytes(&bytes);
    let client = reqwest::Client::new();
    let put = client.put(format!("{one}/api/v1/blobs/{digest}")).bearer_auth(TOKEN).body(bytes);
    assert!(put.send().await.unwrap().status().is_success());
    let body = json!({"component": format!("sha256:{digest}"), "version": "3.0.0", "schema": 3});
    let changes = json!([{"op": "put", "kind": "modules", "name": "counter", "body": body}]);
    let (status, output) = ask.post(&one, "/api/v1/apply", &json!({ "changes": changes })).await;
    assert_eq!((status, &output["errors"][0]["code"]), (422, &json!("check_failed")), "{output}");
    for url in [&one, &other] {
        assert_eq!(counted(&ask, url, "get").await.1, "2.0.0");
    }
    until(|| async { (ask.served(&other).await? == revision).then_some(()) }).await;
}
