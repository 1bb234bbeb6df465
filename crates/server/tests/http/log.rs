//! The log: documents, revisions, diffs, reloads, status, schemas, compaction.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{rule, server};

const R1: &str = "/api/v1/rulesets/loans/rules/R1";

#[tokio::test]
async fn documents_are_listed_by_page_and_read_by_their_full_name() {
    let server = server().await.with_loans().await;
    for id in ["R2", "R3", "versions"] {
        server.put(&format!("/api/v1/documents/rules/loans%2F{id}"), &rule(20, 1.0)).await;
    }
    let first = server.get("/api/v1/documents/rules?prefix=loans/&limit=2").await.ok();
    assert_eq!(first["next_cursor"], "loans/R2");
    let rest = server.get("/api/v1/documents/rules?prefix=loans/&cursor=loans%2FR2").await.ok();
    let names: Vec<_> = rest["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
    assert_eq!(
        (names, &rest["next_cursor"]),
        (vec![json!("loans/R3"), json!("loans/versions")], &Value::Null)
    );
    assert_eq!(server.get("/api/v1/documents/rules/loans/R1").await.ok()["name"], "loans/R1");
    assert_eq!(server.get("/api/v1/documents/rules/loans%2Fversions").await.ok()["version"], 1);
    let versions = server.get("/api/v1/documents/rules/loans/versions").await.ok();
    assert_eq!(versions["items"][0]["author"], "admin", "the versions of the ruleset");
    server.get("/api/v1/documents/rules?limit=501").await.problem(400, "invalid_parameter");
    server.get("/api/v1/documents/rules?page=2").await.problem(400, "invalid_parameter");
    server.get("/api/v1/documents/Rules").await.problem(400, "invalid_name");
    server.get("/api/v1/documents/rules/a//b").await.problem(400, "invalid_name");
}

#[tokio::test]
async fn versions_and_states_of_the_past_are_read() {
    let server = server().await.with_loans().await;
    server.put(&format!("{R1}?reason=older"), &rule(30, 2.0)).await.ok();
    server.delete(R1).await.ok();
    let versions = server.get("/api/v1/documents/rules/loans/R1/versions?limit=2").await.ok();
    let message = |at: usize| (versions["items"][at]["op"].clone(), versions["items"][at]["reason"].clone());
    assert_eq!((message(0), message(1)), ((json!("delete"), json!("")), (json!("put"), json!("older"))));
    assert_eq!(versions["next_cursor"], "2");
    let past = server.get("/api/v1/documents/rules?at=2").await.ok();
    assert_eq!(past["items"][1]["body"]["conditions"]["item"]["constant"], 18);
    server.get("/api/v1/documents/rules?at=99").await.problem(404, "not_found");
    for (path, at, constant) in [(R1, 2, 18), (R1, 3, 30), ("/api/v1/documents/rules/loans/R1", 2, 18)] {
        let past = server.get(&format!("{path}?at={at}")).await.ok();
        assert_eq!(past["body"]["conditions"]["item"]["constant"], constant, "{path} at {at}");
    }
    let etag = server.get(&format!("{R1}?at=2")).await.headers["etag"].clone();
    let same = server.request(Method::GET, &format!("{R1}?at=2")).header("if-none-match", &etag);
    assert_eq!(same.send().await.unwrap().status(), 304);
    let removed = server.get(&format!("{R1}?at=4")).await.problem(404, "not_found");
    assert_eq!(removed["detail"], "document rules/loans/R1 does not exist at revision 4");
    server.get(&format!("{R1}?at=99")).await.problem(404, "not_found");
    server.get(&format!("{R1}?revision=2")).await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_kind_that_is_not_known_is_no_empty_answer() {
    let server = server().await.with_loans().await;
    let tools = if cfg!(feature = "tools") { "tools, " } else { "" };
    let modules = if cfg!(feature = "modules") { "modules, " } else { "" };
    let expected = format!(
        "unknown kind \"rulez\"; expected one of: rules, patterns, {tools}{modules}webhooks, config, schedules"
    );
    for path in [
        "documents/rulez",
        "revisions?kind=rulez",
        "export?kind=rulez",
        "watch?kind=rulez",
        "reloads?kind=rulez",
    ] {
        let unknown = server.get(&format!("/api/v1/{path}")).await.problem(404, "not_found");
        assert_eq!(unknown["detail"], expected, "{path}");
    }
    let restored = server.post("/api/v1/revisions/1/restore", &json!({"kind": "rulez"})).await;
    assert_eq!(restored.problem(404, "not_found")["detail"], expected);
    for path in ["documents/config", "revisions?kind=config", "export?kind=config", "reloads?kind=config"] {
        assert_eq!(server.get(&format!("/api/v1/{path}")).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn revisions_have_authors_and_contents_and_are_compared() {
    let server = server().await.with_loans().await;
    server.put(R1, &rule(21, 2.0)).await.ok();
    let list = server.get("/api/v1/revisions?kind=rules&limit=2").await.ok();
    assert_eq!((&list["items"][0]["number"], &list["next_cursor"]), (&json!(3), &json!("2")));
    let changed = json!([{"kind": "rules", "name": "loans/R1", "op": "put", "version": 2}]);
    assert_eq!(list["items"][0]["changes"], changed);
    let one = server.get("/api/v1/revisions/3").await.ok();
    assert_eq!(one["documents"][0]["version"], 2);
    let diff = server.get("/api/v1/revisions/3/diff").await.ok();
    let patch = json!([{"op": "replace", "path": "/conditions/item/constant", "value": 21}]);
    assert_eq!(diff["documents"][0]["patch"], patch);
    let whole = server.get("/api/v1/revisions/3/diff?against=0").await.ok();
    assert_eq!(whole["documents"].as_array().unwrap().len(), 2);
    let back = server.get("/api/v1/revisions/0/diff?against=3").await.ok();
    assert_eq!(back["documents"][0]["effect"], "remove");
    server.get("/api/v1/revisions/9").await.problem(404, "not_found");
    server.get("/api/v1/revisions/0").await.problem(404, "not_found");
    server.get("/api/v1/revisions/x").await.problem(400, "invalid_name");
    server.get("/api/v1/revisions/9/diff").await.problem(404, "not_found");
}

#[tokio::test]
async fn several_changes_are_one_revision_or_none() {
    let server = server().await;
    let put = |name: &str, body: Value| json!({"op": "put", "kind": "rules", "name": name, "body": body});
    let changes =
        json!([put("loans", json!({})), put("loans/R1", rule(1, 1.0)), put("loans/R2", rule(2, 2.0))]);
    let applied = server.post("/api/v1/apply", &json!({"changes": changes, "reason": "all"})).await.ok();
    assert_eq!((&applied["revision"], applied["documents"].as_array().unwrap().len()), (&json!(1), 3));
    let mut bad = rule(3, 3.0);
    bad["weight"] = json!(-1);
    let changes = json!([
        {"op": "delete", "kind": "rules", "name": "loans/R1", "if_version": 1},
        put("loans/R2", bad)
    ]);
    let refused =
        server.post("/api/v1/apply", &json!({"changes": changes})).await.problem(422, "invalid_document");
    assert_eq!(refused["errors"][0]["document"], "rules/loans/R2");
    assert_eq!(refused["errors"][0]["path"], "/weight");
    let stale = json!([{"op": "delete", "kind": "rules", "name": "loans/R1", "if_version": 9}]);
    server.post("/api/v1/apply", &json!({"changes": stale})).await.problem(412, "precondition_failed");
    let shapes =
        json!([{"op": "put", "kind": "rules", "name": "a"}, {"op": "delete", "kind": "rules", "name": ""}]);
    let shapes = server.post("/api/v1/apply", &json!({"changes": shapes})).await.problem(422, "invalid_body");
    assert_eq!(
        (&shapes["errors"][0]["path"], &shapes["errors"][1]["path"]),
        (&json!("/changes/0/body"), &json!("/changes/1/name"))
    );
    let twice = json!([put("x", json!({})), put("x", json!({}))]);
    let twice =
        server.post("/api/v1/apply", &json!({"changes": twice})).await.problem(422, "invalid_document");
    assert_eq!(twice["errors"][0]["code"], "duplicate_document");
    assert_eq!(server.revision().await, 1);
}

#[tokio::test]
async fn reloads_are_listed_filtered_and_counted() {
    let server = server().await.with_loans().await;
    server.put(R1, &json!({})).await.problem(422, "invalid_document");
    let all = server.get("/api/v1/reloads?trigger=api_update&kind=rules").await.ok();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let first = &all["items"][0];
    assert_eq!((&first["outcome"], &first["triggered_by"]), (&json!("validation_failed"), &json!("admin")));
    let good = server.get("/api/v1/reloads?outcome=success&trigger=api_update&limit=1").await.ok();
    let cursor = good["next_cursor"].as_str().unwrap();
    let next = server.get(&format!("/api/v1/reloads?outcome=success&limit=1&cursor={cursor}")).await.ok();
    assert_ne!(next["items"][0]["id"], good["items"][0]["id"]);
    assert!(good["items"][0]["phases"].as_array().unwrap().iter().any(|phase| phase["phase"] == "swap"));
    // A newer version may know the word; what no version writes is refused.
    assert_eq!(server.get("/api/v1/reloads?outcome=fine").await.ok()["items"], json!([]));
    server.get("/api/v1/reloads?outcome=Fine!").await.problem(400, "invalid_parameter");
    let statistics = server.get("/api/v1/reloads/statistics").await.ok();
    assert_eq!(
        (&statistics["by_trigger"]["api_update"], &statistics["by_outcome"]["validation_failed"]),
        (&json!(3), &json!(1))
    );
    assert!(statistics["p50_ms"].as_f64().unwrap() <= statistics["p99_ms"].as_f64().unwrap());
}

#[tokio::test]
async fn status_distinguishes_desired_served_and_refused() {
    let server = server().await.with_loans().await;
    server.put(R1, &json!({})).await.problem(422, "invalid_document");
    let status = server.get("/api/v1/status").await.ok();
    assert_eq!((&status["desired_revision"], &status["served_revision"]), (&json!(2), &json!(2)));
    assert_eq!(status["last_refused"]["revision"], Value::Null);
    assert_eq!(status["last_refused"]["problems"][0]["document"], "rules/loans/R1");
    let last = status["last_reload"]["outcome"].as_str().unwrap();
    assert!(["success", "unchanged"].contains(&last), "the refused edit is not what the log holds: {last}");
    let rules = status["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == "rules").unwrap();
    assert_eq!((&rules["documents"], &rules["figures"]["rules"]), (&json!(2), &json!(1)));
    let replicas = server.get("/api/v1/replicas").await.ok();
    assert_eq!(
        (&replicas["items"][0]["applied_revision"], &replicas["items"][0]["lag_ms"]),
        (&json!(2), &json!(0.0))
    );
    assert_eq!(replicas["items"][0]["address"], server.running.url());
}

#[tokio::test]
async fn schemas_pages_and_metrics_are_served() {
    let server = server().await.with_loans().await;
    let schemas = server.get("/api/v1/schemas").await.ok();
    for item in schemas["items"].as_array().unwrap() {
        let href = item["href"].as_str().unwrap();
        assert!(href.bytes().all(|byte| byte.is_ascii_graphic()), "{href:?} can be asked for as it is");
        let schema = server.get(href).await;
        assert_eq!(schema.headers["content-type"], "application/schema+json");
        assert!(schema.ok().is_object());
    }
    server.get("/api/v1/schemas/rules/nothing").await.problem(404, "not_found");
    assert_eq!(server.get("/openapi.json").await.ok()["info"]["title"], "Midflight");
    for path in ["/docs", "/docs/errors/owned", "/metrics"] {
        let response = server.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(!text.contains("https://"), "{path} needs nothing from elsewhere");
        if path == "/metrics" {
            for name in [
                "rule_reloads_total 2",
                "rules_reloaded_total 2",
                "registry_version 2",
                "monitoring_active 1",
            ] {
                assert!(text.contains(&format!("midflight_{name}")), "{name} in {text}");
            }
            assert!(text.contains("midflight_rule_reload_time_count 2"), "{text}");
            let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
            for (name, of) in types {
                assert_eq!(name.ends_with("_total"), of == "counter", "{name} is a {of}");
            }
        }
    }
    server.get("/docs/errors/nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn compacted_revisions_are_refused_with_where_to_start() {
    let server = server().await.with_loans().await;
    server.put(R1, &rule(21, 2.0)).await.ok();
    let done = server.post("/api/v1/compact", &json!({"keep_from": 3})).await.ok();
    assert_eq!(done["first_revision"], 3);
    let removed = server.get("/api/v1/revisions/1").await.problem(410, "compacted");
    assert_eq!(removed["first_revision"], 3);
    server.get("/api/v1/watch?since=1").await.problem(410, "compacted");
    server.get("/api/v1/revisions/3/diff?against=1").await.problem(410, "compacted");
    assert_eq!(server.get(R1).await.ok()["version"], 2);
    server.post("/api/v1/compact", &json!({"keep_from": 99})).await.problem(404, "not_found");
}
