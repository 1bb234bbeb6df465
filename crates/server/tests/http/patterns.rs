//! Patterns over HTTP: queries that are classified, documents that are changed, and who may.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server};

pub(crate) const PATTERNS: &str = "/api/v1/patterns";

async fn read(server: &Server, path: &str, body: Value) -> Answer {
    answer(server.anonymous(Method::POST, &format!("{PATTERNS}/{path}")).json(&body)).await
}

pub(crate) async fn classify(server: &Server, query: &str) -> Value {
    read(server, "classify", json!({ "query": query })).await.ok()
}

/// A server with some patterns: `ciao` and `salve` that greet, `orders` that finds a word, and `later` that waits.
pub(crate) async fn with_patterns() -> Server {
    let server = server().await;
    let greeting =
        |text: &str| json!({ "pattern": text, "category": "GREETING", "direct_response": "Ciao!" });
    for (id, body) in [
        ("ciao", greeting("Ciao")),
        ("salve", greeting("salve a tutti")),
        (
            "orders",
            json!({ "any_of": ["ordini", "Ordine"], "match": "word", "category": "METRIC", "order": 200 }),
        ),
        (
            "later",
            json!({ "pattern": "quanti clienti", "category": "METRIC", "status": "pending", "confidence": 0.5 }),
        ),
    ] {
        assert_eq!(server.put(&format!("{PATTERNS}/{id}"), &body).await.status, 201);
    }
    server
}

