//! Many patterns in one import, some of them bad.

use reqwest::Method;
use serde_json::{Value, json};

use crate::patterns::classify;
use crate::support::{Answer, Server, answer, server};

const COUNT: usize = 2_000;

/// So many patterns, ten of which are bad, each in its own way: by itself, or beside the others.
fn patterns() -> Vec<Value> {
    let document = |name: &str, body: Value| json!({ "kind": "patterns", "name": name, "body": body });
    let mut all: Vec<_> = (0..COUNT - 10)
        .map(|n| {
            let body = json!({ "pattern": format!("query number {n}"), "category": "METRIC" });
            document(&format!("p{n:04}"), body)
        })
        .collect();
    let bad = [
        json!({ "pattern": "", "category": "METRIC" }),
        json!({ "pattern": "no category" }),
        json!({ "pattern": "a strange match", "match": "fuzzy", "category": "METRIC" }),
        json!({ "pattern": "too sure", "category": "METRIC", "confidence": 1.5 }),
        json!({ "pattern": "(", "match": "regex", "category": "METRIC" }),
        json!({ "patern": "misspelt", "category": "METRIC" }),
        json!({ "pattern": "wrong types", "category": 7, "status": true }),
        json!({ "pattern": "?!", "category": "METRIC" }),
        json!({ "pattern": "of nobody", "category": "METRIC", "profile": "nobody" }),
        json!({ "pattern": "Query number 7!", "category": "OTHER" }),
    ];
    for (n, body) in bad.into_iter().enumerate() {
        all.insert(n * 190 + 17, document(&format!("x{n}"), body));
    }
    all
}

async fn import(server: &Server, documents: &[Value], prefer: Option<&str>) -> Answer {
    let request = server.request(Method::POST, "/api/v1/import");
    let request = prefer.into_iter().fold(request, |request, prefer| request.header("prefer", prefer));
    answer(request.json(&documents)).await
}

/// The documents that are named, each once, and each with a line and a reason.
#[track_caller]
fn named(items: &Value) -> Vec<String> {
    let mut named = Vec::new();
    for item in items.as_array().unwrap() {
        assert!(item["line"].is_u64() && item["message"].as_str().unwrap().len() > 10, "{item}");
        named.push(item["document"].as_str().unwrap().trim_start_matches("patterns/").to_owned());
    }
    named.sort();
    named.dedup();
    named
}

fn bad() -> Vec<String> {
    (0..10).map(|n| format!("x{n}")).collect()
}

#[tokio::test]
async fn of_many_patterns_with_ten_bad_ones_none_goes_live_and_all_ten_are_named() {
    let server = server().await;
    let refused = import(&server, &patterns(), None).await.problem(422, "invalid_document");
    assert_eq!(named(&refused["errors"]), bad(), "{:#}", refused["errors"]);
    assert!(refused["detail"].as_str().unwrap().ends_with("problems were found; nothing was changed"));
    assert_eq!(
        (server.revision().await, &classify(&server, "query number 3").await["source"]),
        (0, &json!("none"))
    );
}

#[tokio::test]
async fn lenient_callers_get_the_valid_part_and_a_report_of_the_rest() {
    let server = server().await;
    let done = import(&server, &patterns(), Some("handling=lenient")).await;
    assert_eq!(done.headers["preference-applied"], "handling=lenient");
    let done = done.ok();
    assert_eq!((&done["outcome"], &done["revision"]), (&json!("success"), &json!(1)));
    assert_eq!(named(&done["skipped"]), bad(), "{:#}", done["skipped"]);
    assert_eq!(done["documents"].as_array().unwrap().len(), COUNT - 10);
    for n in [0, 7, COUNT - 11] {
        let found = classify(&server, &format!("Query number {n}?")).await;
        assert_eq!((&found["matched"]["id"], &found["revision"]), (&json!(format!("p{n:04}")), &json!(1)));
    }
    let metrics = server.get("/api/v1/patterns/hot-reload/metrics").await.ok();
    assert_eq!(
        (&metrics["patterns"], &metrics["reloads"]["by_outcome"]["success"]),
        (&json!(COUNT - 10), &json!(1))
    );
    let again = import(&server, &patterns(), Some("handling=lenient")).await.ok();
    assert_eq!((&again["outcome"], named(&again["skipped"])), (&json!("unchanged"), bad()));
}

