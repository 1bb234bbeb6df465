//! Export, import and watched directories.

use midflight_source::NamedDirectory;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, DEADLINE, Server, answer, rule, server, server_with};

async fn import(server: &Server, query: &str, kind: &str, text: &str) -> Answer {
    let request = server.request(Method::POST, &format!("/api/v1/import{query}"));
    answer(request.header("content-type", kind).body(text.to_owned())).await
}

#[tokio::test]
async fn what_is_exported_is_imported_elsewhere() {
    let from = server().await.with_loans().await;
    let exported = from.anonymous(Method::GET, "/api/v1/export?kind=rules").send().await.unwrap();
    assert_eq!(exported.headers()["x-midflight-revision"], "2");
    let text = exported.text().await.unwrap();
    assert!(text.starts_with("kind: rules\nname: loans\n"), "{text}");
    let to = server().await;
    let tried = import(&to, "?dry_run=true", "application/yaml", &text).await.ok();
    assert_eq!(tried["diff"].as_array().unwrap().len(), 2);
    let made = import(&to, "?reason=move", "application/yaml", &text).await.ok();
    assert_eq!(
        (&made["revision"], &to.get("/api/v1/revisions/1").await.json["revision"]["reason"]),
        (&json!(1), &json!("move"))
    );
    let again = to.anonymous(Method::GET, "/api/v1/export").send().await.unwrap().text().await.unwrap();
    assert_eq!(again, text);
    assert_eq!(import(&to, "", "application/yaml", &text).await.ok()["outcome"], "unchanged");
}

#[tokio::test]
async fn json_is_imported_too() {
    let server = server().await;
    let list = json!([
        {"kind": "rules", "name": "loans", "body": {}},
        {"kind": "rules", "name": "loans/R1", "body": rule(18, 2.0)}
    ]);
    assert_eq!(import(&server, "", "application/json", &list.to_string()).await.ok()["revision"], 1);
    import(&server, "", "text/csv", "a,b").await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_import_is_placed() {
    let server = server().await;
    let broken = "kind: rules\nname: a\nbody: {}\n---\nkind: rules\nname: b\nbody: [1\n";
    let broken = import(&server, "", "application/yaml", broken).await.problem(400, "malformed_body");
    assert!(broken["errors"][0]["line"].as_u64().unwrap() >= 7, "{broken:#}");
    let twice = "kind: rules\nname: a\nbody: {}\n---\nkind: rules\nname: a\nbody: {}\n";
    import(&server, "", "application/yaml", twice).await.problem(400, "malformed_body");
    let bad = "kind: rules\nname: a\nbody: {}\n---\nkind: rules\nname: b\nbody:\n  defualt: true\n---\n\
               kind: rules\nname: c\nbody:\n  name: 3\n";
    let bad = import(&server, "", "application/yaml", bad).await.problem(422, "invalid_document");
    let placed: Vec<_> = bad["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["document"].as_str().unwrap(), item["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(placed, [("rules/b", 8), ("rules/c", 13)], "{bad:#}");
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn a_watched_directory_owns_its_documents() {
    let watched = tempfile::tempdir().unwrap();
    let file = watched.path().join("loans.yaml");
    std::fs::write(&file, "kind: rules\nname: loans\nbody: {name: Loans}\n").unwrap();
    let server =
        server_with(|options| options.watch = vec![NamedDirectory::unnamed(watched.path()).unwrap()]).await;
    let document = server.get("/api/v1/rulesets/loans").await.ok();
    let owner = document["owner"].as_str().unwrap().to_owned();
    assert!(owner.starts_with("file:"), "{owner}");
    let refused = server.put("/api/v1/rulesets/loans", &json!({})).await.problem(409, "owned");
    assert!(refused["detail"].as_str().unwrap().contains(&owner));
    let mut changes = server.running.service().engine().changes();
    std::fs::write(&file, "kind: rules\nname: loans\nbody: {name: Credits}\n").unwrap();
    tokio::time::timeout(DEADLINE, changes.changed()).await.unwrap();
    assert_eq!(server.get("/api/v1/rulesets/loans").await.ok()["body"]["name"], "Credits");
    let status = server.get("/api/v1/status").await.ok();
    assert_eq!(status["directories"][0]["documents"], 1);
    server.put("/api/v1/rulesets/loans?take_over=true", &json!({})).await.ok();
    assert!(server.get("/api/v1/rulesets/loans").await.ok()["owner"].is_null());
    server.running.stop().await;
}

#[tokio::test]
async fn an_import_of_any_size_is_undone_by_a_restore() {
    let server = server().await.with_loans().await;
    let export =
        async || server.anonymous(Method::GET, "/api/v1/export").send().await.unwrap().text().await.unwrap();
    let before = export().await;
    let condition = |n: u64| {
        let body = json!({"attribute": "age", "operator": "greater_than", "constant": n});
        json!({"kind": "rules", "name": format!("conditions/c{n}"), "body": body})
    };
    let documents: Vec<_> = (0..10_001).map(condition).collect();
    let text = json!(documents).to_string();
    assert_eq!(import(&server, "", "application/json", &text).await.ok()["revision"], 3);
    server.post("/api/v1/revisions/2/restore", &json!({})).await.ok();
    assert_eq!(export().await, before);
}

#[tokio::test]
async fn a_restore_finds_what_changed_among_what_did_not() {
    let server = server().await;
    let export =
        async || server.anonymous(Method::GET, "/api/v1/export").send().await.unwrap().text().await.unwrap();
    let put = async |numbers: Vec<u64>, constant: u64| {
        let document = |n: u64| {
            let body = json!({"attribute": "age", "operator": "greater_than", "constant": constant});
            json!({"kind": "rules", "name": format!("conditions/c{n:03}"), "body": body})
        };
        let documents: Vec<_> = numbers.into_iter().map(document).collect();
        import(&server, "", "application/json", &json!(documents).to_string()).await.ok();
    };
    put((0..300).filter(|n| n % 5 != 0).collect(), 1).await;
    let before = export().await;
    // Some are changed, some are new, and some are as they were again.
    put((0..300).filter(|n| n % 7 == 0).collect(), 2).await;
    put((0..300).filter(|n| n % 35 != 0 && n % 14 == 0).collect(), 1).await;
    put((100..110).collect(), 3).await;
    let restored = server.post("/api/v1/revisions/1/restore", &json!({})).await.ok();
    assert_eq!(export().await, before);
    let changed = (0..300).filter(|n| (100..110).contains(n) || n % 7 == 0 && (n % 35 == 0 || n % 14 != 0));
    assert_eq!(restored["documents"].as_array().unwrap().len(), changed.count());
}

/// What compresses an answer asks for more of it after its end.
#[tokio::test]
async fn a_compressed_export_ends() {
    let server = server().await.with_loans().await;
    for path in ["/api/v1/export", "/api/v1/audit/export"] {
        let request = server.request(Method::GET, path).header("accept-encoding", "gzip");
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-encoding"]),
            (200, &"gzip".parse().unwrap())
        );
        assert!(!response.bytes().await.unwrap().is_empty(), "{path}");
    }
}