#[tokio::test]
async fn a_query_is_classified_with_everything_that_is_known_of_it() {
    let server = with_patterns().await;
    let found = classify(&server, "  CIAO!").await;
    for (field, value) in [
        ("category", json!("GREETING")),
        ("confidence", json!(1.0)),
        ("action", json!("respond")),
        ("direct_response", json!("Ciao!")),
        ("matched", json!({ "id": "ciao", "match": "exact", "key": "ciao" })),
        ("source", json!("pattern")),
        ("normalized", json!("ciao")),
        ("llm_used", json!(false)),
        ("revision", json!(4)),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    assert!(found["time_us"].is_f64() && found.get("why").is_none());
    let word = classify(&server, "gli ordini di oggi?").await;
    assert_eq!((&word["matched"]["key"], &word["action"]), (&json!("ordini"), &json!("tool")));
    let nothing = classify(&server, "quanti clienti").await;
    for field in ["category", "matched", "action", "direct_response"] {
        assert_eq!(nothing[field], Value::Null, "{field}");
    }
    assert_eq!((&nothing["source"], &nothing["confidence"]), (&json!("none"), &json!(0.0)));
    assert!(nothing["why"].as_str().unwrap().contains("no LLM is configured"), "{nothing}");
    let with_session = json!({ "query": "ciao", "session_id": "s-1", "profile": "default" });
    assert_eq!(read(&server, "classify", with_session).await.ok()["source"], "pattern");
    let normalized = read(&server, "normalize", json!({ "query": "«Ciao», dove?" })).await.ok();
    assert_eq!(normalized, json!({ "normalized": "«ciao» dove", "revision": 4, "quarantined": [] }));
}

#[tokio::test]
async fn queries_that_cannot_be_classified_are_refused() {
    let server = with_patterns().await;
    let unknown = read(&server, "classify", json!({ "query": "ciao", "profile": "defualt" })).await;
    let unknown = unknown.problem(404, "not_found");
    assert!(unknown["detail"].as_str().unwrap().contains("did you mean \"default\""), "{unknown}");
    read(&server, "normalize", json!({ "query": "x", "profile": "it" })).await.problem(404, "not_found");
    for path in ["classify", "normalize"] {
        let long = read(&server, path, json!({ "query": "x".repeat((8 << 10) + 1) })).await;
        assert!(long.problem(413, "too_large")["detail"].as_str().unwrap().contains("8192"));
        let huge = read(&server, path, json!({ "query": "x".repeat(1 << 20) })).await;
        huge.problem(413, "too_large");
        read(&server, path, json!({})).await.problem(422, "invalid_body");
        read(&server, path, json!({ "query": 7 })).await.problem(422, "invalid_body");
        let strange = read(&server, path, json!({ "query": "x", "categories": ["ADMIN"] })).await;
        assert_eq!(strange.problem(422, "invalid_body")["errors"][0]["path"], "/categories");
        let bytes = b"{\"query\": \"ciao \xff\xfe\"}".to_vec();
        let request = server.anonymous(Method::POST, &format!("{PATTERNS}/{path}"));
        let invalid = answer(request.header("content-type", "application/json").body(bytes)).await;
        invalid.problem(400, "malformed_body");
    }
    for strange in ["", "\u{202e}oaic\u{202c}", "🙂\u{200d}", "مرحبا", "cia\u{301}o", "\0"] {
        assert_eq!(classify(&server, strange).await["source"], "none", "{strange:?}");
    }
    assert_eq!(classify(&server, "\u{200f}cia\u{200b}o\u{feff}").await["source"], "pattern");
}

#[tokio::test]
async fn a_pattern_is_made_read_changed_and_deleted() {
    let server = server().await;
    let body = json!({ "pattern": "Buongiorno!", "category": "GREETING" });
    let made = server.post(PATTERNS, &body).await;
    assert_eq!((made.status.as_u16(), made.headers["etag"].to_str().unwrap()), (201, "\"1\""));
    let name = made.json["documents"][0]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("Buongiorno-"), "{name}");
    assert_eq!(classify(&server, "buongiorno").await["matched"]["id"], json!(name));
    server.post(PATTERNS, &body).await.problem(412, "precondition_failed");
    let path = format!("{PATTERNS}/{name}");
    let read = server.get(&path).await;
    assert_eq!((read.headers["etag"].to_str().unwrap(), &read.json["body"]), ("\"1\"", &body));
    let put = |name: &'static str, value: &'static str, category: &str| {
        let body = json!({ "pattern": "Buongiorno!", "category": category });
        answer(server.request(Method::PUT, &path).header(name, value).json(&body))
    };
    put("if-none-match", "*", "OTHER").await.problem(412, "precondition_failed");
    put("if-match", "\"7\"", "OTHER").await.problem(412, "precondition_failed");
    assert_eq!(classify(&server, "buongiorno").await["category"], "GREETING");
    let revision = put("if-match", "\"1\"", "OTHER").await.ok()["revision"].clone();
    let found = classify(&server, "buongiorno").await;
    assert_eq!((&found["category"], &found["revision"]), (&json!("OTHER"), &revision));
    server.delete(&path).await.ok();
    assert_eq!(classify(&server, "buongiorno").await["source"], "none");
    server.get(&path).await.problem(404, "not_found");
    server.delete(&path).await.problem(404, "not_found");

    let with_id = |id: Value| json!({ "id": id, "pattern": "ciao", "category": "GREETING" });
    let made = server.post(PATTERNS, &with_id(json!(42))).await;
    assert_eq!((made.status.as_u16(), &made.json["documents"][0]["name"]), (201, &json!("42")));
    let there = json!({ "id": "42", "pattern": "salve", "category": "GREETING" });
    server.post(PATTERNS, &there).await.problem(412, "precondition_failed");
    server.post(PATTERNS, &with_id(json!(["a"]))).await.problem(422, "invalid_body");
    server.post(PATTERNS, &with_id(json!("profiles/it"))).await.problem(400, "invalid_name");
    server.put(&format!("{PATTERNS}/profiles%2Fit"), &json!({})).await.problem(400, "invalid_name");
    let tried = json!({ "pattern": "addio", "category": "GREETING" });
    let tried = server.post(&format!("{PATTERNS}?dry_run=true"), &tried).await.ok();
    assert_eq!((&tried["dry_run"], &tried["diff"][0]["effect"]), (&json!(true), &json!("add")));
    assert_eq!(classify(&server, "addio").await["source"], "none");
}

#[tokio::test]
async fn problems_of_a_pattern_are_reported_and_a_duplicate_names_the_first() {
    let server = with_patterns().await;
    let before = server.revision().await;
    let bad = json!({ "pattern": "?!", "match": "fuzzy", "category": "a b", "confidence": 2, "paterns": 1 });
    let problem = server.post(PATTERNS, &bad).await.problem(422, "invalid_document");
    let paths: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
    for path in ["/match", "/category", "/confidence", "/paterns"] {
        assert!(paths.contains(&json!(path)), "{path} is not in {paths:?}");
    }
    let empty = server.post(PATTERNS, &json!({ "pattern": "?!", "category": "A" })).await;
    let empty = empty.problem(422, "invalid_document")["errors"][0].clone();
    assert_eq!((&empty["code"], &empty["path"]), (&json!("empty_key"), &json!("/pattern")));
    for body in [
        json!({ "id": "other", "pattern": "CIAO.", "category": "OTHER" }),
        json!({ "pattern": "Ciao", "category": "OTHER" }),
        json!({ "pattern": "ciao", "category": "GREETING" }),
    ] {
        let double = server.post(PATTERNS, &body).await.problem(409, "duplicate_pattern");
        assert!(double["detail"].as_str().unwrap().contains("the pattern \"ciao\" matches"), "{double}");
        assert_eq!(double["errors"][0]["path"], "/pattern");
    }
    server.post(&format!("{PATTERNS}/later/approve"), &json!({})).await.ok();
    let same = json!({ "pattern": "quanti clienti", "category": "OTHER", "status": "pending" });
    assert_eq!(server.put(&format!("{PATTERNS}/second"), &same).await.status, 201);
    let double = server.post(&format!("{PATTERNS}/second/approve"), &json!({})).await;
    let double = double.problem(409, "duplicate_pattern");
    assert!(double["detail"].as_str().unwrap().contains("\"later\""), "{double}");
    assert_eq!(server.revision().await, before + 2);
    assert_eq!(classify(&server, "quanti clienti").await["category"], "METRIC");
}