#[tokio::test]
async fn what_is_bad_since_something_else_is_is_not_held_against_it() {
    let server = server().await;
    let profile =
        json!({ "kind": "patterns", "name": "profiles/it", "body": { "stop_words": ["due parole"] } });
    let pattern = json!({ "kind": "patterns", "name": "ciao", "body":
        { "pattern": "ciao", "category": "GREETING", "profile": "it" } });
    let documents = [profile, pattern];
    let refused = import(&server, &documents, None).await.problem(422, "invalid_document");
    assert_eq!(named(&refused["errors"]), ["profiles/it"]);
    let refused =
        import(&server, &documents, Some("handling=lenient")).await.problem(422, "invalid_document");
    assert_eq!(named(&refused["errors"]), ["ciao", "profiles/it"], "without its profile it does not hold");
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn doubles_of_one_import_name_the_first_and_only_they_are_left_out() {
    let server = server().await;
    let document = |name: &str, text: &str, category: &str| json!({ "kind": "patterns", "name": name, "body": { "pattern": text, "category": category } });
    let documents = [
        document("first", "ciao", "GREETING"),
        document("other", "salve", "GREETING"),
        document("second", "Ciao!", "OTHER"),
    ];
    let refused = import(&server, &documents, None).await.problem(409, "duplicate_pattern");
    assert!(
        refused["detail"].as_str().unwrap().contains("the pattern \"first\" matches \"ciao\""),
        "{refused}"
    );
    assert_eq!((named(&refused["errors"]), server.revision().await), (vec!["second".to_owned()], 0));
    let done = import(&server, &documents, Some("handling=lenient")).await.ok();
    assert_eq!(named(&done["skipped"]), ["second"]);
    assert_eq!(classify(&server, "ciao").await["category"], "GREETING");
}

#[tokio::test]
async fn a_lenient_import_leaves_one_reload_that_succeeded_and_none_that_failed() {
    let server = server().await;
    let outcomes = async || {
        let reloads = server.get("/api/v1/reloads?trigger=api_update").await.ok();
        let items = reloads["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    import(&server, &patterns(), Some("handling=lenient")).await.ok();
    assert_eq!(outcomes().await, ["success"]);
    let status = server.get("/api/v1/status").await.ok();
    assert_eq!((&status["last_refused"], &status["served_revision"]), (&Value::Null, &json!(1)));
    let statistics = server.get("/api/v1/reloads/statistics").await.ok();
    assert_eq!(statistics["by_outcome"].get("validation_failed"), None);
    import(&server, &patterns(), Some("handling=lenient")).await.ok();
    assert_eq!(outcomes().await, ["unchanged", "success"]);
    // What is refused as a whole is one that failed.
    import(&server, &patterns(), None).await.problem(422, "invalid_document");
    assert_eq!(outcomes().await, ["validation_failed", "unchanged", "success"]);
}

#[tokio::test]
async fn a_lenient_import_for_later_schedules_what_is_valid() {
    let server = server().await;
    let document = |name: &str, category: Value| json!({ "kind": "patterns", "name": name, "body": { "pattern": name, "category": category } });
    let documents = [document("good", json!("GREETING")), document("bad", json!(7))];
    let path = "/api/v1/import?not_before=2100-01-01T00:00:00Z&schedule_id=later";
    let request = server.request(Method::POST, path).header("prefer", "handling=lenient");
    let answered = answer(request.json(&documents)).await;
    assert_eq!(answered.status, 202);
    assert_eq!(named(&answered.json["skipped"]), ["bad"]);
    let schedule = server.get("/api/v1/documents/schedules/later").await.ok();
    let changes: Vec<_> =
        schedule["body"]["changes"].as_array().unwrap().iter().map(|change| &change["name"]).collect();
    assert_eq!(changes, ["good"]);
}
