//! The reload of tools, its history and its statistics.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_app::References;
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_server::Backend;
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::config::signed;
use crate::support::{DEADLINE, Server, answer, client, options};
use crate::tools::{TOOLS, get, with_tools};

#[tokio::test]
async fn a_reload_reports_its_real_trigger() {
    let server = with_tools().await;
    let path = format!("{TOOLS}/reload?tool_name=grep&triggered_by=mallory");
    let reloaded = answer(server.request(Method::POST, &path)).await.ok();
    for (field, value) in [
        ("success", json!(true)),
        ("trigger", json!("manual")),
        ("tool_name", json!("grep")),
        ("triggered_by", json!("admin")),
        ("error_message", Value::Null),
        ("outcome", json!("unchanged")),
        ("revision", json!(2)),
    ] {
        assert_eq!(reloaded[field], value, "{field}");
    }
    assert!(reloaded["duration_ms"].is_u64() && reloaded["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(reloaded["replicas"].as_array().unwrap().len(), 1);
    let body = json!({"tool_name": "awk", "triggered_by": "mallory"});
    let in_body = server.post(&format!("{TOOLS}/reload"), &body).await.ok();
    assert_eq!((&in_body["tool_name"], &in_body["triggered_by"]), (&json!("awk"), &json!("admin")));
    let forced = server.post(&format!("{TOOLS}/reload?force=true"), &json!({})).await.ok();
    assert_eq!((&forced["success"], &forced["tool_name"]), (&json!(true), &Value::Null));
    answer(server.request(Method::POST, &format!("{TOOLS}/reload?tool_name=nothing")))
        .await
        .problem(404, "not_found");
    let history = get(&server, "reload/history?trigger=manual").await;
    let message: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|it| it["tool_name"].clone()).collect();
    assert_eq!(message, [Value::Null, json!("awk"), json!("grep")]);
    let all = get(&server, "reload/history?limit=100").await;
    assert!(all["history"].as_array().unwrap().iter().all(|it| it["triggered_by"] != "mallory"), "{all:#}");
}

#[tokio::test]
async fn the_history_separates_triggers_and_has_the_reasons() {
    let server = with_tools().await;
    server.put(&format!("{TOOLS}/grep?reason=shorter"), &json!({"description": "Finds."})).await.ok();
    server.put(&format!("{TOOLS}/grep"), &json!({"status": "gone"})).await.problem(422, "invalid_document");
    server.put("/api/v1/rulesets/loans", &json!({})).await;
    server.post(&format!("{TOOLS}/reload"), &json!({})).await.ok();
    let history = get(&server, "reload/history").await;
    let items = history["history"].as_array().unwrap();
    assert_eq!(history["total"], items.len());
    let message: Vec<_> = items
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("trigger"), text("tool_name"), text("reason"), it["success"])
        })
        .collect();
    let expected = [
        "manual - - true",
        "api_update - - false",
        "api_update grep shorter true",
        "api_update awk - true",
        "api_update grep - true",
        "startup - - true",
    ];
    assert_eq!(message, expected);
    let refused = &items[1];
    assert!(refused["error_message"].as_str().unwrap().contains("at /status"), "{refused}");
    for item in items {
        for field in ["triggered_by", "timestamp", "duration_ms"] {
            assert!(!item[field].is_null(), "{field} of {item}");
        }
    }
    assert_eq!(get(&server, "reload/history?limit=2").await["total"], 2);
    let updates = get(&server, "reload/history?trigger=api_update").await;
    assert_eq!(updates["total"], 4);
    for word in ["periodic", "webhook"] {
        assert_eq!(get(&server, &format!("reload/history?trigger={word}")).await["total"], 0);
    }
    for bad in ["trigger=often", "limit=0", "limit=101", "size=1"] {
        server.get(&format!("{TOOLS}/reload/history?{bad}")).await.problem(400, "invalid_parameter");
    }
    let statistics = get(&server, "reload/statistics").await;
    for (field, value) in [
        ("total_reloads", json!(6)),
        ("successful_reloads", json!(5)),
        ("failed_reloads", json!(1)),
        ("handlers_registered", json!(1)),
        ("periodic_refresh_enabled", json!(true)),
        ("refresh_interval_seconds", json!(30)),
        ("by_trigger", json!({"api_update": 4, "manual": 1, "startup": 1})),
    ] {
        assert_eq!(statistics[field], value, "{field}");
    }
    assert!((statistics["success_rate"].as_f64().unwrap() - 5.0 / 6.0).abs() < 1e-9);
}

/// What `signed` signs with.
const SECRET: &str = "a secret that nobody can guess";

/// A server on a log that others write to without a hint to it; the webhook `git` may change tools, as of revision 1.
async fn server_with_webhook(store: &MemoryStore) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, SECRET).unwrap();
    let mut options = options(&dir);
    options.config.references = References::none().directory(dir.path()).unwrap();
    let backend = Backend::of_store(Arc::new(store.clone()));
    let running = midflight_server::start_on(options, backend).await.unwrap();
    let token = running.first_token().unwrap_or_default().to_owned();
    let server = Server { running, token, client: client(), dir };
    let secret = format!("${{file:{}}}", key.display());
    let hooks = json!({"webhooks": {"git": {"secret": secret, "action": "apply", "scope": ["tools/*"]}}});
    let put = server.put("/api/v1/config/midflight", &hooks).await;
    assert_eq!(put.status, 201, "{:#}", put.json);
    server
}

