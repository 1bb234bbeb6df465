//! Writes and reloads that wait for their time: tried at once, listed, cancelled, done.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, rule, server};

const R1: &str = "/api/v1/rulesets/loans/rules/R1";

/// A time that does not come while a test runs.
fn in_a_year() -> String {
    (Timestamp::now() + SignedDuration::from_hours(365 * 24)).to_string()
}

/// Waits until there are so many schedules.
async fn until_left(server: &Server, left: usize) -> Value {
    let wait = async {
        loop {
            let list = server.get("/api/v1/schedules").await.ok();
            if list["items"].as_array().unwrap().len() == left {
                return list;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap()
}

#[tokio::test]
async fn a_write_waits_is_listed_and_is_cancelled() {
    let server = server().await.with_loans().await;
    let before = server.revision().await;
    let at = in_a_year();
    let path = format!("{R1}?not_before={at}&schedule_id=spring&reason=later");
    let scheduled = server.put(&path, &rule(21, 3.0)).await;
    assert_eq!(scheduled.status, 202, "{:#}", scheduled.json);
    let output = scheduled.json;
    assert_eq!((&output["outcome"], &output["schedule"]["id"]), (&json!("scheduled"), &json!("spring")));
    assert_eq!(output["diff"][0]["effect"], "change", "what it would change");
    assert_eq!(output["documents"][0]["kind"], "schedules");
    assert_eq!(server.get(R1).await.json["version"], 1, "not now");

    let list = server.get("/api/v1/schedules").await.ok();
    let one = &list["items"][0];
    assert_eq!(*one, server.get("/api/v1/schedules/spring").await.ok());
    let message = ["id", "author", "reason", "what", "next_at"].map(|key| one[key].clone());
    let next_at = &output["schedule"]["next_at"];
    assert_eq!(message, ["spring".into(), "admin".into(), "later".into(), "edit".into(), next_at.clone()]);
    assert_eq!(one["changes"], json!([{"op": "put", "kind": "rules", "name": "loans/R1"}]));
    assert_eq!((&one["refused"], &one["window"]), (&Value::Null, &Value::Null));
    server.put(&path, &rule(22, 3.0)).await.problem(412, "precondition_failed");

    let cancelled = server.delete("/api/v1/schedules/spring").await.ok();
    assert_eq!(cancelled["revision"], before + 2);
    server.get("/api/v1/schedules/spring").await.problem(404, "not_found");
    server.delete("/api/v1/schedules/spring").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_schedule_that_is_invalid_now_is_refused() {
    let server = server().await.with_loans().await;
    let before = server.revision().await;
    let at = in_a_year();
    let bad = json!({"rule_name": "x", "type": "simple", "conditions": {"item": "nowhere"}});
    server.put(&format!("{R1}?not_before={at}"), &bad).await.problem(422, "invalid_document");
    let stale = server.request(Method::PUT, &format!("{R1}?not_before={at}")).header("if-match", "\"7\"");
    answer(stale.json(&rule(21, 3.0))).await.problem(412, "precondition_failed");
    for (query, message) in [
        ("not_before=tomorrow", "/not_before"),
        ("not_before=2020-01-31T03:00:00Z", "not_before 2020-01-31T03:00:00Z is in the past"),
        ("window=0%200%2031%202%20*", "never occurs"),
        ("window=0%203%20*%20*%20*&time_zone=Europe/Roma", "unknown IANA time zone"),
        ("window=0%203%20*%20*%20*&window_ms=59999", "expected 60000 to 604800000"),
        ("time_zone=Europe/Rome", "need window"),
        ("schedule_id=x", "add not_before"),
    ] {
        let refused = server.put(&format!("{R1}?{query}"), &rule(21, 3.0)).await;
        let refused = refused.problem(400, "invalid_parameter").to_string();
        assert!(refused.contains(message), "{query}: {refused}");
    }
    server
        .put(&format!("{R1}?not_before={at}&schedule_id=a//b"), &rule(21, 3.0))
        .await
        .problem(400, "invalid_name");
    let over = server.post("/api/v1/reload?not_before=2020-01-31T03:00:00Z", &json!({})).await;
    over.problem(400, "invalid_parameter");
    let tried = server.put(&format!("{R1}?not_before={at}&dry_run=true"), &rule(21, 3.0)).await;
    assert_eq!((tried.status.as_u16(), &tried.json["dry_run"]), (202, &json!(true)), "{:#}", tried.json);
    assert_eq!(server.revision().await, before, "nothing was written");
    let anonymous = server.anonymous(Method::PUT, &format!("{R1}?not_before={at}")).json(&rule(21, 3.0));
    answer(anonymous).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn every_write_is_made_at_its_time_by_its_author() {
    let server = server().await.with_loans().await;
    let soon = (Timestamp::now() + SignedDuration::from_millis(300)).to_string();
    let change = json!([{"op": "delete", "kind": "rules", "name": "loans/R1", "if_version": 1}]);
    let apply = json!({"changes": change, "reason": "it is time"});
    let scheduled = server.post(&format!("/api/v1/apply?not_before={soon}"), &apply).await;
    assert_eq!(scheduled.status, 202, "{:#}", scheduled.json);
    until_left(&server, 0).await;
    server.get(R1).await.problem(404, "not_found");
    let newest = server.get("/api/v1/revisions?limit=1").await.json["items"][0].clone();
    let message = ["author", "reason", "trigger"].map(|key| newest[key].clone());
    assert_eq!(message, ["admin", "it is time", "schedule"].map(Value::from));

    // What is brought back is not what was to be done then; and it is not exported.
    let with_it = newest["number"].as_u64().unwrap() - 1;
    let back = server.post(&format!("/api/v1/revisions/{with_it}/restore"), &json!({})).await.json;
    assert_eq!((back["diff"].as_array().unwrap().len(), &back["diff"][0]["kind"]), (1, &json!("rules")));
    server.delete(&format!("{R1}?not_before={}", in_a_year())).await;
    until_left(&server, 1).await;
    let export = async |query: &str| {
        let request = server.anonymous(Method::GET, &format!("/api/v1/export{query}"));
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(!export("").await.contains("schedules"));
    assert!(export("?kind=schedules").await.contains("kind: schedules"));
}

#[tokio::test]
async fn what_is_refused_at_its_time_is_listed_with_its_reason() {
    let server = server().await.with_loans().await;
    // By hand, as a document, it need not hold before its time.
    let stale = json!({"op": "delete", "kind": "rules", "name": "loans/R1", "if_version": 7});
    let body = json!({"changes": [stale], "not_before": "2026-01-31T03:00:00Z"});
    assert_eq!(server.put("/api/v1/documents/schedules/stale", &body).await.status, 201);
    let refused = async {
        loop {
            let list = server.get("/api/v1/schedules").await.ok();
            if !list["items"][0]["refused"].is_null() {
                return list["items"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(DEADLINE, refused).await.unwrap();
    assert_eq!((&refused["next_at"], &refused["author"]), (&Value::Null, &json!("admin")));
    assert!(refused.to_string().contains("the edit was made on version 7"), "{refused:#}");
    assert_eq!(server.get(R1).await.json["version"], 1);
}

#[tokio::test]
async fn a_reload_waits_too_and_lists_have_pages() {
    let server = server().await.with_loans().await;
    let reload = "/api/v1/rules/hot-reload/reload";
    let nightly =
        "?window=0%203%20*%20*%20*&time_zone=Europe/Rome&window_ms=60000&repeat=true&schedule_id=nightly";
    let scheduled = server.post(&format!("{reload}{nightly}"), &json!({})).await;
    assert_eq!(scheduled.status, 202, "{:#}", scheduled.json);
    let one = server.get("/api/v1/schedules/nightly").await.ok();
    let window = json!({"cron": "0 3 * * *", "time_zone": "Europe/Rome", "length_ms": 60_000});
    assert_eq!((&one["what"], &one["repeat"], &one["window"]), (&json!("reload"), &json!(true), &window));
    server.post(&format!("{reload}?repeat=true"), &json!({})).await.problem(400, "invalid_parameter");
    for id in ["b", "c"] {
        let path = format!("{reload}?not_before={}&schedule_id={id}", in_a_year());
        assert_eq!(server.post(&path, &json!({})).await.status, 202);
    }
    let first = server.get("/api/v1/schedules?limit=2").await.ok();
    assert_eq!((&first["items"][0]["id"], &first["next_cursor"]), (&json!("b"), &json!("c")));
    let rest = server.get("/api/v1/schedules?limit=2&cursor=c").await.ok();
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!("nightly"), &Value::Null));

    let soon = (Timestamp::now() + SignedDuration::from_millis(300)).to_string();
    server.post(&format!("{reload}?not_before={soon}"), &json!({})).await;
    until_left(&server, 3).await;
    // Events are written beside the log.
    let done = async {
        loop {
            let done = server.get("/api/v1/reloads?trigger=schedule").await.ok();
            if done["items"].as_array().unwrap().len() == 2 {
                return done;
            }
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(DEADLINE, done).await.unwrap();
    assert_eq!(
        (&done["items"][1]["outcome"], &done["items"][1]["triggered_by"]),
        (&json!("success"), &json!("admin"))
    );
}
