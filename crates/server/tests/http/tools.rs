//! Tools over HTTP: made, read, changed, switched on and off, deleted, and who may.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server};

pub(crate) const TOOLS: &str = "/api/v1/tools";

/// A tool as a client of the original sends it: capabilities and patterns in lists.
pub(crate) fn listed(tool_name: &str, version: &str) -> Value {
    json!({
        "tool_name": tool_name, "version": version, "description": format!("Finds lines with {tool_name}."),
        "platform": "linux", "category": "text-processing", "status": "active", "enabled": true,
        "defaults": {"accuracy_level": "high"}, "metadata": {"owner": "ops"},
        "dependencies": [{"name": "libc", "type": "library", "required": true, "version": "2.0"}],
        "capabilities": [{"capability_name": "text_search", "description": "Finds text.", "patterns": [
            pattern("one_file", "40", 1.0), pattern("whole_tree", "200 + 5 * N", 2.0),
        ]}],
        "created_by": "mallory"
    })
}

pub(crate) fn pattern(name: &str, time: &str, cost: f64) -> Value {
    json!({
        "pattern_name": name, "description": "One way.", "typical_use_cases": ["search a file"],
        "time_estimate_ms": time, "cost_estimate": cost.to_string(), "complexity_score": 0.2,
        "scope": "single", "completeness": "complete", "limitations": ["text only"],
        "policy": {"max_cost": 10, "requires_approval": false, "production_safe": true},
        "preference_match": {"speed": 0.9, "accuracy": 0.8, "cost": 0.9, "complexity": 0.9, "completeness": 0.7},
        "required_inputs": [{"name": "path", "type": "string", "description": "Where."}],
        "expected_outputs": [{"name": "lines", "type": "array"}]
    })
}

pub(crate) async fn create(server: &Server, body: &Value) -> Value {
    let made = server.post(TOOLS, body).await;
    assert_eq!(made.status, 201, "{:#}", made.json);
    made.json
}

pub(crate) async fn send(server: &Server, method: Method, path: &str) -> Answer {
    answer(server.request(method, &format!("{TOOLS}/{path}"))).await
}

pub(crate) async fn get(server: &Server, path: &str) -> Value {
    let slash = if path.is_empty() || path.starts_with('?') { "" } else { "/" };
    server.get(&format!("{TOOLS}{slash}{path}")).await.ok()
}

/// A server with the tools `grep` and `awk`.
pub(crate) async fn with_tools() -> Server {
    let server = server().await;
    create(&server, &listed("grep", "1.0")).await;
    create(&server, &listed("awk", "1.0")).await;
    server
}

const FIELDS: [&str; 15] = [
    "id",
    "tool_name",
    "version",
    "description",
    "platform",
    "category",
    "status",
    "enabled",
    "defaults",
    "dependencies",
    "metadata",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
];

#[tokio::test]
async fn a_tool_that_is_made_is_answered_and_read_with_every_field() {
    let server = server().await;
    let made = server.post(TOOLS, &listed("grep", "1.0")).await;
    assert_eq!((made.status.as_u16(), made.headers["etag"].to_str().unwrap()), (201, "\"1\""));
    let read = get(&server, "grep").await;
    for field in FIELDS {
        assert_eq!(made.json[field], read[field], "{field}");
    }
    for (field, value) in [
        ("tool_name", json!("grep")),
        ("version", json!("1.0")),
        ("description", json!("Finds lines with grep.")),
        ("platform", json!("linux")),
        ("category", json!("text-processing")),
        ("status", json!("active")),
        ("enabled", json!(true)),
        ("defaults", json!({"accuracy_level": "high"})),
        ("metadata", json!({"owner": "ops"})),
        ("dependencies", json!([{"name": "libc", "type": "library", "required": true, "version": "2.0"}])),
        // Who made it is the caller, whatever the body says.
        ("created_by", json!("admin")),
        ("updated_by", json!("admin")),
        ("revision", json!(1)),
        ("quarantined", json!([])),
    ] {
        assert_eq!(read[field], value, "{field}");
    }
    assert!(read["id"].is_u64() && read.get("capabilities").is_none());
    assert_eq!(read["created_at"], read["updated_at"]);
    assert_eq!((&made.json["outcome"], &made.json["revision"]), (&json!("success"), &json!(1)));
    // What is kept has capabilities and patterns by name.
    let document = server.get("/api/v1/documents/tools/grep").await.ok();
    let patterns = &document["body"]["capabilities"]["text_search"]["patterns"];
    assert_eq!(patterns["whole_tree"]["time_estimate_ms"], "200 + 5 * N");
    assert!(document["body"].get("created_by").is_none());
    server.get(&format!("{TOOLS}/grp")).await.problem(404, "not_found")["detail"]
        .as_str()
        .filter(|detail| detail.contains("did you mean \"grep\""))
        .unwrap();
}

