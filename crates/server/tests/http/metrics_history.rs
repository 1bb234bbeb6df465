//! The last hour of the metrics, as the server samples them by itself.

use std::time::Duration;

use midflight_server::HistorySettings;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, server_with};

const HISTORY: &str = "/api/v1/metrics/history";

/// A server that takes samples a thousand times as often as usual.
async fn sampling(samples_max: usize) -> Server {
    let interval = Duration::from_millis(10);
    server_with(|options| options.metrics_history = HistorySettings { interval, samples_max }).await
}

/// The values of a statistic.
fn values<'a>(history: &'a Value, name: &str, statistic: &str, label: Option<&str>) -> &'a Vec<Value> {
    let series = history["series"].as_array().unwrap();
    let is_it =
        |it: &&Value| it["name"] == name && it["statistic"] == statistic && it["label"] == json!(label);
    let found = series.iter().find(is_it);
    found.unwrap_or_else(|| panic!("{name} {statistic} is not in {history}"))["values"].as_array().unwrap()
}

/// Asks until the answer is as it is to be.
async fn until(server: &Server, is_so: impl Fn(&Value) -> bool) -> Value {
    let ask = async {
        loop {
            let history = server.get(HISTORY).await.ok();
            if is_so(&history) {
                return history;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap()
}

fn has_value(values: &[Value]) -> bool {
    values.iter().any(|value| value.as_f64().is_some_and(|value| value > 0.0))
}

#[tokio::test]
async fn what_the_server_did_is_sampled_without_a_client_that_asks() {
    // None is dropped before the deadline.
    let server = sampling(10_000).await.with_loans().await;
    server.post("/api/v1/rules/execute", &json!({"ruleset": "loans", "data": {"age": 20}})).await.ok();
    server.post("/api/v1/patterns/classify", &json!({"query": "hello"})).await.ok();
    server.put("/api/v1/rulesets/loans/rules/R1", &json!({})).await.problem(422, "invalid_document");
    let expected = [
        ("midflight_http_request_duration_seconds", "rate", None),
        ("midflight_http_request_duration_seconds", "p99", None),
        ("midflight_execution_time_seconds", "rate", None),
        ("midflight_execution_time_seconds", "p50", None),
        ("midflight_classifications_total", "rate", None),
        ("midflight_reload_duration_seconds", "p95", None),
        ("midflight_reload_phase_duration_seconds", "mean", Some("compile")),
        ("midflight_reloads_failed_total", "rate", None),
    ];
    let history = until(&server, |history| {
        // A single replica serves what it has written, once it has reported that.
        let lag = values(history, "midflight_lag_seconds", "value", None);
        lag.last().is_some_and(|last| last.as_f64() == Some(0.0))
            && expected
                .iter()
                .all(|(name, statistic, label)| has_value(values(history, name, statistic, *label)))
    })
    .await;
    let times = history["times"].as_array().unwrap();
    assert!(times.is_sorted_by_key(|time| time.as_str().unwrap()), "{times:?}");
    for series in history["series"].as_array().unwrap() {
        assert_eq!(series["values"].as_array().unwrap().len(), times.len(), "{series}");
    }
    // A client that goes on asks for what is new.
    let last = times.last().unwrap().as_str().unwrap();
    let rest = server.get(&format!("{HISTORY}?since={last}")).await.ok();
    assert!(rest["times"].as_array().unwrap().iter().all(|time| time.as_str().unwrap() > last));
}

#[tokio::test]
async fn samples_are_bounded_and_only_readers_see_them() {
    let server = sampling(3).await;
    let history = until(&server, |history| history["times"].as_array().unwrap().len() == 3).await;
    assert_eq!((&history["samples_max"], &history["interval_ms"]), (&json!(3), &json!(10.0)));
    let later = until(&server, |later| later["times"][0] != history["times"][0]).await;
    assert_eq!(later["times"].as_array().unwrap().len(), 3);
    server.get(&format!("{HISTORY}?since=yesterday")).await.problem(400, "invalid_parameter");
    let proxied = server.anonymous(Method::GET, HISTORY).header("x-forwarded-for", "203.0.113.7");
    answer(proxied).await.problem(401, "unauthenticated");
}
