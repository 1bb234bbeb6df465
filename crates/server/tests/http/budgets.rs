//! What one request may take, and what is said of one that needs more.

use serde_json::{Value, json};

use crate::support::{Server, server, server_with};

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
    let server = server_with(|options| options.limits.classify_ms_max = 1).await;
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

#[tokio::test]
async fn a_query_that_is_long_is_answered_from_the_pool() {
    let server = server_with(|options| options.limits.classify_ms_max = 60_000).await;
    let (server, query) = with_slow_patterns(server, 3).await;
    let answer = server.post("/api/v1/patterns/classify", &query).await;
    assert_eq!((answer.status.as_u16(), &answer.json["source"]), (200, &json!("none")));
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_refused_as_a_whole() {
    let server = server_with(|options| options.limits.batch_ms_max = 0).await.with_loans().await;
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
