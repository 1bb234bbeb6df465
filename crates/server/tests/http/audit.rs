//! The audit: who did what, from where, and what came of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, server};
use crate::tokens::token;

async fn audit(server: &Server, query: &str) -> Vec<Value> {
    let page = answer(server.request(Method::GET, &format!("/api/v1/audit{query}"))).await.ok();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_changed_refused_and_logged_in_to_is_kept_and_reads_are_not() {
    let server = server().await.with_loans().await;
    let viewer = token(&server, json!({"name": "vera", "role": "viewer"})).await;
    let put = server.anonymous(Method::PUT, "/api/v1/rulesets/other").bearer_auth(&viewer);
    answer(put.header("x-request-id", "my-id").json(&json!({}))).await.problem(403, "forbidden");
    answer(server.anonymous(Method::PUT, "/api/v1/rulesets/other").json(&json!({})))
        .await
        .problem(401, "unauthenticated");
    let wrong = server.anonymous(Method::GET, "/api/v1/status").bearer_auth("mf_wrong");
    answer(wrong).await.problem(401, "unauthenticated");
    answer(server.anonymous(Method::GET, "/api/v1/whoami").bearer_auth(&viewer)).await.ok();
    server.get("/api/v1/status").await.ok();
    server
        .put("/api/v1/rulesets/loans/rules/R1", &json!({"rule_pint": 1}))
        .await
        .problem(422, "invalid_document");

    let entries = audit(&server, "").await;
    let shown: Vec<_> = entries
        .iter()
        .rev()
        .map(|it| ["actor", "action", "outcome"].map(|key| it[key].as_str().unwrap().to_owned()).join(" | "))
        .collect();
    let rule = "PUT /api/v1/rulesets/{ruleset}/rules/{rule_id}";
    assert_eq!(
        shown,
        [
            "admin | PUT /api/v1/rulesets/{ruleset} | success".to_owned(),
            format!("admin | {rule} | success"),
            "admin | POST /api/v1/tokens | success".to_owned(),
            "vera | PUT /api/v1/rulesets/{ruleset} | refused".to_owned(),
            "anonymous | PUT /api/v1/rulesets/{ruleset} | refused".to_owned(),
            "anonymous | GET /api/v1/status | refused".to_owned(),
            "vera | GET /api/v1/whoami | success".to_owned(),
            format!("admin | {rule} | failed"),
        ]
    );
    let refused = entries.iter().find(|it| it["actor"] == "vera" && it["outcome"] == "refused").unwrap();
    assert_eq!(
        (&refused["target"], &refused["code"], &refused["from"], &refused["request_id"], &refused["role"]),
        (
            &json!("/api/v1/rulesets/other"),
            &json!("forbidden"),
            &json!("127.0.0.1"),
            &json!("my-id"),
            &json!("viewer")
        )
    );
    let made = entries.iter().rev().find(|it| it["action"] == rule).unwrap();
    assert_eq!((&made["revision"], &made["status"]), (&json!(2), &json!(201)));
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains(&server.token) && !text.contains(&viewer), "no token is in it");
}

#[tokio::test]
async fn the_audit_is_filtered_paged_exported_and_for_admins_alone() {
    let server = server().await;
    let editor = token(&server, json!({"name": "eddi", "role": "editor"})).await;
    for n in 0..4 {
        let put = server.anonymous(Method::PUT, &format!("/api/v1/rulesets/r{n}")).bearer_auth(&editor);
        assert_eq!(answer(put.json(&json!({}))).await.status, 201);
    }
    let read = server.anonymous(Method::GET, "/api/v1/audit").bearer_auth(&editor);
    answer(read).await.problem(403, "forbidden");
    assert_eq!(audit(&server, "?actor=eddi&outcome=success").await.len(), 4);
    assert_eq!(audit(&server, "?actor=eddi&outcome=refused").await.len(), 1);
    assert_eq!(audit(&server, "?until=2020-01-01T00:00:00Z").await.len(), 0);
    let page =
        answer(server.request(Method::GET, "/api/v1/audit?actor=eddi&outcome=success&limit=3")).await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(
        audit(&server, &format!("?actor=eddi&outcome=success&limit=3&cursor={cursor}")).await.len(),
        1
    );
    for wrong in ["?outcome=bad", "?since=yesterday", "?limit=0", "?who=x", "/export?limit=3"] {
        let refused = answer(server.request(Method::GET, &format!("/api/v1/audit{wrong}"))).await;
        refused.problem(400, "invalid_parameter");
    }
    let exported = server.request(Method::GET, "/api/v1/audit/export?actor=eddi").send().await.unwrap();
    assert_eq!(exported.headers()["content-type"], "application/x-ndjson");
    let exported = exported.text().await.unwrap();
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line["actor"] == "eddi"));
}

