//! Lists and versions of tools are bounded in bytes and in time, and a refusal names the bound and what to ask for.

use std::sync::Arc;

use midflight_store::MemoryStore;
use reqwest::Method;
use serde_json::{Value, json};

use crate::agents::call_at;
use crate::health::append_past_the_engine;
use crate::support::{Server, server_on, server_with};
use crate::tools::{TOOLS, create, get, listed, send};

/// How many texts the metadata of a large tool has, and how many bytes each: together nearly as many as a document may
/// have.
const LARGE_TEXTS: usize = 100;
const TEXT_BYTES: usize = 9_000;
const LARGE_TOOLS: usize = 6;

fn large(name: &str, version: &str, texts: usize) -> Value {
    let mut tool = listed(name, version);
    tool["metadata"] = json!({ "notes": vec!["x".repeat(TEXT_BYTES); texts] });
    tool["platform"] = json!("large");
    tool["category"] = json!("large");
    tool
}

async fn with_large_tools(server: Server) -> Server {
    for n in 0..LARGE_TOOLS {
        create(&server, &large(&format!("large{n}"), "1.0", LARGE_TEXTS)).await;
    }
    server
}

async fn refused(server: &Server, path: &str, status: u16, code: &str, parts: &[&str]) {
    let answered = server.get(&format!("{TOOLS}{path}")).await;
    let problem = answered.problem(status, code);
    for part in parts {
        assert!(problem["detail"].as_str().unwrap().contains(part), "{path}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_too_long_is_refused_with_what_to_ask_for() {
    let server = with_large_tools(server_with(|_| ()).await).await;
    for (path, cure) in [
        ("", "smaller page_size"),
        ("?page_size=100&platform=large", "smaller page_size"),
        ("/platform/large", "in pages"),
        ("/category/large", "in pages"),
        ("/search/query?q=large&fields=platform", "smaller limit"),
        ("/search/query?q=lines", "smaller limit"),
        ("/capabilities/text_search/tools", "one by one"),
    ] {
        refused(&server, path, 413, "too_large", &["4194304 bytes (answer_bytes_max)", cure]).await;
    }
    let problem = server.post(&format!("{TOOLS}/export"), &json!([])).await.problem(413, "too_large");
    assert!(problem["detail"].as_str().unwrap().contains("GET /api/v1/export?kind=tools"), "{problem}");
    for path in ["?page_size=4", "?page_size=4&page=2", "search/query?q=lines&limit=3"] {
        let list = get(&server, path).await;
        assert_eq!(list["total"], LARGE_TOOLS, "{path}");
        for tool in list["tools"].as_array().or_else(|| list["results"].as_array()).unwrap() {
            assert_eq!(tool["metadata"]["notes"].as_array().unwrap().len(), LARGE_TEXTS);
            assert_eq!(tool["created_by"], "admin");
        }
    }
    // What is not shown does not count.
    assert_eq!(get(&server, "capabilities/list").await[0]["tool_count"], LARGE_TOOLS);
}

#[tokio::test]
async fn what_tools_can_do_is_bounded_in_bytes() {
    let server = server_with(|options| options.limits.answer_bytes_max = 10_000).await;
    let mut tool = listed("many", "1.0");
    let capability = |n| json!({"capability_name": format!("capability_{n:03}"), "patterns": tool["capabilities"][0]["patterns"]});
    let capabilities: Vec<_> = (0..150).map(capability).collect();
    tool["capabilities"] = json!(capabilities);
    create(&server, &tool).await;
    refused(&server, "/capabilities/list", 413, "too_large", &["10000 bytes", "/capabilities/NAME/tools"])
        .await;
    assert_eq!(get(&server, "capabilities/capability_149/tools").await["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_takes_too_long_is_refused() {
    let server = with_large_tools(server_with(|options| options.tools.select_ms_max = 0).await).await;
    for path in ["?page_size=2", "/platform/large", "/search/query?q=lines&limit=2", "/large0/versions"] {
        refused(&server, path, 422, "too_expensive", &["0 ms (select_ms_max)"]).await;
    }
    let server = server_with(|options| {
        options.limits.diff_ms_max = 0;
        options.tools.lint_ms_max = 0;
        options.tools.import_ms_max = 0;
    })
    .await;
    create(&server, &listed("grep", "1.0")).await;
    create(&server, &listed("grep", "2.0")).await;
    refused(&server, "/grep/diff", 422, "too_expensive", &["0 ms (diff_ms_max)"]).await;
    refused(&server, "/lint", 422, "too_expensive", &["0 ms (lint_ms_max)"]).await;
    let problem = server.post(&format!("{TOOLS}/export"), &json!([])).await.problem(422, "too_expensive");
    assert!(problem["detail"].as_str().unwrap().contains("0 ms (import_ms_max)"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_versions_of_a_tool_are_read_up_to_a_bound_in_bytes() {
    let server = server_with(|options| options.limits.answer_bytes_max = 16 << 10).await;
    let count = 20;
    for n in 1..=count {
        create(&server, &large("grep", &format!("{n}.0"), 2)).await;
    }
    let versions = get(&server, "grep/versions").await;
    let read = versions["versions"].as_array().unwrap();
    assert!(read.len() >= 10 && read.len() < count, "{} versions", read.len());
    assert_eq!((&versions["truncated"], &read[0]["version"]), (&json!(true), &json!(format!("{count}.0"))));
    let bound = ["262144 bytes (16 times answer_bytes_max)", "name a revision"];
    refused(&server, "/grep/diff?from=1.0", 413, "too_large", &bound).await;
    let rollback = |to: Value| {
        let server = &server;
        async move { server.post(&format!("{TOOLS}/grep/rollback"), &to).await }
    };
    let problem = rollback(json!({"version": "1.0"})).await.problem(413, "too_large");
    assert!(problem["detail"].as_str().unwrap().contains(bound[0]), "{problem}");
    // A revision is found without the versions between, and so is the newest version.
    assert_eq!(rollback(json!({"revision": 1})).await.ok()["version"], "1.0");
    create(&server, &large("grep", "next", 2)).await;
    assert_eq!(send(&server, Method::DELETE, "grep").await.status, 204);
}

#[tokio::test]
async fn many_unknown_names_get_no_suggestions() {
    let server = server_with(|_| ()).await;
    create(&server, &listed("grep", "1.0")).await;
    let suggested = "unknown tool \"grp\"; did you mean \"grep\"?";
    for (count, expected) in [(20, suggested), (21, "unknown tool \"grp\"")] {
        let exported = server.post(&format!("{TOOLS}/export"), &json!(vec!["grp"; count])).await.ok();
        let observation =
            json!({"tool_name": "grp", "capability": "text_search", "pattern": "one_file", "time_ms": 1});
        let sent = json!({"observations": vec![observation; count]});
        let observed = server.post(&format!("{TOOLS}/telemetry"), &sent).await.problem(422, "invalid_input");
        for (errors, member) in [(&exported["errors"], "error"), (&observed["errors"], "message")] {
            assert_eq!(errors.as_array().unwrap().len(), count);
            assert!(errors.as_array().unwrap().iter().all(|it| it[member] == expected), "{errors}");
        }
    }
}

/// A schema by which one validation takes 2^40 evaluations.
fn doubled_schema() -> Value {
    let mut definitions = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
        definitions.insert(format!("a{n}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("a40".to_owned(), json!({"type": "object"}));
    json!({"type": "object", "$ref": "#/$defs/a0", "$defs": definitions})
}

#[tokio::test]
async fn a_tool_whose_schema_could_take_long_is_refused_and_its_version_before_answers() {
    let store = MemoryStore::new();
    let server = server_on(Arc::new(store.clone())).await;
    create(&server, &listed("grep", "1.0")).await;
    let mut tool = listed("grep", "2.0");
    tool["input_schema"] = doubled_schema();
    let problem = server.post(TOOLS, &tool).await.problem(422, "invalid_document");
    let item = &problem["errors"][0];
    assert_eq!(item["code"], "schema_too_expensive", "{problem}");
    assert!(item["path"].as_str().unwrap().starts_with("/input_schema/$defs/a"), "{problem}");
    assert!(item["message"].as_str().unwrap().contains("10000 (place_evaluations_max)"), "{problem}");
    let validated = server.post(&format!("{TOOLS}/grep/validate"), &tool).await.ok();
    assert_eq!((&validated["valid"], &validated["problems"][0]["code"]), (&json!(false), &item["code"]));
    // One that was stored by an older version is quarantined, by those that run and by those that start.
    let stored = json!({"description": "d", "version": "3.0", "input_schema": doubled_schema()});
    let bad = append_past_the_engine(&store, "tools", "grep", stored).await;
    server.post("/api/v1/reload", &json!({})).await;
    let mut other = server_on(Arc::new(store.clone())).await;
    other.token.clone_from(&server.token);
    for server in [server, other] {
        let status = server.get("/api/v1/status").await.ok();
        let quarantined = &status["quarantined"][0];
        assert_eq!(
            (&quarantined["revision"], &quarantined["documents"]),
            (&json!(bad), &json!(["tools/grep"]))
        );
        assert_eq!(get(&server, "grep").await["version"], "1.0");
        let called = call_at(&server, "/mcp", "grep", json!({"path": "a"})).await;
        assert_eq!(called["_meta"]["dev.midflight/code"], "not_forwarded", "{called}");
    }
}

#[tokio::test]
async fn agents_search_and_select_within_the_bounds_of_other_callers() {
    let server = server_with(|options| options.tools.select_ms_max = 0).await;
    create(&server, &listed("grep", "1.0")).await;
    for name in ["search_tools", "select_tool"] {
        let refused = call_at(&server, "/mcp?expose=search", name, json!({"query": "lines"})).await;
        assert_eq!(refused["_meta"]["dev.midflight/code"], "too_expensive", "{refused}");
        let text = refused["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("0 ms (select_ms_max)"), "{text}");
    }
    let server = server_with(|_| ()).await;
    create(&server, &listed("grep", "1.0")).await;
    let found = call_at(&server, "/mcp?expose=search", "search_tools", json!({"query": "lines"})).await;
    assert_eq!(found["structuredContent"]["tools"][0]["name"], "grep", "{found}");
    let selected =
        call_at(&server, "/mcp?expose=search", "select_tool", json!({"query": "lines", "mode": "fast"}))
            .await;
    assert_eq!(selected["structuredContent"]["selected"]["tool"], "grep", "{selected}");
}
