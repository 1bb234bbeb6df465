//! Execution, lists, and the seed's hot-reload endpoints.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, rule, server};

const HOT: &str = "/api/v1/rules/hot-reload";

async fn read(server: &Server, path: &str, body: Value) -> Answer {
    answer(server.anonymous(Method::POST, path).json(&body)).await
}

#[tokio::test]
async fn an_input_is_executed_and_explained() {
    let server = server().await.with_loans().await;
    server.put("/api/v1/rulesets/loans/rules/R2", &rule(65, 1.5)).await;
    let plain = read(&server, "/api/v1/rules/execute", json!({"data": {"age": 30}})).await.ok();
    for (field, value) in [
        ("total_points", json!(2.0)),
        ("pattern_result", json!("Y-")),
        ("action_recommendation", Value::Null),
        ("rules_executed", json!(2)),
        ("rules_matched", json!(1)),
        ("registry_version", json!(3)),
        ("revision", json!(3)),
    ] {
        assert_eq!(plain[field], value, "{field}");
    }
    assert!(plain["execution_time_ms"].is_f64() && plain.get("rule_evaluations").is_none());
    let body = json!({"data": {"age": "30"}, "explain": true});
    let explained = read(&server, "/api/v1/rulesets/loans/execute", body).await.ok();
    assert_eq!(explained["rule_evaluations"][0]["outcome"], "type_error");
    let body = json!({"data": {}, "dry_run": true, "rule_ids": ["R2"]});
    let missing = read(&server, "/api/v1/rules/execute", body).await.ok();
    assert_eq!(missing["rule_evaluations"][0]["outcome"], "missing_input");
}