#[tokio::test]
async fn a_pattern_is_approved_and_disabled() {
    let server = with_patterns().await;
    let set = async |id: &str, to: &str| server.post(&format!("{PATTERNS}/{id}/{to}"), &json!({})).await;
    let approved = set("later", "approve").await.ok();
    let found = classify(&server, "Quanti clienti?").await;
    assert_eq!((&found["source"], &found["revision"]), (&json!("pattern"), &approved["revision"]));
    assert_eq!(set("later", "approve").await.ok()["outcome"], "unchanged");
    let disabled = set("ciao", "disable").await.ok();
    let removed = classify(&server, "ciao").await;
    assert_eq!((&removed["source"], &removed["revision"]), (&json!("none"), &disabled["revision"]));
    let newest = server.get("/api/v1/revisions?limit=1").await.ok();
    assert_eq!(newest["items"][0]["reason"], "disabled");
    assert_eq!(server.get(&format!("{PATTERNS}/ciao")).await.ok()["body"]["direct_response"], "Ciao!");
    set("nobody", "approve").await.problem(404, "not_found");
    set("nobody", "disable").await.problem(404, "not_found");
}

#[tokio::test]
async fn changes_need_a_token() {
    let server = with_patterns().await;
    let before = server.revision().await;
    let body = json!({ "id": "new", "pattern": "addio", "category": "GREETING" });
    for (method, path) in [
        (Method::POST, PATTERNS),
        (Method::PUT, "/api/v1/patterns/ciao"),
        (Method::DELETE, "/api/v1/patterns/ciao"),
        (Method::POST, "/api/v1/patterns/later/approve"),
        (Method::POST, "/api/v1/patterns/ciao/disable"),
        (Method::POST, "/api/v1/patterns/feedback"),
        (Method::POST, "/api/v1/patterns/reload"),
        (Method::POST, "/api/milhena/patterns/reload"),
    ] {
        let no_one = answer(server.anonymous(method.clone(), path).json(&body)).await;
        no_one.problem(401, "unauthenticated");
        let stranger = server.anonymous(method, path).bearer_auth("mf_wrong").json(&body);
        answer(stranger).await.problem(401, "unauthenticated");
    }
    assert_eq!(
        (server.revision().await, classify(&server, "ciao").await["source"].clone()),
        (before, json!("pattern"))
    );
}

#[tokio::test]
async fn a_check_that_breaks_keeps_a_pattern_from_going_live() {
    let server = with_patterns().await;
    let check =
        json!({ "input": { "query": "Ciao!" }, "expect": { "category": "GREETING", "source": "pattern" } });
    assert_eq!(server.put("/api/v1/documents/patterns/checks/greeting", &check).await.status, 201);
    let before = server.revision().await;
    let broken =
        server.put(&format!("{PATTERNS}/ciao"), &json!({ "pattern": "Ciao", "category": "OTHER" })).await;
    let broken = broken.problem(422, "invalid_document");
    assert_eq!(broken["errors"][0]["document"], "patterns/checks/greeting");
    server.post(&format!("{PATTERNS}/ciao/disable"), &json!({})).await.problem(422, "invalid_document");
    server.delete(&format!("{PATTERNS}/ciao")).await.problem(422, "invalid_document");
    let hides = json!({ "pattern": "ciao", "match": "prefix", "category": "OTHER", "order": 1 });
    server.post(PATTERNS, &hides).await.problem(422, "invalid_document");
    assert_eq!(
        (server.revision().await, &classify(&server, "ciao").await["category"]),
        (before, &json!("GREETING"))
    );
}
