//! Reads while the log hangs: every one is answered, and those of current documents from the replica's own copy.

use std::process::Command;
use std::time::{Duration, Instant};

use midflight_testkit::{Postgres, TOKEN};
use serde_json::{Value, json};

use crate::harness::{Asker, adults, binary, flags, serve, until};

/// Every path of the API that is read, with something that is there for each variable.
fn paths(openapi: &Value) -> Vec<String> {
    let paths = openapi["paths"].as_object().unwrap().iter();
    let read = paths.filter(|(_, operations)| operations.get("get").is_some()).map(|(path, _)| path);
    // One becomes a connection of another protocol, the other is the stream of a session.
    let read = read.filter(|path| !["/ws/hot-reload", "/mcp"].contains(&path.as_str()));
    read.map(|path| {
        let name = match path.split('/').nth(3) {
            Some("config") => "app",
            Some("documents") => "conditions/old",
            _ => "old",
        };
        let values = [
            ("{condition_id}", "old"),
            ("{name}", name),
            ("{kind}", "rules"),
            ("{id}", "default/none"),
            ("{number}", "1"),
            ("{ruleset}", "adults"),
            ("{rule_id}", "old"),
            ("{title}", "rule"),
            ("{code}", "conflict"),
            ("{digest}", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
            ("{capability}", "search"),
            ("{platform}", "linux"),
            ("{category}", "system"),
            ("{page}", "history"),
            ("{file}", "icon.svg"),
        ];
        let path = values.iter().fold(path.clone(), |path, (variable, value)| path.replace(variable, value));
        assert!(!path.contains('{'), "{path} has a variable without a value here");
        if path.ends_with("/search/query") { path + "?q=old" } else { path }
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_is_answered_while_the_log_hangs_and_current_documents_from_the_copy() {
    let postgres = Postgres::start();
    let server = serve(&flags(&postgres.database(), "postgres"));
    let (ask, url) = (Asker::new(), server.url().to_owned());
    let pattern = json!({"time_estimate_ms": 1, "cost_estimate": 1});
    let tool = json!({"description": "Finds what is old.", "platform": "linux", "category": "system",
        "capabilities": {"search": {"patterns": {"all": pattern}}}});
    let changes = json!([{"op": "put", "kind": "tools", "name": "old", "body": tool}]);
    let (status, reported) = ask.post(&url, "/api/v1/apply", &json!({ "changes": changes })).await;
    assert!(matches!(status, 200 | 201), "{status}: {reported}");
    let revision = adults(&ask, &url).await;
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let began = Instant::now();
        let answer = client.get(format!("{url}{path}")).bearer_auth(TOKEN).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        // A watch has no end.
        let text =
            if path.starts_with("/api/v1/watch") { String::new() } else { answer.text().await.unwrap() };
        (status, headers, text, began.elapsed())
    };
    let document = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (_, _, before, _) = get("/api/v1/documents/rules/adults").await;
    let (_, _, exported, _) = get("/api/v1/export").await;
    let (_, _, openapi, _) = get("/openapi.json").await;

    postgres.pause();
    until(|| async {
        let ready = ask.get(&url, "/health/ready").await.ok()?;
        (ready["store_available"] == false).then_some(())
    })
    .await;
    let mut slowest = Duration::ZERO;
    for path in paths(&document(&openapi)) {
        let (status, _, _, took) = get(&path).await;
        eprintln!("| {path} | {status} | {} ms |", took.as_millis());
        assert!(matches!(status, 200 | 404 | 503), "{path}: {status}");
        slowest = slowest.max(took);
    }
    eprintln!("| the slowest read while PostgreSQL hangs | {} ms |", slowest.as_millis());

    // The copy is at most one write behind.
    let copied = until(|| async {
        let (status, headers, text, _) = get("/api/v1/documents/rules/adults").await;
        let at = headers.get("x-midflight-from-copy")?.to_str().ok()?.parse::<u64>().ok()?;
        (status == 200 && at == revision && headers["etag"] == "\"copy\"").then(|| document(&text))
    })
    .await;
    assert_eq!(copied["body"], document(&before)["body"]);
    assert_eq!((&copied["from_copy"], &copied["version"]), (&json!(revision), &Value::Null));
    let (status, _, text, _) = get("/api/v1/documents/rules?limit=2").await;
    let page = document(&text);
    assert_eq!(
        (status, &page["from_copy"], page["items"].as_array().unwrap().len()),
        (200, &json!(revision), 2)
    );
    let next = page["next_cursor"].as_str().unwrap();
    let (_, _, text, _) = get(&format!("/api/v1/documents/rules?cursor={next}")).await;
    assert_eq!(document(&text)["items"][0]["name"], "conditions/old");
    assert_eq!(get("/api/v1/rulesets/adults/rules/old").await.0, 200);
    let (status, headers, text, _) = get("/api/v1/export").await;
    assert_eq!((status, text), (200, exported));
    assert!(headers.contains_key("x-midflight-from-copy") && !headers.contains_key("x-midflight-revision"));
    // What is asked of the history, and what the copy does not have, is not known.
    for path in ["/api/v1/documents/rules/adults?at=1", "/api/v1/documents/rules/none"] {
        assert_eq!(get(path).await.0, 503, "{path}");
    }
    let run = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args).env("MIDFLIGHT_URL", &url).env("MIDFLIGHT_TOKEN", TOKEN).output().unwrap()
    };
    let shown = tokio::task::block_in_place(|| run(&["get", "rules/adults"]));
    let message = String::from_utf8(shown.stderr).unwrap();
    assert!(
        shown.status.success() && message.contains(&format!("revision {revision} of the local copy")),
        "{message}"
    );
    let refused = tokio::task::block_in_place(|| run(&["delete", "rules/adults"]));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && message.contains("log unavailable; nothing was changed"),
        "{message}"
    );

    postgres.resume();
    until(|| async { (get("/api/v1/documents/rules/adults").await.2 == before).then_some(()) }).await;
}
