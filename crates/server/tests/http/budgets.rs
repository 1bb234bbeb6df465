//! What one request may take, and what is said of one that needs more.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, answer, rule, server, server_with};

async fn with_note_rule(server: Server) -> Server {
    let noted = json!({"attribute": "note", "operator": "regex_search", "constant": r"\w+\s+refund\b"});
    let rule = json!({"conditions": {"item": noted}});
    assert_eq!(server.put("/api/v1/rulesets/notes", &json!({"default": true})).await.status, 201);
    assert_eq!(server.put("/api/v1/rulesets/notes/rules/refund", &rule).await.status, 201);
    server
}

#[tokio::test]
async fn a_text_that_is_too_long_for_a_rule_is_refused_with_its_place() {
    let server = with_note_rule(server().await).await;
    let long = json!({"note": "x".repeat(70_000)});
    let answer = server.post("/api/v1/rules/execute", &json!({ "data": long })).await;
    assert_eq!((answer.status.as_u16(), &answer.json["code"]), (422, &json!("invalid_input")));
    assert_eq!(answer.json["errors"][0]["path"], "/data/note");
    assert_eq!(answer.json["errors"][0]["code"], "text_too_long");

    let inputs = json!({"data_list": [{"note": "a refund"}, long, {"note": "none"}]});
    let batch = server.post("/api/v1/rules/batch", &inputs).await.json;
    assert_eq!((&batch["summary"]["succeeded"], &batch["summary"]["failed"]), (&json!(2), &json!(1)));
    assert_eq!(batch["results"][1]["error"]["code"], "text_too_long");
    assert_eq!(batch["results"][0]["result"]["pattern_result"], "Y");
}

/// Expressions that every query is searched with, and a query for which each takes long.
async fn with_slow_patterns(server: Server, count: usize) -> (Server, Value) {
    let any: Vec<_> = (0..count).map(|n| format!(r"\b\w+\b.{{1,{}}}\b[^a]y\b", 20 + n)).collect();
    let body = json!({"any_of": any, "match": "regex", "category": "SLOW"});
    let put = server.put("/api/v1/patterns/slow", &body).await;
    assert_eq!(put.status, 201, "{}", put.json);
    let query = json!({"query": "perché no ".repeat(700)});
    (server, query)
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_refused_and_the_next_is_answered() {
    let server = server_with(|options| options.patterns.classify_ms_max = 1).await;
    let (server, query) = with_slow_patterns(server, 60).await;
    let first = json!({"pattern": "ciao", "category": "GREETING", "order": 1});
    assert_eq!(server.put("/api/v1/patterns/ciao", &first).await.status, 201);
    let answer = server.post("/api/v1/patterns/classify", &query).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (422, &json!("too_expensive")),
        "{}",
        answer.json
    );
    assert!(answer.json["detail"].as_str().unwrap().contains("1 ms (classify_ms_max)"));
    let answer = server.post("/api/v1/patterns/classify", &json!({"query": "ciao"})).await;
    assert_eq!((answer.status.as_u16(), &answer.json["source"]), (200, &json!("pattern")));
}

/// What an async thread may do is not bounded by `classify_ms_max`; the pool is.
#[tokio::test]
async fn a_query_that_is_long_is_answered_from_the_pool() {
    let server = server_with(|options| options.patterns.classify_ms_max = 60_000).await;
    let (server, query) = with_slow_patterns(server, 3).await;
    let answer = server.post("/api/v1/patterns/classify", &query).await;
    assert_eq!((answer.status.as_u16(), &answer.json["source"]), (200, &json!("none")));

    let server = server_with(|options| options.patterns.classify_ms_max = 0).await;
    let (server, query) = with_slow_patterns(server, 60).await;
    let refused = server.post("/api/v1/patterns/classify", &query).await.problem(422, "too_expensive");
    assert!(refused["detail"].as_str().unwrap().contains("0 ms (classify_ms_max)"));
}

/// 100 rules of a ruleset, which an explanation names one by one.
async fn with_many_rules(server: Server) -> Server {
    let mut changes = vec![json!({"op": "put", "kind": "rules", "name": "r", "body": {"default": true}})];
    let put = |n: i64| json!({"op": "put", "kind": "rules", "name": format!("r/{n}"), "body": rule(n, 1.0)});
    changes.extend((0..100).map(put));
    server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
    server
}

