//! Observations of tools: counted once, compared with estimates, and learned of where that is switched on.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, DEADLINE, Server, answer};
use crate::tools::{TOOLS, get, with_tools};

fn observation(time_ms: f64, success: bool) -> Value {
    json!({"tool_name": "grep", "capability": "text_search", "pattern": "whole_tree", "time_ms": time_ms, "cost": 4.0,
        "success": success, "context": {"N": 40}})
}

async fn observe(server: &Server, observations: Value) -> Answer {
    server.post(&format!("{TOOLS}/telemetry"), &json!({"observations": observations})).await
}

#[tokio::test]
async fn uses_are_counted_and_compared_with_the_estimate_for_their_context() {
    let server = with_tools().await;
    // For N = 40 the estimate is 400 ms and a cost of 2.
    let mut uses = vec![observation(800.0, true); 15];
    uses.extend(vec![observation(4_000.0, false); 5]);
    let counted = observe(&server, json!(uses)).await.ok();
    for (field, value) in
        [("repeated", json!(false)), ("observed", json!(20)), ("compared", json!(20)), ("revision", json!(2))]
    {
        assert_eq!(counted[field], value, "{field}");
    }
    let telemetry = get(&server, "telemetry?tool_name=grep").await;
    let item = &telemetry["items"][0];
    let message =
        (&item["tool"], &item["capability"], &item["pattern"], &item["uses"], &item["success_rate"]);
    assert_eq!(
        message,
        (&json!("grep"), &json!("text_search"), &json!("whole_tree"), &json!(20), &json!(0.75))
    );
    let is_near = |found: &Value, expected: f64| (found.as_f64().unwrap() / expected - 1.0).abs() < 0.08;
    for (field, expected) in [("time_bias", 2.0), ("cost_bias", 2.0), ("p50_ms", 800.0), ("p95_ms", 4_000.0)]
    {
        assert!(is_near(&item[field], expected), "{field} of {item}");
    }
    assert_eq!((&item["estimated_time_ms"], &item["estimated_cost"]), (&json!(700.0), &json!(2.0)));
    assert_eq!(item["correction"], json!({"time_factor": 1.0, "cost_factor": 1.0}));
    // 15 successes are too few to correct anything.
    assert_eq!((&item["fitted"], &telemetry["learns_corrections"]), (&Value::Null, &json!(false)));
    let metrics = server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = "midflight_tool_uses_total{tool=\"grep\",outcome=\"failure\"} 5";
    assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    let first = get(&server, "telemetry?limit=1").await;
    assert_eq!((&first["items"], &first["next_cursor"]), (&json!([]), &json!("awk")));
    assert_eq!(get(&server, "telemetry?limit=1&cursor=awk").await["items"][0]["uses"], 20);
    server.get(&format!("{TOOLS}/telemetry?tool_name=nothing")).await.problem(404, "not_found");
}

#[tokio::test]
async fn observations_that_are_sent_again_under_their_key_are_counted_once() {
    let server = with_tools().await;
    let send = async |time_ms: f64| {
        let request = server.request(Method::POST, &format!("{TOOLS}/telemetry"));
        let body = json!({"observations": [observation(time_ms, true)]});
        answer(request.header("idempotency-key", "once").json(&body)).await.ok()
    };
    assert_eq!(send(5.0).await["repeated"], false);
    assert_eq!(send(5.0).await["repeated"], true);
    // Others under the same key are counted by themselves.
    assert_eq!(send(6.0).await["repeated"], false);
    assert_eq!(get(&server, "telemetry").await["items"][0]["uses"], 2);
}

#[tokio::test]
async fn observations_of_what_is_not_there_are_refused_as_a_whole() {
    let server = with_tools().await;
    let mut bad = vec![observation(5.0, true); 5];
    bad[1]["tool_name"] = json!("grp");
    bad[2]["capability"] = json!("text_serch");
    bad[3]["pattern"] = json!("whole_tre");
    bad[4]["time_ms"] = json!(-1);
    let problem = observe(&server, json!(bad)).await.problem(422, "invalid_input");
    let errors = problem["errors"].as_array().unwrap();
    let message: Vec<_> = errors.iter().map(|it| it["path"].as_str().unwrap()).collect();
    let expected = ["1/tool_name", "2/capability", "3/pattern", "4/time_ms"];
    assert_eq!(message, expected.map(|path| format!("/observations/{path}")));
    for (error, near) in errors.iter().zip(["\"grep\"", "\"text_search\"", "\"whole_tree\""]) {
        assert!(error["message"].as_str().unwrap().contains(near), "{error}");
    }
    observe(&server, json!([])).await.problem(422, "invalid_body");
    observe(&server, json!([{"tool_name": "grep"}])).await.problem(422, "invalid_body");
    let no_one =
        server.anonymous(Method::POST, &format!("{TOOLS}/telemetry")).json(&json!({"observations": []}));
    answer(no_one).await.problem(401, "unauthenticated");
    assert_eq!(get(&server, "telemetry").await["items"], json!([]));
}

#[tokio::test]
async fn corrections_are_learned_where_the_settings_allow_it_and_not_before() {
    let server = with_tools().await;
    let uses = json!(vec![observation(1_200.0, true); 30]);
    observe(&server, uses.clone()).await.ok();
    let fitted = get(&server, "telemetry?tool_name=grep").await["items"][0]["fitted"].clone();
    assert!((fitted["time_factor"].as_f64().unwrap() - 3.0).abs() < 0.01, "{fitted}");
    let settings = json!({"learn_corrections": true});
    assert_eq!(server.put("/api/v1/documents/tools/settings/selection", &settings).await.status, 201);
    let path = "/api/v1/documents/tools/corrections/grep";
    server.get(path).await.problem(404, "not_found");
    observe(&server, uses).await.ok();
    let learned = tokio::time::timeout(DEADLINE, async {
        loop {
            let document = server.get(path).await;
            if document.status == 200 {
                return document.json;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let learned = learned.await.unwrap();
    let correction = &learned["body"]["text_search/whole_tree"];
    let message = (correction["time_factor"].as_f64(), &correction["observations"]);
    assert_eq!(message, (Some(3.0), &json!(60)), "{learned:#}");
    let newest = server.get("/api/v1/revisions?limit=1").await.ok();
    let revision = &newest["items"][0];
    assert_eq!((&revision["author"], &revision["trigger"]), (&json!("telemetry"), &json!("learned")));
    assert!(revision["reason"].as_str().unwrap().contains("grep"));
    let request = json!({"tool_name": "grep", "context": {"N": 40}});
    let selected = server.post(&format!("{TOOLS}/select"), &request).await.ok();
    let candidates = selected["candidates"].as_array().unwrap();
    let tree = candidates.iter().find(|it| it["pattern"] == "whole_tree").unwrap();
    assert_eq!(tree["estimates"]["time_ms"], 1_200.0);
}
