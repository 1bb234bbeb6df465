//! Patterns as they are listed, reloaded and measured.

use reqwest::Method;
use serde_json::{Value, json};

use crate::patterns::{PATTERNS, classify, with_patterns};
use crate::support::{Server, answer};

async fn listed(server: &Server, query: &str) -> Vec<String> {
    let items = server.get(&format!("{PATTERNS}?{query}")).await.ok()["items"].clone();
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn patterns_are_listed_filtered_and_paged() {
    let server = with_patterns().await;
    let checks: [(&str, &[&str]); 12] = [
        ("", &["ciao", "later", "orders", "salve"]),
        ("status=pending", &["later"]),
        ("status=disabled", &[]),
        ("category=GREETING", &["ciao", "salve"]),
        ("match=word", &["orders"]),
        ("created_by=manual", &["ciao", "later", "orders", "salve"]),
        ("created_by=llm", &[]),
        ("profile=it", &[]),
        ("q=ORDINE", &["orders"]),
        ("q=tutti", &["salve"]),
        ("q=LATER", &["later"]),
        ("category=METRIC&match=exact&q=client", &["later"]),
    ];
    for (query, expected) in checks {
        assert_eq!(listed(&server, query).await, expected, "{query}");
    }
    let first = server.get(&format!("{PATTERNS}?limit=3")).await.ok();
    assert_eq!((&first["next_cursor"], &first["revision"]), (&json!("orders"), &json!(4)));
    let next = server.get(&format!("{PATTERNS}?limit=3&cursor=orders")).await.ok();
    assert_eq!((&next["items"][0]["id"], &next["next_cursor"]), (&json!("salve"), &Value::Null));
    let filtered = server.get(&format!("{PATTERNS}?limit=1&category=GREETING")).await.ok();
    assert_eq!(filtered["next_cursor"], "ciao");
    let item = &first["items"][2];
    for (field, value) in [
        ("pattern", json!("ordini")),
        ("any_of", json!(["ordini", "Ordine"])),
        ("key", json!("ordini")),
        ("match", json!("word")),
        ("profile", json!("default")),
        ("confidence", json!(1.0)),
        ("action", json!("tool")),
        ("status", json!("approved")),
        ("order", json!(200)),
        ("created_by", json!("manual")),
        ("times_used", json!(0)),
        ("times_correct", json!(0)),
        ("accuracy", Value::Null),
        ("last_used_at", Value::Null),
    ] {
        assert_eq!(item[field], value, "{field}");
    }
    for bad in ["status=on", "match=fuzzy", "created_by=me", "limit=0", "limit=501", "sort=use"] {
        server.get(&format!("{PATTERNS}?{bad}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn the_compatibility_reload_has_its_fields_and_reports_what_is_served() {
    let server = with_patterns().await;
    for path in ["/api/milhena/patterns/reload", "/api/v1/patterns/reload"] {
        let done = server.post(path, &json!({})).await.ok();
        assert_eq!((&done["success"], &done["subscribers"]), (&json!(true), &json!(1)));
        assert!(done["message"].is_string() && done.get("pattern_id").is_none(), "{done}");
        assert_eq!(
            (&done["outcome"], &done["patterns"], &done["revision"]),
            (&json!("unchanged"), &json!(4), &json!(4))
        );
        assert_eq!(done["replicas"].as_array().unwrap().len(), 1);
        assert_eq!(done["replicas"][0]["ack"], true);
        assert!(done["reload_time_ms"].is_f64() && done["timestamp"].is_string());
        let one = server.post(path, &json!({ "pattern_id": "ciao" })).await.ok();
        assert_eq!(one["pattern_id"], "ciao");
        assert_eq!(
            one["message"],
            "every replica serves revision 4; the pattern \"ciao\" is reloaded: version 1 of revision 1"
        );
        assert_eq!(server.post(path, &json!({ "pattern_id": null })).await.ok()["success"], true);
        server.post(path, &json!({ "pattern_id": 7 })).await.problem(404, "not_found");
        server.post(path, &json!({ "pattern_id": true })).await.problem(422, "invalid_body");
        assert_eq!(answer(server.request(Method::POST, path)).await.ok()["success"], true);
    }
    server.put(&format!("{PATTERNS}/7"), &json!({ "pattern": "sette", "category": "NUMBER" })).await;
    let done = server.post("/api/milhena/patterns/reload", &json!({ "pattern_id": 7 })).await.ok();
    assert_eq!((&done["pattern_id"], &done["patterns"]), (&json!(7), &json!(5)));
}

#[tokio::test]
async fn metrics_report_patterns_reloads_and_answers() {
    let server = with_patterns().await;
    classify(&server, "ciao").await;
    classify(&server, "what nobody knows").await;
    let metrics = server.get(&format!("{PATTERNS}/hot-reload/metrics")).await.ok();
    assert_eq!((&metrics["patterns"], &metrics["revision"]), (&json!(4), &json!(4)));
    assert_eq!((&metrics["desired_revision"], &metrics["listening"]), (&json!(4), &json!(true)));
    assert_eq!(metrics["categories"], json!({ "GREETING": 2, "METRIC": 2 }));
    assert_eq!(metrics["reloads"]["total"], 4);
    assert_eq!(metrics["last_reload"]["outcome"], "success");
    let by_source = json!({ "pattern": 1, "learned": 0, "llm": 0, "none": 1 });
    let counts = json!({ "by_source": by_source, "learned": 0, "not_learned": {}, "llm_rate_limited": 0, "asking": 0 });
    assert_eq!(metrics["classifications"], counts);
    assert_eq!(metrics["llm"], Value::Null);
    assert_eq!(server.get("/api/milhena/hot-reload/metrics").await.ok(), metrics);

    let scraped = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "midflight_classifications_total{source=\"pattern\"} 1",
        "midflight_classifications_total{source=\"learned\"} 0",
        "midflight_classifications_total{source=\"llm\"} 0",
        "midflight_classifications_total{source=\"none\"} 1",
        "midflight_classification_time_seconds_count 2",
        "midflight_patterns_learned_total 0",
        "midflight_patterns_not_learned_total{reason=\"personal_data\"} 0",
        "midflight_llm_rate_limited_total 0",
        "midflight_directories_blocked 0",
        "midflight_llm_calls_total 0",
        "midflight_llm_failures_total 0",
        "midflight_llm_available 0",
    ] {
        assert!(scraped.lines().any(|found| found == line), "{line} is not in {scraped}");
    }
}
