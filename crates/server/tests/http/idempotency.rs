//! A write that is sent again under its key is made once.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, rule, server};
use crate::tools::listed;

fn keyed(server: &Server, method: Method, path: &str, key: &str) -> RequestBuilder {
    server.request(method, path).header("idempotency-key", key)
}

async fn put(server: &Server, key: &str, body: &Value) -> Answer {
    answer(keyed(server, Method::PUT, "/api/v1/documents/rules/loans", key).json(body)).await
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_first_revision_and_does_nothing() {
    let server = server().await;
    assert_eq!(put(&server, "one", &json!({"name": "Loans"})).await.status, 201);
    let later = server.put("/api/v1/documents/rules/loans", &json!({"name": "Credits"})).await.ok();
    assert_eq!(later["revision"], 2);
    let again = put(&server, "one", &json!({"name": "Loans"})).await.ok();
    assert_eq!((&again["outcome"], &again["revision"]), (&json!("repeated"), &json!(1)), "{again:#}");
    assert_eq!(server.revision().await, 2);
    let body = server.get("/api/v1/documents/rules/loans").await.ok();
    assert_eq!(body["body"]["name"], "Credits");
    let first = server.get("/api/v1/revisions/1").await.ok();
    let (key, principal) = (&first["revision"]["idempotency_key"], &first["revision"]["principal"]);
    assert_eq!(key.as_str().unwrap(), format!("http:{}:one", principal.as_str().unwrap()));

    for (request, other) in [
        (keyed(&server, Method::PUT, "/api/v1/documents/rules/loans", "one"), json!({"name": "Other"})),
        (keyed(&server, Method::PUT, "/api/v1/documents/rules/other", "one"), json!({"name": "Loans"})),
    ] {
        let reused = answer(request.json(&other)).await.problem(422, "idempotency_key_reused");
        assert!(reused["detail"].as_str().unwrap().contains("revision 1"), "{reused:#}");
    }
    let long = "x".repeat(129);
    for bad in ["", "a b", &long] {
        let refused = put(&server, bad, &json!({})).await.problem(400, "invalid_header");
        assert!(refused["detail"].as_str().unwrap().contains("Idempotency-Key"), "{refused:#}");
    }
    assert_eq!(server.revision().await, 2);
}

#[tokio::test]
async fn a_schedule_is_made_once_too() {
    let server = server().await;
    let path = "/api/v1/documents/rules/loans?not_before=2100-01-31T03:00:00Z";
    let send = async || answer(keyed(&server, Method::PUT, path, "night").json(&json!({}))).await;
    let first = send().await;
    assert_eq!(
        (first.status.as_u16(), &first.json["outcome"]),
        (202, &json!("scheduled")),
        "{:#}",
        first.json
    );
    let again = send().await.ok();
    assert_eq!(
        (&again["outcome"], &again["revision"]),
        (&json!("repeated"), &first.json["revision"]),
        "{again:#}"
    );
    assert_eq!(server.get("/api/v1/schedules").await.ok()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_patch_that_waits_is_scheduled_once() {
    let server = server().await;
    let path = "/api/v1/config/shop?not_before=2100-01-31T03:00:00Z";
    let send = async || answer(keyed(&server, Method::PATCH, path, "night").json(&json!({"a": 1}))).await;
    let first = send().await;
    assert_eq!(
        (first.status.as_u16(), &first.json["outcome"]),
        (202, &json!("scheduled")),
        "{:#}",
        first.json
    );
    let again = send().await.ok();
    assert_eq!(
        (&again["outcome"], &again["revision"]),
        (&json!("repeated"), &first.json["revision"]),
        "{again:#}"
    );
}

#[tokio::test]
async fn a_repeat_is_answered_before_its_precondition_is_looked_at() {
    let server = server().await.with_loans().await;
    server.put("/api/v1/config/shop", &json!({"a": 1})).await;
    let tools = "/api/v1/tools";
    assert_eq!(server.post(tools, &listed("grep", "1.0")).await.status, 201);
    let on = |version: &str, method, path: &str, key| {
        keyed(&server, method, path, key).header("if-match", format!("\"{version}\""))
    };
    let update = json!({"description": "Other lines of files."});
    let writes = [
        on("1", Method::PATCH, "/api/v1/config/shop", "1").json(&json!({"a": 2})),
        on("1", Method::PUT, "/api/v1/tools/grep", "2").json(&update),
        on("2", Method::POST, tools, "3").json(&listed("grep", "2.0")),
        on("3", Method::DELETE, "/api/v1/documents/tools/grep", "4"),
    ];
    for write in writes {
        let again = write.try_clone().unwrap();
        let made = answer(write).await;
        assert!(made.status.is_success(), "{:#}", made.json);
        let repeated = answer(again).await;
        assert!(repeated.status.is_success(), "{:#}", repeated.json);
        assert_eq!(
            (&repeated.json["outcome"], &repeated.json["revision"]),
            (&json!("repeated"), &made.json["revision"]),
            "{:#}",
            repeated.json
        );
    }
}

#[tokio::test]
async fn every_write_takes_a_key() {
    let server = server().await.with_loans().await;
    let put = json!({"op": "put", "kind": "rules", "name": "loans/R2", "body": rule(21, 1.0)});
    let import = "kind: rules\nname: cars\nbody: {}\n";
    let post = |path, key| keyed(&server, Method::POST, path, key);
    let writes = [
        post("/api/v1/apply", "1").json(&json!({ "changes": [put] })),
        post("/api/v1/import", "2").header("content-type", "application/yaml").body(import),
        post("/api/v1/patterns", "3").json(&json!({"pattern": "ciao", "category": "GREETING"})),
        keyed(&server, Method::PATCH, "/api/v1/config/shop", "4").json(&json!({"a": 1})),
        keyed(&server, Method::DELETE, "/api/v1/documents/rules/cars", "5"),
        post("/api/v1/revisions/1/restore", "6").json(&json!({"reason": "back"})),
        keyed(&server, Method::DELETE, "/api/v1/rulesets/loans", "7"),
    ];
    for write in writes {
        let again = write.try_clone().unwrap();
        let made = answer(write).await;
        assert!(made.status.is_success() && made.json["outcome"] == "success", "{:#}", made.json);
        let repeated = answer(again).await.ok();
        assert_eq!(
            (&repeated["outcome"], &repeated["revision"]),
            (&json!("repeated"), &made.json["revision"]),
            "{repeated:#}"
        );
    }
}

#[tokio::test]
async fn feedback_is_counted_and_learned_once_under_its_key() {
    let server = server().await;
    for (name, pattern, category) in [("own", "ciao", "GREETING"), ("other", "ordini", "METRIC")] {
        let body = json!({"pattern": pattern, "category": category});
        server.put(&format!("/api/v1/patterns/{name}"), &body).await;
    }
    server.put("/api/v1/documents/patterns/learning/default", &json!({"mode": "auto"})).await;
    let say = async |key: &str, body: &Value| {
        answer(keyed(&server, Method::POST, "/api/v1/patterns/feedback", key).json(body)).await
    };
    let right = json!({"query": "ciao", "feedback_type": "positive"});
    for repeated in [false, true] {
        assert_eq!(say("1", &right).await.ok()["repeated"], json!(repeated));
    }
    let item = server.get("/api/v1/patterns?q=ciao").await.ok()["items"][0].clone();
    assert_eq!(item["times_correct"], 1, "{item:#}");

    let correction =
        json!({"query": "salve", "feedback_type": "correction", "corrected_category": "GREETING"});
    let made = say("2", &correction).await.ok();
    assert_eq!((&made["repeated"], &made["correction"]["outcome"]), (&json!(false), &json!("made")));
    let again = say("2", &correction).await.ok();
    let revision = &made["correction"]["revision"];
    assert_eq!(
        (&again["repeated"], &again["correction"]),
        (&json!(true), &json!({"outcome": "repeated", "revision": revision}))
    );
    say("2", &right).await.problem(422, "idempotency_key_reused");
    say("a b", &right).await.problem(400, "invalid_header");
    assert_eq!(json!(server.revision().await), *revision);
}