/// An entry with these members, which comes within the deadline.
pub(crate) async fn entry(server: &Server, query: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let find = async {
        loop {
            if let Some(found) = audit(server, query).await.into_iter().find(|entry| is_it(entry)) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, find).await.unwrap_or_else(|_| panic!("no such entry: {query}"))
}

/// How many requests of each kind a flood has.
const ROUNDS: usize = 300;

#[tokio::test]
async fn a_flood_without_a_token_is_bounded_and_displaces_nothing() {
    let server = server().await;
    let flood = async |from: usize, to: usize| {
        for nth in from..to {
            let path = format!("/api/v1/documents/rules/x{nth}");
            for request in [
                server.anonymous(Method::DELETE, "/api/v1/session"),
                server.anonymous(Method::POST, "/api/v1/session").json(&json!({"tokn": nth})),
                server
                    .anonymous(Method::POST, "/api/v1/session")
                    .json(&json!({"token": format!("mf_{nth}")})),
                server.anonymous(Method::POST, &format!("/api/v1/webhooks/x{nth}")).json(&json!({})),
                server.anonymous(Method::PUT, &path).json(&json!({})),
                server.anonymous(Method::GET, &path).bearer_auth(format!("mf_wrong{nth}")),
            ] {
                request.send().await.unwrap();
            }
        }
    };
    flood(0, ROUNDS / 2).await;
    let made = server.put("/api/v1/rulesets/mine", &json!({})).await;
    assert_eq!(made.status, 201);
    flood(ROUNDS / 2, ROUNDS).await;
    let edits = audit(&server, "?actor=admin&action=PUT%20/api/v1/rulesets/{ruleset}").await;
    assert_eq!((edits.len(), &edits[0]["outcome"], &edits[0]["count"]), (1, &json!("success"), &json!(1)));
    assert_eq!(edits[0]["revision"], made.json["revision"]);

    let rows = audit(&server, "?limit=500").await;
    let of_flood: Vec<_> = rows.iter().filter(|it| it["actor"] == "anonymous").collect();
    let actions: std::collections::BTreeSet<_> =
        of_flood.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert!(actions.contains("POST /api/v1/session"), "{actions:?}");
    assert!(!actions.contains("DELETE /api/v1/session"), "nothing was logged out of");
    assert!(of_flood.len() < 5 * ROUNDS / 10, "{} rows", of_flood.len());
    let metrics = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let merged = metrics.lines().find_map(|line| line.strip_prefix("midflight_audit_merged_total "));
    let merged: f64 = merged.unwrap().parse().unwrap();
    assert!(merged > 100.0, "{merged}");
    assert!(metrics.contains("\nmidflight_audit_dropped_total 0"), "{metrics}");
}

#[tokio::test]
async fn what_a_known_caller_repeats_without_a_change_is_counted_and_displaces_nothing() {
    let server = server().await;
    let viewer = token(&server, json!({"name": "vera", "role": "viewer"})).await;
    let ask = async || {
        for path in ["/api/v1/whoami", "/api/v1/audit"] {
            server.anonymous(Method::GET, path).bearer_auth(&viewer).send().await.unwrap();
            server.request(Method::GET, path).send().await.unwrap();
        }
    };
    for _ in 0..ROUNDS / 2 {
        ask().await;
    }
    assert_eq!(server.put("/api/v1/rulesets/mine", &json!({})).await.status, 201);
    for _ in 0..ROUNDS / 2 {
        ask().await;
    }
    let edits = audit(&server, "?actor=admin&action=PUT%20/api/v1/rulesets/{ruleset}").await;
    assert_eq!((edits.len(), &edits[0]["outcome"], &edits[0]["count"]), (1, &json!("success"), &json!(1)));
    for (actor, path, outcome) in [
        ("vera", "/api/v1/whoami", "success"),
        ("vera", "/api/v1/audit", "refused"),
        ("admin", "/api/v1/whoami", "success"),
        ("admin", "/api/v1/audit", "success"),
    ] {
        let query = format!("?actor={actor}&action=GET%20{path}&limit=500");
        let found = entry(&server, &query, |it| it["count"].as_u64() > Some(1)).await;
        assert_eq!((&found["outcome"], &found["target"]), (&json!(outcome), &json!(path)));
        let rows = audit(&server, &query).await.len();
        assert!(rows < ROUNDS / 10, "{rows} rows of {actor} at {path}");
    }
}

#[tokio::test]
async fn who_is_known_and_refused_at_the_edge_is_named() {
    let server = server().await;
    let cookie = crate::sessions::log_in(&server, &server.token).await;
    let put = server.anonymous(Method::PUT, "/api/v1/rulesets/a").header("cookie", &cookie).json(&json!({}));
    answer(put).await.problem(403, "foreign_origin");
    let page = server.request(Method::GET, "/api/v1/status").header("origin", "https://evil.example");
    answer(page).await.problem(403, "foreign_origin");
    let refused = audit(&server, "?outcome=refused&actor=admin").await;
    let actions: Vec<_> = refused.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["GET /api/v1/status", "PUT /api/v1/rulesets/{ruleset}"]);

    let short = token(&server, json!({"name": "short", "role": "viewer", "expires_in_ms": 1})).await;
    let read = server.anonymous(Method::GET, "/api/v1/status").bearer_auth(&short);
    answer(read).await.problem(401, "unauthenticated");
    let login = server.anonymous(Method::POST, "/api/v1/session").json(&json!({"token": short}));
    answer(login).await.problem(401, "unauthenticated");
    let refused = audit(&server, "?outcome=refused&actor=short").await;
    let actions: Vec<_> = refused.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["POST /api/v1/session", "GET /api/v1/status"]);
    assert!(refused.iter().all(|it| it["principal"].is_string() && it["role"] == "viewer"), "{refused:#?}");
}

#[tokio::test]
async fn a_head_is_audited_as_the_get_that_it_stands_for() {
    let server = server().await;
    let head = server.request(Method::HEAD, "/api/v1/audit").send().await.unwrap();
    assert_eq!(head.status(), 200);
    let entries = audit(&server, "?action=HEAD%20/api/v1/audit").await;
    assert_eq!((entries.len(), &entries[0]["outcome"]), (1, &json!("success")));
}
