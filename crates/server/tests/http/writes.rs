//! Writes: created, changed, unchanged, tried, waited for, raced, restored.

use reqwest::Method;
use serde_json::json;

use crate::support::{answer, rule, server};

const R1: &str = "/api/v1/rulesets/loans/rules/R1";

#[tokio::test]
async fn a_rule_is_created_changed_found_unchanged_and_deleted() {
    let server = server().await.with_loans().await;
    let read = server.get(R1).await;
    assert_eq!((read.headers["etag"].to_str().unwrap(), &read.json["version"]), ("\"1\"", &json!(1)));
    assert_eq!(read.json["body"]["rule_point"], 2.0);
    let changed = server.put(&format!("{R1}?text=true"), &rule(21, 3.0)).await;
    assert_eq!(changed.headers["etag"], "\"2\"");
    let changed = changed.ok();
    assert_eq!((&changed["outcome"], &changed["diff"][0]["effect"]), (&json!("success"), &json!("change")));
    let text = changed["diff"][0]["text"].as_str().unwrap();
    assert!(text.contains("-      \"constant\": 18,\n+      \"constant\": 21,"), "{text}");
    let without = server.put(R1, &rule(21, 4.0)).await.ok();
    assert_eq!((&without["diff"][0]["text"], without["diff"][0].get("truncated")), (&json!(null), None));
    let changed = server.put(R1, &rule(21, 3.0)).await.ok();
    let unchanged = server.put(R1, &rule(21, 3.0)).await.ok();
    assert_eq!((&unchanged["outcome"], &unchanged["revision"]), (&json!("unchanged"), &changed["revision"]));
    assert_eq!(server.delete(R1).await.ok()["documents"][0]["deleted"], true);
    server.get(R1).await.problem(404, "not_found");
    server.delete(R1).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_first_request_after_an_edit_uses_it() {
    let server = server().await.with_loans().await;
    for points in 1..50 {
        let put = server.put(R1, &rule(18, f64::from(points))).await.json;
        let body = json!({"data": {"age": 30}});
        let executed = answer(server.anonymous(Method::POST, "/api/v1/rules/execute").json(&body)).await.ok();
        assert_eq!(executed["total_points"], f64::from(points));
        assert_eq!(executed["revision"], put["revision"]);
    }
}

#[tokio::test]
async fn preconditions_are_kept() {
    let server = server().await.with_loans().await;
    let put = |name: &'static str, value: &'static str, points: f64| {
        let request = server.request(Method::PUT, R1).header(name, value).json(&rule(18, points));
        async move { answer(request).await }
    };
    put("if-none-match", "*", 9.0).await.problem(412, "precondition_failed");
    put("if-match", "\"7\"", 9.0).await.problem(412, "precondition_failed");
    put("if-match", "\"r1\"", 9.0).await.problem(412, "precondition_failed");
    put("if-match", "7", 9.0).await.problem(400, "invalid_header");
    assert_eq!(server.get(R1).await.json["version"], 1);
    put("if-match", "\"1\"", 3.0).await.ok();
    put("if-match", "\"r3\"", 4.0).await.ok();
    put("if-match", "*", 5.0).await.ok();
    let known = answer(server.anonymous(Method::GET, R1).header("if-none-match", "\"4\"")).await;
    assert_eq!(known.status, 304);
    let removed =
        server.request(Method::DELETE, "/api/v1/rulesets/loans/rules/R9").header("if-match", "\"1\"");
    answer(removed).await.problem(412, "precondition_failed");
}

#[tokio::test]
async fn of_two_edits_on_one_version_exactly_one_succeeds() {
    let server = server().await.with_loans().await;
    for version in 1..=20 {
        let put = |points: f64| {
            let request = server.request(Method::PUT, R1).header("if-match", format!("\"{version}\""));
            answer(request.json(&rule(18, points)))
        };
        let (one, other) = tokio::join!(put(f64::from(version) + 0.1), put(f64::from(version) + 0.2));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
    assert_eq!(server.get(R1).await.json["version"], 21);
}

#[tokio::test]
async fn a_dry_run_reports_everything_and_changes_nothing() {
    let server = server().await.with_loans().await;
    let before = server.revision().await;
    let tried = server.put(&format!("{R1}?dry_run=true"), &rule(18, 7.0)).await.ok();
    assert_eq!((&tried["dry_run"], &tried["revision"]), (&json!(true), &json!(null)));
    assert_eq!(tried["diff"][0]["patch"][0]["path"], "/rule_point");
    assert!(!tried["plan"]["steps"].as_array().unwrap().is_empty());
    let bad = json!({"rule_name": "x", "type": "simple", "conditions": {"item": "nowhere"}});
    let refused = server.put(&format!("{R1}?dry_run=true"), &bad).await.problem(422, "invalid_document");
    assert_eq!(refused["diff"][0]["effect"], "change", "{refused:#}");
    let deleted = server.delete("/api/v1/rulesets/loans?dry_run=true").await.ok();
    assert_eq!(deleted["diff"].as_array().unwrap().len(), 2);
    assert_eq!((server.revision().await, &server.get(R1).await.json["version"]), (before, &json!(1)));
}

#[tokio::test]
async fn a_write_is_waited_for_as_asked() {
    let server = server().await.with_loans().await;
    let all = server.put(&format!("{R1}?wait=all&timeout_ms=60000"), &rule(18, 3.0)).await.ok();
    assert_eq!(all["acks"][0]["ack"], true);
    let queued = server.put(&format!("{R1}?wait=none"), &rule(18, 4.0)).await;
    assert_eq!((queued.status.as_u16(), &queued.json["outcome"]), (202, &json!("queued")));
    server.put(&format!("{R1}?timeout_ms=60001"), &rule(18, 4.0)).await.problem(400, "invalid_parameter");
    server.put(&format!("{R1}?wait=forever"), &rule(18, 4.0)).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_ruleset_is_deleted_with_all_its_rules_in_one_revision() {
    let server = server().await.with_loans().await;
    server.put("/api/v1/rulesets/loans/rules/R2", &rule(20, 1.0)).await;
    let before = server.revision().await;
    let deleted = server.delete("/api/v1/rulesets/loans").await.ok();
    assert_eq!(deleted["documents"].as_array().unwrap().len(), 3);
    assert_eq!(server.revision().await, before + 1);
    server.delete("/api/v1/rulesets/loans").await.problem(404, "not_found");
    server.delete("/api/v1/rulesets/a%2Fb").await.problem(400, "invalid_name");
}

#[tokio::test]
async fn a_state_is_brought_back_in_whole_or_in_part() {
    let server = server().await.with_loans().await;
    let good = server.revision().await;
    server.put(R1, &rule(99, 9.0)).await.ok();
    server.put("/api/v1/rulesets/loans/rules/R2", &rule(20, 1.0)).await;
    let part = json!({"kind": "rules", "name": "loans/R1", "reason": "it was better"});
    let back = server.post(&format!("/api/v1/revisions/{good}/restore"), &part).await.ok();
    assert_eq!(back["diff"].as_array().unwrap().len(), 1);
    assert_eq!(server.get(R1).await.json["body"]["rule_point"], 2.0);
    let whole = server.post(&format!("/api/v1/revisions/{good}/restore"), &json!({})).await.ok();
    assert_eq!(whole["diff"][0]["effect"], "remove");
    let again = server.post(&format!("/api/v1/revisions/{good}/restore"), &json!({})).await.ok();
    assert_eq!(again["outcome"], "unchanged");
    server.post("/api/v1/revisions/999/restore", &json!({})).await.problem(404, "not_found");
    let newest = server.get("/api/v1/revisions?limit=2").await.json;
    assert_eq!(newest["items"][1]["reason"], "it was better");
    assert_eq!(
        (&newest["items"][0]["author"], &newest["items"][0]["trigger"]),
        (&json!("admin"), &json!("manual"))
    );
}