#[tokio::test]
async fn an_answer_of_executions_that_would_be_too_long_is_refused() {
    let server = server_with(|options| options.rules.execution_bytes_max = 100_000).await;
    let server = with_many_rules(server).await;
    let inputs = |count: usize| vec![json!({"age": 1000}); count];
    let batch = async |count: usize, explain: bool| {
        let body = json!({"data_list": inputs(count), "explain": explain});
        answer(server.anonymous(Method::POST, "/api/v1/rules/batch").json(&body)).await
    };
    assert_eq!(batch(2, true).await.ok()["results"].as_array().unwrap().len(), 2);
    assert_eq!(batch(30, false).await.ok()["summary"]["succeeded"], 30);
    for refused in [batch(10, true).await, batch(300, false).await] {
        let refused = refused.problem(413, "too_large");
        assert!(refused["detail"].as_str().unwrap().contains("100000 bytes (execution_bytes_max)"));
    }
    let execute = json!({"data": {"age": 1000}, "explain": true});
    let one = server.post("/api/v1/rules/execute", &execute).await.ok();
    assert_eq!(one["rule_evaluations"].as_array().unwrap().len(), 100);

    let server = server_with(|options| options.rules.execution_bytes_max = 10_000).await;
    let server = with_many_rules(server).await;
    // So many evaluations do not fit into what is executed on an async thread either.
    let long = json!({"data": {"age": "x".repeat(40)}, "explain": true});
    let mut changes = Vec::new();
    for n in 0..200 {
        let name = format!("r/more{n}");
        changes.push(json!({"op": "put", "kind": "rules", "name": name, "body": rule(n, 1.0)}));
    }
    server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
    let refused = server.post("/api/v1/rules/execute", &long).await.problem(413, "too_large");
    assert!(refused["detail"].as_str().unwrap().contains("execution_bytes_max"), "{refused}");
}

#[tokio::test]
async fn what_a_batch_occupied_is_free_when_it_is_answered_or_refused() {
    let server = server_with(|options| {
        options.limits.answer_bytes_max = 0;
        options.limits.answers_bytes_max = 2 << 20;
        options.rules.execution_bytes_max = 300_000;
    })
    .await;
    let server = with_many_rules(server).await;
    for count in [8, 8, 50, 8, 50, 8, 8, 8] {
        let body = json!({"data_list": vec![json!({"age": 1000}); count], "explain": true});
        let request = server.anonymous(Method::POST, "/api/v1/rules/batch").json(&body);
        let expected = if count == 8 { 200 } else { 413 };
        let answer = answer(request).await;
        assert_eq!(answer.status, expected, "{:#}", answer.json["detail"]);
    }
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_refused_as_a_whole() {
    let server = server_with(|options| options.rules.batch_ms_max = 0).await.with_loans().await;
    let answer = server.post("/api/v1/rules/batch", &json!({"data_list": [{"age": 20}, {"age": 10}]})).await;
    assert_eq!((answer.status.as_u16(), &answer.json["code"]), (422, &json!("too_expensive")));
    assert!(answer.json["detail"].as_str().unwrap().contains("batch_ms_max"));
    assert_eq!(answer.json["results"], Value::Null);
}

#[tokio::test]
async fn a_schema_that_would_take_all_memory_is_refused_and_the_server_answers() {
    let server = server().await;
    let mut definitions = serde_json::Map::new();
    definitions.insert("d0".into(), json!({"type": "string"}));
    for n in 1..=26 {
        let before = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [before, before]}));
    }
    let schema = json!({"$defs": definitions, "$ref": "#/$defs/d26"});
    let answer = server.put("/api/v1/documents/config/schemas/bomb?dry_run=true", &schema).await;
    assert_eq!(answer.status, 422, "{}", answer.json);
    assert_eq!(answer.json["errors"][0]["code"], "schema_too_expensive");
    assert_eq!(answer.json["errors"][0]["path"], "/$defs/d11/allOf/0/$ref");
    let status = server.get("/api/v1/status").await.json;
    assert_eq!((&status["runaways"], &status["blocked_kinds"]), (&json!(0), &json!({})));
    assert_eq!(server.get("/health/ready").await.json["degraded"], json!([]));
}
