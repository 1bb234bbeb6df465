//! A kind that a program adds with one line has everything that a kind has without a server side of its own.

use midflight_engine::testing::Greetings;
use midflight_server::KindSetup;
use reqwest::Method;
use serde_json::json;

use crate::socket::Client;
use crate::support::{Server, answer, server_with};

async fn server() -> Server {
    server_with(|options| options.kinds.push(KindSetup::plain(|| Greetings))).await
}

const IT: &str = "/api/v1/documents/greetings/it";

#[tokio::test]
async fn an_added_kind_has_documents_schemas_events_metrics_and_health() {
    let server = server().await;
    let mut client = Client::open(&server, None).await;
    assert_eq!(server.put(IT, &json!({"text": "Ciao"})).await.status, 201);
    assert_eq!(client.events(&["greeting_added"]).await["language_id"], "it");
    client.events(&["greetings_reloaded"]).await;
    let refused = server.put(IT, &json!({"text": 1})).await.problem(422, "invalid_document");
    assert_eq!(refused["errors"][0]["document"], "greetings/it");
    client.events(&["greetings_reload_failed"]).await;
    let found = server.get(IT).await;
    let etag = found.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(found.ok()["body"]["text"], "Ciao");
    let stale = server.request(Method::PUT, IT).header("if-match", "\"0\"").json(&json!({"text": "Salve"}));
    answer(stale).await.problem(412, "precondition_failed");
    let current = server.request(Method::PUT, IT).header("if-match", etag).json(&json!({"text": "Salve"}));
    answer(current).await.ok();
    client.events(&["greeting_updated", "greetings_reloaded"]).await;
    // A check of it is asked like one of any kind.
    let check = json!({"input": "it", "expect": "Salve"});
    let check = server.put("/api/v1/documents/greetings/checks/polite", &check).await;
    assert_eq!(check.status, 201, "{:#}", check.json);
    server.put(IT, &json!({"text": "Ehi"})).await.problem(422, "invalid_document");

    let schema = server.get("/api/v1/schemas/greetings/greeting").await.ok();
    assert_eq!(schema["properties"]["text"]["type"], "string", "{schema:#}");
    let status = server.get("/api/v1/status").await.ok();
    let kinds = status["kinds"].as_array().unwrap();
    let own = kinds.iter().find(|kind| kind["kind"] == "greetings").unwrap();
    assert_eq!((&own["documents"], &own["figures"]["greetings"]), (&json!(2), &json!(1)), "{own:#}");
    let metrics = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nmidflight_documents{kind=\"greetings\"} 2\n"), "{metrics}");
    assert_eq!(server.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn an_added_kind_is_exported_imported_and_restored() {
    let server = server().await;
    server.put(IT, &json!({"text": "Ciao"})).await;
    server.put(IT, &json!({"text": "Salve"})).await;
    let restore = json!({"reason": "the old one was better"});
    server.post("/api/v1/revisions/1/restore", &restore).await.ok();
    assert_eq!(server.get(IT).await.ok()["body"]["text"], "Ciao");
    let exported = server.anonymous(Method::GET, "/api/v1/export?kind=greetings").send().await.unwrap();
    let exported = exported.text().await.unwrap();
    assert_eq!(exported, "kind: greetings\nname: it\nbody:\n  text: Ciao\n");

    let more = "kind: greetings\nname: en\nbody: {text: Hello}\n---\nkind: greetings\nname: xx\nbody: {}\n";
    let import = server.request(Method::POST, "/api/v1/import").header("content-type", "application/yaml");
    let import = answer(import.header("prefer", "handling=lenient").body(more)).await;
    assert_eq!(import.headers["preference-applied"], "handling=lenient");
    assert_eq!(import.status, 201, "{:#}", import.json);
    assert_eq!(import.json["skipped"][0]["document"], "greetings/xx");
    assert_eq!(server.get("/api/v1/documents/greetings/en").await.ok()["body"]["text"], "Hello");
}