fn document(description: &str) -> Value {
    json!({"description": description, "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": 1, "cost_estimate": 1}}}}})
}

/// The history of one trigger, once there is one.
async fn once(server: &Server, trigger: &str) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let history = get(server, &format!("reload/history?trigger={trigger}")).await;
        if history["total"] != 0 {
            return history["history"][0].clone();
        }
        assert!(begun.elapsed() < DEADLINE, "no reload of the trigger {trigger}");
        tokio::task::yield_now().await;
    }
}

#[track_caller]
fn check(item: &Value, expected: &[(&str, Value)]) {
    for (field, value) in expected {
        assert_eq!(item[*field], *value, "{field} of {item:#}");
    }
    assert!(item["id"].is_u64() && item["duration_ms"].is_u64() && item["took_ms"].is_f64(), "{item:#}");
    assert!(
        item["timestamp"].as_str().unwrap().ends_with('Z') && item["triggered_by"].is_string(),
        "{item:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_five_triggers_is_reported_and_counted() {
    let store = MemoryStore::new();
    let server = server_with_webhook(&store).await;

    // By the API.
    server.put("/api/v1/documents/tools/grep?reason=first", &document("Finds lines.")).await;
    // By a webhook: within its scope, and outside of it, which reloads nothing.
    let call = |id: &str, kind: &str, name: &str, body: Value| {
        let change = json!({"op": "put", "kind": kind, "name": name, "body": body});
        let body = json!({"changes": [change], "reason": "pushed"}).to_string();
        answer(signed(&server, "git", id, Timestamp::now().as_second(), &body))
    };
    let made = call("m1", "tools", "awk", document("Reads columns.")).await;
    assert_eq!(made.status, 201, "{:#}", made.json);
    call("m2", "rulesets", "loans", json!({})).await.problem(403, "forbidden");
    assert_eq!(get(&server, "awk").await["created_by"], "webhook:git");
    // By a person.
    server.post(&format!("{TOOLS}/reload?tool_name=grep"), &json!({})).await.ok();
    // By the time: the log is changed, and no one says so.
    let monitoring = "/api/v1/rules/hot-reload/monitoring/start?interval_seconds=1";
    answer(server.request(Method::POST, monitoring)).await.ok();
    let id = DocumentId::new("tools", "sed").unwrap();
    let mut edit = Edit::new("psql", Trigger::Manual, [Change::put(id, document("Edits streams."))]);
    edit.reason = "by hand".to_owned();
    let (created_at, expected_head) = (Timestamp::now(), store.head().await.unwrap());
    store.append(NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 }).await.unwrap();

    check(
        &once(&server, "periodic").await,
        &[
            ("trigger", json!("periodic")),
            ("tool_name", json!("sed")),
            ("reason", json!("by hand")),
            ("success", json!(true)),
            ("error_message", Value::Null),
            ("outcome", json!("success")),
            ("to", json!(4)),
            ("documents_changed", json!(1)),
        ],
    );
    check(
        &once(&server, "manual").await,
        &[
            ("trigger", json!("manual")),
            ("tool_name", json!("grep")),
            ("triggered_by", json!("admin")),
            ("reason", Value::Null),
            ("success", json!(true)),
            ("error_message", Value::Null),
            ("outcome", json!("unchanged")),
            ("to", json!(3)),
            ("documents_changed", json!(0)),
        ],
    );
    check(
        &once(&server, "webhook").await,
        &[
            ("trigger", json!("webhook")),
            ("tool_name", json!("awk")),
            ("triggered_by", json!("webhook:git")),
            ("reason", json!("pushed (webhook:git m1)")),
            ("success", json!(true)),
            ("error_message", Value::Null),
            ("outcome", json!("success")),
            ("to", json!(3)),
            ("documents_changed", json!(1)),
        ],
    );
    check(
        &once(&server, "api_update").await,
        &[
            ("trigger", json!("api_update")),
            ("tool_name", json!("grep")),
            ("triggered_by", json!("admin")),
            ("reason", json!("first")),
            ("success", json!(true)),
            ("error_message", Value::Null),
            ("outcome", json!("success")),
            ("to", json!(2)),
            ("documents_changed", json!(1)),
        ],
    );
    check(
        &once(&server, "startup").await,
        &[
            ("trigger", json!("startup")),
            ("tool_name", Value::Null),
            ("reason", Value::Null),
            ("success", json!(true)),
            ("error_message", Value::Null),
            ("to", json!(0)),
            ("documents_changed", json!(0)),
        ],
    );

    let triggers: Vec<_> = get(&server, "reload/history").await["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["trigger"].clone())
        .collect();
    assert_eq!(triggers, ["periodic", "manual", "webhook", "api_update", "startup"]);
    let statistics = get(&server, "reload/statistics").await;
    for (field, value) in [
        ("total_reloads", json!(5)),
        ("successful_reloads", json!(5)),
        ("failed_reloads", json!(0)),
        ("success_rate", json!(1.0)),
        ("handlers_registered", json!(1)),
        ("periodic_refresh_enabled", json!(true)),
        ("refresh_interval_seconds", json!(1)),
        ("by_trigger", json!({"api_update": 1, "manual": 1, "periodic": 1, "startup": 1, "webhook": 1})),
    ] {
        assert_eq!(statistics[field], value, "{field}");
    }
    let by_outcome = statistics["by_outcome"].as_object().unwrap();
    assert_eq!(by_outcome.values().filter_map(Value::as_u64).sum::<u64>(), 5);
    assert!(by_outcome["success"].as_u64().unwrap() >= 3);
}