#[tokio::test]
async fn a_compatibility_request_has_a_ruleset_id_and_a_correlation_id() {
    let server = server().await.with_loans().await;
    let execute = async |body: Value| read(&server, "/api/v1/rules/execute", body).await;
    let done =
        execute(json!({"data": {"age": 30}, "ruleset_id": "loans", "correlation_id": "a-1"})).await.ok();
    assert_eq!((&done["ruleset"], &done["correlation_id"]), (&json!("loans"), &json!("a-1")));
    let plain = execute(json!({"data": {"age": 30}, "ruleset_id": null, "ruleset": "loans"})).await.ok();
    assert!(plain.get("correlation_id").is_none(), "{plain}");
    let number = execute(json!({"data": {}, "ruleset_id": 1})).await.problem(404, "not_found");
    assert!(number["detail"].as_str().unwrap().contains("unknown ruleset \"1\""), "{number}");
    for body in [
        json!({"data": {}, "ruleset_id": "loans", "ruleset": "other"}),
        json!({"data": {}, "ruleset_id": [1]}),
        json!({"data": {}, "correlation_id": "x".repeat(257)}),
    ] {
        execute(body).await.problem(422, "invalid_body");
    }
    let body = json!({"data": {}, "ruleset_id": "other"});
    read(&server, "/api/v1/rulesets/loans/execute", body).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn invalid_executions_are_reported() {
    let server = server().await.with_loans().await;
    let unknown = read(&server, "/api/v1/rules/execute", json!({"data": {}, "ruleset": "loan"})).await;
    assert!(unknown.problem(404, "not_found")["detail"].as_str().unwrap().contains("did you mean \"loans\""));
    read(&server, "/api/v1/rulesets/nope/execute", json!({"data": {}})).await.problem(404, "not_found");
    let body = json!({"data": {}, "ruleset": "loans"});
    read(&server, "/api/v1/rulesets/other/execute", body).await.problem(422, "invalid_body");
    let list =
        read(&server, "/api/v1/rules/execute", json!({"data": []})).await.problem(422, "invalid_input");
    assert_eq!(list["errors"][0]["path"], "/data");
    let body = json!({"data": {}, "rule_ids": ["R1", "R7"]});
    let rule = read(&server, "/api/v1/rules/execute", body).await.problem(422, "invalid_input");
    assert_eq!(rule["errors"][0]["path"], "/rule_ids/1");
}

#[tokio::test]
async fn a_batch_is_of_one_revision_and_has_its_errors_in_place() {
    let server = server().await.with_loans().await;
    let body = json!({"data_list": [{"age": 20}, 7, {"age": 10}]});
    let batch = read(&server, "/api/v1/rules/batch", body).await.ok();
    assert_eq!(batch["results"][0]["result"]["total_points"], 2.0);
    assert_eq!(
        (&batch["results"][1]["result"], &batch["results"][1]["error"]["path"]),
        (&Value::Null, &json!("/data"))
    );
    let summary = &batch["summary"];
    assert_eq!(
        (&summary["total"], &summary["succeeded"], &summary["failed"], &summary["total_points"]),
        (&json!(3), &json!(2), &json!(1), &json!(2.0))
    );
    let body = json!({"data_list": [], "ruleset": "nope"});
    assert_eq!(read(&server, "/api/v1/rules/batch", body).await.ok()["revision"], 2);
    let body = json!({"data_list": [{}], "ruleset": "nope"});
    read(&server, "/api/v1/rules/batch", body).await.problem(404, "not_found");
}

#[tokio::test]
async fn rulesets_rules_and_conditions_are_listed() {
    let server = server().await.with_loans().await;
    server.put("/api/v1/rulesets/cards", &json!({"name": "Cards"})).await;
    let condition = json!({"attribute": "age", "operator": "less_than", "constant": 99});
    assert_eq!(server.put("/api/v1/conditions/young", &condition).await.status, 201);
    let mut young = rule(0, 1.0);
    young["conditions"] = json!({"item": "young"});
    young["priority"] = json!(0);
    assert_eq!(server.put("/api/v1/rulesets/loans/rules/R0", &young).await.status, 201);
    let rulesets = server.get("/api/v1/rulesets?limit=1").await.ok();
    assert_eq!(
        (&rulesets["items"][0]["ruleset"], &rulesets["next_cursor"]),
        (&json!("cards"), &json!("cards"))
    );
    let rulesets = server.get("/api/v1/rulesets?cursor=cards").await.ok();
    assert_eq!(
        (&rulesets["items"][0]["rule_count"], &rulesets["items"][0]["default"]),
        (&json!(2), &json!(true))
    );
    let rules = server.get("/api/v1/rulesets/loans/rules?limit=1").await.ok();
    assert_eq!((&rules["items"][0]["rule_id"], &rules["next_cursor"]), (&json!("R0"), &json!("1")));
    server.get("/api/v1/rulesets/nope/rules").await.problem(404, "not_found");
    let conditions = server.get("/api/v1/conditions").await.ok();
    assert_eq!(conditions["items"], json!([{"condition_id": "young", "used_by": 1}]));
    assert_eq!(server.get("/api/v1/conditions/young").await.ok()["body"]["constant"], 99);
    server.delete("/api/v1/conditions/young").await.problem(422, "invalid_document");
    server.delete("/api/v1/rulesets/loans/rules/R0").await.ok();
    server.delete("/api/v1/conditions/young").await.ok();
}

#[tokio::test]
async fn the_compatibility_status_has_its_fields_and_types() {
    let server = server().await.with_loans().await;
    let status = server.get(&format!("{HOT}/status")).await.ok();
    for flag in ["monitoring_active", "auto_reload_enabled", "validation_enabled"] {
        assert_eq!(status[flag], true, "{flag}");
    }
    assert_eq!(
        (&status["reload_interval_seconds"], &status["last_reload_status"]),
        (&json!(30), &json!("success"))
    );
    assert!(status["last_reload_time"].is_string() && status["last_check_time"].is_string());
    assert!(status["reload_count"].as_u64().unwrap() >= 2);
    let registry = &status["registry"];
    assert_eq!(
        (&registry["rule_count"], &registry["ruleset_count"], &registry["version"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert!(registry["last_reload"].is_string());
}

#[tokio::test]
async fn the_compatibility_reload_echoes_its_request() {
    let server = server().await.with_loans().await;
    server.put("/api/v1/rulesets/1", &json!({})).await;
    let body = json!({"ruleset_id": 1, "rule_id": null, "force": true, "validate": true});
    let done = server.post(&format!("{HOT}/reload"), &body).await.ok();
    assert_eq!((&done["status"], &done["outcome"]), (&json!("success"), &json!("success")));
    assert_eq!(done["filtered_by"], json!({"ruleset_id": 1, "rule_id": null}));
    assert_eq!(
        (&done["rules_loaded"], &done["rulesets_loaded"], &done["revision"]),
        (&json!(1), &json!(2), &json!(3))
    );
    assert!(
        done["reload_time_ms"].is_f64() && done["timestamp"].is_string() && done["reload_count"].is_u64()
    );
    let plain = answer(server.request(Method::POST, &format!("{HOT}/reload"))).await.ok();
    assert_eq!((&plain["status"], &plain["outcome"]), (&json!("success"), &json!("unchanged")));
    assert_eq!(
        server.post(&format!("{HOT}/reload/rule/R1"), &json!({})).await.ok()["filtered_by"]["rule_id"],
        "R1"
    );
    server.post(&format!("{HOT}/reload/ruleset/loans"), &json!({})).await.ok();
    server.post(&format!("{HOT}/reload/rule/R9"), &json!({})).await.problem(404, "not_found");
    server.post(&format!("{HOT}/reload/ruleset/nope"), &json!({})).await.problem(404, "not_found");
    server.post(&format!("{HOT}/reload"), &json!({"ruleset_id": true})).await.problem(422, "invalid_body");
    let history = server.get(&format!("{HOT}/history?trigger=manual&limit=2")).await.ok();
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    assert_eq!((&history["limit"], &history["count"]), (&json!(2), &json!(2)));
    let newest = &history["history"][0];
    assert_eq!((&newest["reload_count"], &newest["status"]), (&history["items"][0]["id"], &json!("success")));
    assert!(newest["last_reload_time"].is_string() && newest["error"].is_null(), "{newest}");
}

#[tokio::test]
async fn the_compatibility_validate_and_monitoring_answer() {
    let server = server().await.with_loans().await;
    let valid = server.post(&format!("{HOT}/validate"), &json!({})).await.ok();
    assert_eq!(
        (&valid["valid"], &valid["total_rules"], &valid["invalid_rules"]),
        (&json!(true), &json!(1), &json!(0))
    );
    let stopped = server.post(&format!("{HOT}/monitoring/stop"), &json!({})).await.ok();
    assert_eq!((&stopped["status"], &stopped["monitoring_active"]), (&json!("stopped"), &json!(false)));
    assert_eq!(server.get(&format!("{HOT}/status")).await.ok()["monitoring_active"], false);
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(1, 9.0)).await.ok();
    let started = server.post(&format!("{HOT}/monitoring/start"), &json!({})).await.ok();
    assert_eq!((&started["status"], &started["reload_interval_seconds"]), (&json!("started"), &json!(30)));
    for (query, body, seconds) in
        [("?interval_seconds=7", json!({}), 7), ("", json!({"interval_seconds": 8}), 8)]
    {
        let started = server.post(&format!("{HOT}/monitoring/start{query}"), &body).await.ok();
        assert_eq!(started["reload_interval_seconds"], seconds);
        assert_eq!(server.get(&format!("{HOT}/status")).await.ok()["reload_interval_seconds"], seconds);
    }
    let stopped = server.post(&format!("{HOT}/monitoring/stop"), &json!({})).await.ok();
    assert_eq!(stopped["reload_interval_seconds"], 8);
    let start = format!("{HOT}/monitoring/start");
    let refused =
        server.post(&start, &json!({"interval_seconds": 0})).await.problem(400, "invalid_parameter");
    assert!(refused["detail"].as_str().unwrap().contains("expected 1 to 86400"), "{refused}");
    server.post(&start, &json!({"interval": 5})).await.problem(422, "invalid_body");
}
