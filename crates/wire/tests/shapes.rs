//! What clients and servers of different versions rely on: answers are read with members that this version does not
//! know, requests are not, and a request has only what is set.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use midflight_wire::edits::{ApplyRequest, ChangeRequest, OpWord, WriteAnswer};
use midflight_wire::log::{AdoptRequest, CompactRequest, RestoreRequest, WatchedRevision};
use midflight_wire::patterns::{ClassifyBody, FeedbackBody};
use midflight_wire::reload::ReloadRequest;
use midflight_wire::replicas::Ack;
use midflight_wire::rules::{BatchBody, ExecuteBody, ExecutionAnswer};
use midflight_wire::tokens::{RotateBody, TokenBody};
use midflight_wire::tools::{EvaluateBody, SelectBody};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads an answer with a member more, and asserts that it is written without that, and else as it was.
#[track_caller]
fn check_answer<T: DeserializeOwned + Serialize>(answer: Value) {
    let mut newer = answer.clone();
    newer["of_a_newer_version"] = json!([1]);
    let read: T = serde_json::from_str(&newer.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), answer);
}

#[test]
fn an_answer_of_a_newer_server_is_read() {
    check_answer::<Ack>(json!({"replica_id": "a", "ack": true}));
    check_answer::<WriteAnswer>(json!({
        "outcome": "of_a_newer_version", "revision": null, "dry_run": false, "documents": [], "plan": null,
        "diff": [{"kind": "rules", "name": "a", "effect": "change", "patch": null, "truncated": true}],
        "reload_id": null, "reload_time_ms": 0.125,
    }));
    check_answer::<WatchedRevision>(json!({
        "number": 3, "author": "ann", "reason": "", "trigger": "api_update", "created_at": "2026-01-31T03:00:00.000000Z",
        "changes": [{"kind": "rules", "name": "a", "op": "put", "version": 1}], "changes_count": 1, "digest": "00",
        "quarantined": false,
    }));
    check_answer::<ExecutionAnswer<'_>>(json!({
        "total_points": 2.5, "pattern_result": "Y-", "action_recommendation": null, "rules_executed": 2,
        "rules_matched": 1, "matched": ["\u{e9}\n"], "execution_time_ms": 0.5, "registry_version": 3, "revision": 3,
        "ruleset": "loans", "quarantined": [2],
    }));
}

/// Asserts that a request is written as it is read, and that it has no member that this version does not know.
#[track_caller]
fn check_request<T: DeserializeOwned + Serialize>(request: Value) {
    let read: T = serde_json::from_value(request.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), request);
    let mut other = request;
    other["not_known"] = json!(1);
    let error = serde_json::from_value::<T>(other).err().unwrap().to_string();
    assert!(error.contains("unknown field `not_known`"), "{error}");
}

#[test]
fn a_request_has_only_what_is_set_and_is_refused_with_more() {
    check_request::<ApplyRequest>(json!({"changes": [], "reason": ""}));
    check_request::<ChangeRequest>(json!({"op": "delete", "kind": "rules", "name": "a", "if_version": 2}));
    check_request::<RestoreRequest>(json!({"reason": "why"}));
    check_request::<CompactRequest>(json!({"keep_from": 2}));
    check_request::<AdoptRequest>(json!({"reason": "why"}));
    check_request::<ReloadRequest>(json!({"kind": "rules", "force": false}));
    check_request::<TokenBody>(json!({"name": "ann", "role": "viewer", "pin": []}));
    check_request::<RotateBody>(json!({}));
    check_request::<ExecuteBody>(json!({"data": {"age": 20}, "dry_run": false, "explain": true}));
    check_request::<BatchBody>(json!({"data_list": [{}], "dry_run": false, "explain": false}));
    check_request::<ClassifyBody>(json!({"query": "hello"}));
    check_request::<FeedbackBody>(json!({"query": "hello", "feedback_type": "positive"}));
    check_request::<EvaluateBody>(json!({"expression": "1 + N", "variables": {"N": 2}}));
    let change = ChangeRequest {
        op: OpWord::Put,
        kind: "rules".to_owned(),
        name: "a".to_owned(),
        body: Some(json!({})),
        if_version: None,
    };
    let written = json!({"op": "put", "kind": "rules", "name": "a", "body": {}});
    assert_eq!(serde_json::to_value(change).unwrap(), written);
    let select: SelectBody = serde_json::from_value(json!({"query": "logs"})).unwrap();
    assert_eq!(serde_json::to_value(select).unwrap(), json!({"query": "logs"}));
}
