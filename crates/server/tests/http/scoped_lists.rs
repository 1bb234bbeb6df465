//! What callers with scopes learn of documents that are not in them: nothing, by lists, cursors and refusals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server, server_with};
use crate::tokens::token;

/// What no answer may have.
const SECRET: &str = "secret";

async fn scoped(server: &Server, role: &str, scopes: Value) -> String {
    token(server, json!({"name": "scoped", "role": role, "scopes": scopes})).await
}

async fn ask(server: &Server, token: &str, method: Method, path: &str) -> Answer {
    let answered = answer(server.anonymous(method, path).bearer_auth(token).json(&json!({}))).await;
    assert!(!answered.json.to_string().contains(SECRET), "{path}: {:#}", answered.json);
    answered
}

/// Makes documents in one revision, and answers its number.
async fn made(server: &Server, ids: &[String]) -> u64 {
    let text = "x".repeat(100);
    let put = |id: &String| {
        let (kind, name) = id.split_once('/').unwrap();
        json!({"op": "put", "kind": kind, "name": name, "body": {"text": text}})
    };
    let changes: Vec<_> = ids.iter().map(put).collect();
    let applied = server.post("/api/v1/apply", &json!({ "changes": changes })).await;
    applied.json["revision"].as_u64().unwrap_or_else(|| panic!("{:#}", applied.json))
}

/// What the pages of a list have.
struct Walk {
    names: Vec<String>,
    cursors: Vec<String>,
}

/// Reads a list to its end. Asserts that no answer names what is out of scope.
async fn walk(server: &Server, token: &str, path: &str, items: &str) -> Walk {
    let mut walked = Walk { names: Vec::new(), cursors: Vec::new() };
    loop {
        let cursor = walked.cursors.last().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = ask(server, token, Method::GET, &format!("{path}{cursor}")).await.ok();
        let names =
            page[items].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        walked.names.extend(names);
        let Some(next) = page["next_cursor"].as_str() else { return walked };
        assert!(!walked.cursors.iter().any(|cursor| cursor == next), "no progress after {next}");
        walked.cursors.push(next.to_owned());
    }
}

#[tokio::test]
async fn a_list_has_the_documents_in_scope_and_no_cursor_that_tells_of_others() {
    let server = server().await;
    let names = ["a", "b1", "b2", "c", "secret1", "secret2"];
    made(&server, &names.map(|name| format!("config/{name}"))).await;
    let list = "/api/v1/documents/config";
    let none = scoped(&server, "viewer", json!(["rules/x"])).await;
    for query in ["limit=1", "limit=1&prefix=sec", "limit=1&cursor=c"] {
        let page = ask(&server, &none, Method::GET, &format!("{list}?{query}")).await.ok();
        assert_eq!((&page["items"], &page["next_cursor"]), (&json!([]), &json!(null)), "{query}");
    }
    server.delete("/api/v1/tokens/scoped").await;
    let some = scoped(&server, "viewer", json!(["config/b*", "config/c"])).await;
    let walked = walk(&server, &some, &format!("{list}?limit=1"), "items").await;
    assert_eq!((walked.names, walked.cursors), (strings(&["b1", "b2", "c"]), strings(&["b1", "b2"])));
    // Without scopes it is as it was.
    let all = walk_all(&server, &format!("{list}?limit=2")).await;
    assert_eq!(all, ["b1", "c"]);
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The cursors of a list for a caller without scopes.
async fn walk_all(server: &Server, path: &str) -> Vec<String> {
    let mut cursors: Vec<String> = Vec::new();
    loop {
        let cursor = cursors.last().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = server.get(&format!("{path}{cursor}")).await.ok();
        let Some(next) = page["next_cursor"].as_str() else { return cursors };
        cursors.push(next.to_owned());
    }
}

#[tokio::test]
async fn a_list_that_passes_over_many_documents_goes_on_with_a_sealed_cursor() {
    let server = server_with(|options| options.limits.answer_bytes_max = 1_000).await;
    let mut ids = vec!["config/a/mine".to_owned()];
    ids.extend((0..100).map(|nth| format!("config/a/secret{nth}")));
    ids.extend(["config/b/mine", "config/c/mine"].map(str::to_owned));
    let revision = made(&server, &ids).await;
    let scoped = scoped(&server, "viewer", json!(["config/*/mine"])).await;
    let mine = strings(&["a/mine", "b/mine", "c/mine"]);
    for (path, items) in [
        ("/api/v1/documents/config?limit=1".to_owned(), "items"),
        ("/api/v1/documents/config?limit=50".to_owned(), "items"),
        (format!("/api/v1/revisions/{revision}?limit=1"), "documents"),
    ] {
        let walked = walk(&server, &scoped, &path, items).await;
        assert_eq!(walked.names, mine, "{path}");
        assert!(walked.cursors.iter().any(|cursor| cursor.starts_with('~')), "{path}: {:?}", walked.cursors);
    }
    let diff = format!("/api/v1/revisions/{revision}/diff?limit=1");
    let walked = walk(&server, &scoped, &diff, "documents").await;
    assert_eq!(walked.names, mine);
    for wrong in ["~", "~x", "~AAAA"] {
        let path = format!("/api/v1/documents/config?cursor={wrong}");
        ask(&server, &scoped, Method::GET, &path).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_refusal_names_only_what_the_request_names() {
    let server = server().await;
    let rulesets = ["pricing", "loans", "loans/secret-rule"];
    made_rules(&server, &rulesets).await;
    let pricing = scoped(&server, "operator", json!(["rules/pricing"])).await;
    for ruleset in ["loans", "nothing"] {
        let path = format!("/api/v1/rulesets/{ruleset}");
        let refused = ask(&server, &pricing, Method::DELETE, &path).await.problem(403, "forbidden");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("rules/{ruleset} is not in the scopes")), "{detail}");
    }
    let restore = "/api/v1/revisions/0/restore?dry_run=true";
    let refused = ask(&server, &pricing, Method::POST, restore).await.problem(403, "forbidden");
    assert!(!refused.to_string().contains("loans"), "{refused:#}");
    server.delete("/api/v1/tokens/scoped").await;
    // A ruleset is deleted with its rules, which this caller may not see.
    let loans = scoped(&server, "operator", json!(["rules/loans"])).await;
    ask(&server, &loans, Method::DELETE, "/api/v1/rulesets/loans").await.problem(403, "forbidden");
}

async fn made_rules(server: &Server, names: &[&str]) {
    let put = |name: &&str| {
        let body = if name.contains('/') { crate::support::rule(18, 1.0) } else { json!({}) };
        json!({"op": "put", "kind": "rules", "name": name, "body": body})
    };
    let changes: Vec<_> = names.iter().map(put).collect();
    server.post("/api/v1/apply", &json!({ "changes": changes })).await;
}
