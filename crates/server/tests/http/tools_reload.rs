//! The reload of tools, its history and its statistics.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answer;
use crate::tools::{TOOLS, get, with_tools};

#[tokio::test]
async fn a_reload_says_who_really_triggered_it() {
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
    let told: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|it| it["tool_name"].clone()).collect();
    assert_eq!(told, [Value::Null, json!("awk"), json!("grep")]);
    let all = get(&server, "reload/history?limit=100").await;
    assert!(all["history"].as_array().unwrap().iter().all(|it| it["triggered_by"] != "mallory"), "{all:#}");
}

#[tokio::test]
async fn the_history_separates_what_asked_for_a_reload_and_says_why() {
    let server = with_tools().await;
    server.put(&format!("{TOOLS}/grep?reason=shorter"), &json!({"description": "Finds."})).await.ok();
    server.put(&format!("{TOOLS}/grep"), &json!({"status": "gone"})).await.problem(422, "invalid_document");
    server.put("/api/v1/rulesets/loans", &json!({})).await;
    server.post(&format!("{TOOLS}/reload"), &json!({})).await.ok();
    let history = get(&server, "reload/history").await;
    let items = history["history"].as_array().unwrap();
    assert_eq!(history["total"], items.len());
    let told: Vec<_> = items
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
    assert_eq!(told, expected);
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
