//! Reloads and validations of any kind.

use midflight_source::NamedDirectory;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{answer, rule, server, server_with};

#[tokio::test]
async fn a_reload_reads_the_named_sources_and_reports_the_result() {
    let watched = tempfile::tempdir().unwrap();
    let server = server_with(|options| {
        options.watch = vec![NamedDirectory::unnamed(watched.path()).unwrap()];
        // It looks by itself in a day: what is there before that, the reload read.
        options.directory.poll = std::time::Duration::from_secs(86_400);
    })
    .await;
    std::fs::write(watched.path().join("loans.yaml"), "kind: rules\nname: loans\nbody: {name: Loans}\n")
        .unwrap();
    let done = server.post("/api/v1/reload", &json!({})).await.ok();
    assert_eq!((&done["status"], &done["revision"]), (&json!("success"), &json!(1)), "{done:#}");
    // A body that may be left out may be null.
    assert_eq!(server.post("/api/v1/reload", &Value::Null).await.ok()["outcome"], "unchanged");
    assert_eq!(done["directories"][0]["documents"], 1, "{done:#}");
    assert_eq!(done["sources"][0]["source"], "config/midflight");
    let here = &done["replicas"][0];
    assert_eq!((&here["ack"], &here["done"]), (&json!(true), &json!("reloaded")), "{done:#}");
    assert_eq!(server.get("/api/v1/rulesets/loans").await.ok()["body"]["name"], "Loans");

    // Of a kind alone: its own sources are looked at, and everything is compiled anew.
    let done = server.post("/api/v1/reload", &json!({"kind": "rules", "names": ["loans"]})).await.ok();
    assert_eq!((&done["outcome"], &done["sources"]), (&json!("success"), &json!([])), "{done:#}");
    for (body, status, code) in [
        (json!({"kind": "magic"}), 404, "not_found"),
        (json!({"kind": "rules", "names": ["nobody"]}), 404, "not_found"),
        (json!({"names": ["loans"]}), 422, "invalid_body"),
        (json!({"kinds": "rules"}), 422, "invalid_body"),
    ] {
        server.post("/api/v1/reload", &body).await.problem(status, code);
    }
    answer(server.anonymous(Method::POST, "/api/v1/reload")).await.problem(401, "unauthenticated");

    // What does not hold is told where it was read, and what was served is served.
    std::fs::write(watched.path().join("loans.yaml"), "kind: rules\nname: loans\nbody: {name: 3}\n").unwrap();
    let refused = server.post("/api/v1/reload", &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json["status"]),
        (422, &json!("failed")),
        "{:#}",
        refused.json
    );
    assert_eq!(refused.json["directories"][0]["blocked"], true, "{:#}", refused.json);
    assert_eq!(server.get("/api/v1/rulesets/loans").await.ok()["body"]["name"], "Loans");
}

#[tokio::test]
async fn a_reload_may_wait_for_its_time() {
    let server = server().await;
    let later = server.post("/api/v1/reload?not_before=2100-01-31T03:00:00Z&reason=night", &json!({})).await;
    assert_eq!(
        (later.status.as_u16(), &later.json["outcome"]),
        (202, &json!("scheduled")),
        "{:#}",
        later.json
    );
}

#[tokio::test]
async fn the_log_and_its_changes_are_validated() {
    let server = server().await.with_loans().await;
    let all = server.post("/api/v1/validate", &json!({})).await.ok();
    assert_eq!((&all["valid"], &all["documents"]["rules"]), (&json!(true), &json!(2)), "{all:#}");
    let put = |name: &str, body: Value| json!({"op": "put", "kind": "rules", "name": name, "body": body});
    let good = json!({"changes": [put("loans/R2", rule(21, 1.0))]});
    assert_eq!(server.post("/api/v1/validate", &good).await.ok()["valid"], true);
    let bad = json!({"changes": [put("loans/R2", json!({}))]});
    let bad = server.post("/api/v1/validate", &bad).await.ok();
    assert_eq!(
        (&bad["valid"], &bad["problems"][0]["document"]),
        (&json!(false), &json!("rules/loans/R2")),
        "{bad:#}"
    );
    assert_eq!(server.revision().await, 2);
}