#[tokio::test]
async fn a_tool_with_an_etag_is_not_sent_again_while_it_is_unchanged() {
    let server = with_tools().await;
    let path = format!("{TOOLS}/grep");
    let tag = server.get(&path).await.headers["etag"].clone();
    let again = answer(server.anonymous(Method::GET, &path).header("if-none-match", tag.clone())).await;
    assert_eq!(again.status, 304);
    server.put(&path, &json!({"enabled": false})).await.ok();
    let changed = answer(server.anonymous(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!(changed.ok()["enabled"], false);
}

#[tokio::test]
async fn problems_of_a_new_tool_are_reported_with_their_place() {
    let server = with_tools().await;
    let mut bad = listed("sed", "1.0");
    bad["capabilities"][0]["patterns"][0]["time_estimate_ms"] = json!("2 * lg(N)");
    bad["capabilities"][0]["patterns"][1]["complexity_score"] = json!(7);
    bad["status"] = json!("on");
    let problem = server.post(TOOLS, &bad).await.problem(422, "invalid_document");
    let errors = problem["errors"].as_array().unwrap();
    let paths: Vec<_> = errors.iter().map(|it| it["path"].as_str().unwrap()).collect();
    for path in [
        "/status",
        "/capabilities/text_search/patterns/one_file/time_estimate_ms",
        "/capabilities/text_search/patterns/whole_tree/complexity_score",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
    let formula =
        errors.iter().find(|it| it["path"].as_str().unwrap().ends_with("time_estimate_ms")).unwrap();
    assert!(formula["message"].as_str().unwrap().contains("did you mean \"log\""), "{formula}");
    for (body, path) in [
        (json!({"description": "d"}), "/tool_name"),
        (json!({"tool_name": 7}), "/tool_name"),
        (json!({"tool_name": "???"}), "/tool_name"),
        (json!([]), ""),
    ] {
        let problem = server.post(TOOLS, &body).await.problem(422, "invalid_document");
        assert_eq!(problem["errors"][0]["path"], path, "{body}");
    }
    let taken = server.post(TOOLS, &listed("reload", "1")).await.problem(422, "invalid_document");
    assert!(taken["detail"].as_str().unwrap().contains("is a path of this API"), "{taken}");
    assert_eq!(server.revision().await, 2);
}

#[tokio::test]
async fn six_patterns_are_taken_and_a_capability_with_too_many_spoils_no_other_tool() {
    let server = with_tools().await;
    let with = |count: usize| {
        let mut tool = listed("sed", "1.0");
        let patterns: Vec<_> = (0..count).map(|n| pattern(&format!("p{n}"), "N", 1.0)).collect();
        tool["capabilities"][0]["patterns"] = json!(patterns);
        tool
    };
    let problem = server.post(TOOLS, &with(201)).await.problem(422, "invalid_document");
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("may have 200"), "{problem}");
    assert_eq!(get(&server, "").await["total"], 2);
    create(&server, &with(6)).await;
    let listed = get(&server, "capabilities/text_search/tools").await;
    let sed = listed["tools"].as_array().unwrap().iter().find(|tool| tool["tool_name"] == "sed").unwrap();
    assert_eq!(sed["capabilities"][0]["patterns"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn hidden_characters_are_refused_and_shown_written_out() {
    let server = with_tools().await;
    for (hidden, shown) in [("\u{200b}", "U+200B"), ("\u{202e}", "U+202E"), ("\u{e0041}", "U+E0041")] {
        let mut tool = listed("sed", "1.0");
        tool["description"] = json!(format!("Reads a file.{hidden}"));
        let problem = server.post(TOOLS, &tool).await.problem(422, "invalid_document");
        let error = &problem["errors"][0];
        assert_eq!((&error["path"], &error["code"]), (&json!("/description"), &json!("hidden_character")));
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(shown) && !message.contains(hidden) && message.contains("remove it"),
            "{message}"
        );
        let update = json!({"description": format!("Finds{hidden} lines.")});
        server.put(&format!("{TOOLS}/grep"), &update).await.problem(422, "invalid_document");
    }
    assert_eq!(server.revision().await, 2);
}

#[tokio::test]
async fn some_members_are_changed_in_place_and_nothing_else() {
    let server = with_tools().await;
    let path = format!("{TOOLS}/grep");
    let before = get(&server, "grep").await;
    let update = json!({"description": "Finds.", "defaults": {"freshness": "now"}, "metadata": null, "updated_by": "x"});
    let updated = server.put(&format!("{path}?reason=shorter"), &update).await;
    assert_eq!(updated.headers["etag"], "\"2\"");
    let updated = updated.ok();
    assert_eq!(
        (&updated["description"], &updated["defaults"]),
        (&json!("Finds."), &json!({"freshness": "now"}))
    );
    assert_eq!((&updated["metadata"], &updated["updated_by"]), (&json!({"owner": "ops"}), &json!("admin")));
    assert_eq!((&updated["id"], &updated["created_at"]), (&before["id"], &before["created_at"]));
    assert_ne!(updated["updated_at"], before["updated_at"]);
    let newest = server.get("/api/v1/revisions?limit=1").await.ok();
    assert_eq!(
        (&newest["items"][0]["reason"], &newest["items"][0]["author"]),
        (&json!("shorter"), &json!("admin"))
    );
    for empty in [json!({}), json!({"updated_by": "x"}), json!({"status": null})] {
        let problem = server.put(&path, &empty).await.problem(422, "invalid_body");
        assert!(problem["detail"].as_str().unwrap().contains("the update is empty"), "{problem}");
    }
    let problem =
        server.put(&path, &json!({"platform": "windows", "nam": 1})).await.problem(422, "invalid_body");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    server.put(&path, &json!({"status": "gone"})).await.problem(422, "invalid_document");
    server.put(&format!("{TOOLS}/nothing"), &json!({"enabled": true})).await.problem(404, "not_found");
    let put = |tag: &'static str| {
        answer(server.request(Method::PUT, &path).header("if-match", tag).json(&json!({"enabled": false})))
    };
    put("\"1\"").await.problem(412, "precondition_failed");
    put("\"2\"").await.ok();
    let tried = server.put(&format!("{path}?dry_run=true"), &json!({"description": "Tried."})).await.ok();
    assert_eq!((&tried["dry_run"], &tried["description"]), (&json!(true), &json!("Tried.")));
    assert_eq!(get(&server, "grep").await["description"], "Finds.");
}

#[tokio::test]
async fn a_tool_is_switched_off_and_on_again_and_deprecated() {
    let server = with_tools().await;
    let set = async |word: &str| send(&server, Method::PATCH, &format!("grep/{word}")).await.ok();
    let names = async |query: &str| {
        let list = get(&server, query).await;
        list["tools"].as_array().unwrap().iter().map(|it| it["tool_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(set("disable").await["enabled"], false);
    assert_eq!(names("?enabled=false").await, [json!("grep")]);
    assert_eq!(names("").await, [json!("awk")]);
    assert_eq!(set("enable").await["enabled"], true);
    assert_eq!(names("").await, [json!("awk"), json!("grep")]);
    assert_eq!(set("enable").await["outcome"], "unchanged");
    server.put(&format!("{TOOLS}/grep"), &json!({"status": "disabled"})).await.ok();
    let enabled = set("enable").await;
    assert_eq!((&enabled["status"], &enabled["enabled"]), (&json!("active"), &json!(true)));
    assert_eq!(set("deprecate").await["status"], "deprecated");
    assert_eq!(names("?status=deprecated").await, [json!("grep")]);
    assert_eq!(get(&server, "grep").await["status"], "deprecated");
    send(&server, Method::PATCH, "nothing/enable").await.problem(404, "not_found");
    send(&server, Method::PATCH, "nothing/disable").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_deleted_tool_can_be_restored() {
    let server = with_tools().await;
    let deleted = send(&server, Method::DELETE, "grep").await;
    assert_eq!((deleted.status.as_u16(), &deleted.json), (204, &Value::Null));
    assert_eq!(deleted.headers["x-midflight-revision"], "3");
    server.get(&format!("{TOOLS}/grep")).await.problem(404, "not_found");
    server.get(&format!("{TOOLS}/grep/versions")).await.problem(404, "not_found");
    send(&server, Method::DELETE, "grep").await.problem(404, "not_found");
    let back =
        server.post(&format!("{TOOLS}/grep/rollback"), &json!({"revision": 1, "reason": "needed"})).await;
    assert_eq!(back.ok()["tool_name"], "grep");
    let read = get(&server, "grep").await;
    assert_eq!((&read["description"], &read["revision"]), (&json!("Finds lines with grep."), &json!(4)));
    let tried = send(&server, Method::DELETE, "grep?dry_run=true").await.ok();
    assert_eq!(tried["diff"][0]["effect"], "remove");
    let stale = server.request(Method::DELETE, &format!("{TOOLS}/grep")).header("if-match", "\"1\"");
    answer(stale).await.problem(412, "precondition_failed");
    send(&server, Method::DELETE, "grep?wanted=1").await.problem(400, "invalid_parameter");
    assert_eq!(get(&server, "grep").await["enabled"], true);
}

#[tokio::test]
async fn a_request_that_is_sent_again_under_its_key_is_made_once() {
    let server = server().await;
    let send = async |method: Method, path: &str, body: Value| {
        let request = server.request(method, &format!("{TOOLS}{path}"));
        answer(request.header("idempotency-key", "once").json(&body)).await
    };
    let made = send(Method::POST, "", listed("grep", "1.0")).await;
    assert_eq!(made.status, 201);
    let again = send(Method::POST, "", listed("grep", "1.0")).await;
    assert_eq!(
        (again.status.as_u16(), &again.json["outcome"]),
        (201, &json!("repeated")),
        "{:#}",
        again.json
    );
    assert_eq!((&again.json["tool_name"], &again.json["id"]), (&json!("grep"), &made.json["id"]));
    send(Method::POST, "", listed("awk", "1.0")).await.problem(422, "idempotency_key_reused");
    send(Method::PUT, "/grep", json!({"enabled": false})).await.problem(422, "idempotency_key_reused");
    assert_eq!(server.revision().await, 1);
}

#[tokio::test]
async fn changes_of_tools_need_a_token_and_reads_do_not() {
    let server = with_tools().await;
    for (method, path) in [
        (Method::POST, ""),
        (Method::PUT, "/grep"),
        (Method::DELETE, "/grep"),
        (Method::PATCH, "/grep/enable"),
        (Method::PATCH, "/grep/disable"),
        (Method::PATCH, "/grep/deprecate"),
        (Method::POST, "/grep/rollback"),
        (Method::POST, "/grep/validate"),
        (Method::POST, "/import"),
        (Method::POST, "/reload"),
    ] {
        let no_one = server.anonymous(method, &format!("{TOOLS}{path}")).json(&json!({}));
        answer(no_one).await.problem(401, "unauthenticated");
    }
    for path in ["", "/grep", "/grep/versions", "/health", "/metrics", "/search/query?q=lines", "/lint"] {
        server.get(&format!("{TOOLS}{path}")).await.ok();
    }
    assert_eq!(server.revision().await, 2);
}
