//! Calls: what comes back, and what a model is told when it cannot be.

use http::StatusCode;
use midflight_mcp::{McpCaller, McpOptions};
use serde_json::{Value, json};

use crate::support::{KEY, Replica, Session, message, modern, text, tool, within};

#[tokio::test]
async fn a_call_answers_with_its_revision_in_both_eras() {
    let replica = Replica::new(&[("echo", tool("says it again"))]);
    let result = replica.call("echo", json!({"x": 1})).await;
    assert_eq!(result["structuredContent"]["arguments"], json!({"x": 1}));
    assert_eq!(result["structuredContent"]["caller"], "ada");
    assert_eq!(result["_meta"]["dev.midflight/revision"], 1);
    assert_eq!(result["_meta"]["dev.midflight/digest"], json!(replica.snapshot().digest().to_string()));
    let own = replica.call("execute_rules", json!({"data": {}})).await;
    assert_eq!(own["structuredContent"]["arguments"], json!({"data": {}}));
    let session = Session::begin(&replica, "2025-06-18", json!({})).await;
    let call = json!({"name": "echo", "arguments": {"x": 2}});
    let answer = session.request(&replica, "tools/call", call).await;
    assert_eq!(answer["result"]["structuredContent"]["arguments"], json!({"x": 2}), "{answer}");
    assert_eq!(answer["result"]["_meta"]["dev.midflight/revision"], 1);
}

/// Waits until the replica has seen a change, which it notices after it is served.
async fn reported(replica: &Replica, call: Value, expected: &str) {
    let answered = async {
        loop {
            let (_, answer) = replica.modern("tools/call", call.clone()).await;
            let reported = answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
            if reported.contains(expected) {
                assert_eq!(answer["result"]["isError"], true);
                return;
            }
            assert_ne!(answer["result"]["isError"], false, "{answer}");
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(5), answered).await;
    assert!(waited.is_ok(), "{expected:?} was not told: {:?}", replica.modern("tools/call", call).await);
}

#[tokio::test]
async fn a_removed_tool_names_what_to_use_instead() {
    let body = |name: &str, description: &str| {
        let mut body = tool(description);
        body["tool_name"] = json!(name);
        body
    };
    let mut replica = Replica::new(&[
        ("1", body("disk_usage", "Reports the usage of a disk.")),
        ("2", body("disk_report", "Reports the usage of every disk.")),
        ("3", body("send_mail", "Sends a mail.")),
        ("4", body("old_name", "Something else.")),
    ]);
    replica.edit(&[("1", Value::Null)]);
    let call = json!({"name": "disk_usage", "arguments": {}});
    reported(&replica, call, "`disk_usage` was removed in revision 2; use `disk_report`").await;
    replica.edit(&[("4", body("new_name", "Something else."))]);
    let call = json!({"name": "old_name", "arguments": {}});
    reported(&replica, call, "`old_name` was renamed to `new_name` in revision 3; call `new_name`").await;
    let mut off = body("send_mail", "Sends a mail.");
    off["enabled"] = json!(false);
    replica.edit(&[("3", off)]);
    let call = json!({"name": "send_mail", "arguments": {}});
    reported(&replica, call, "`send_mail` is not offered since revision 4: it is switched off; no tool")
        .await;
    let (_, answer) = replica.modern("tools/call", json!({"name": "disk_reprt", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert_eq!(answer["error"]["message"], "unknown tool \"disk_reprt\"; did you mean \"disk_report\"?");
}

#[tokio::test]
async fn a_client_that_sends_its_revision_gets_the_changes_since() {
    let replica = Replica::new(&[("b", tool("Reports the usage of a disk."))]);
    let older = crate::support::edit(replica.snapshot(), &[("a", tool("Reports the usage of a disk."))]);
    replica.past.0.lock().unwrap().insert(0, std::sync::Arc::new(older));
    let call = json!({"name": "a", "arguments": {}, "_meta": {"dev.midflight/revision": 0}});
    reported(&replica, call, "`a` was removed after revision 0; use `b`").await;
}

#[tokio::test]
async fn arguments_that_do_not_fit_name_the_change_that_made_them_so() {
    let body = |required: Value| {
        json!({"description": "d", "input_schema": {"type": "object", "required": required,
            "properties": {"x": {"type": "integer"}}}})
    };
    let mut replica = Replica::new(&[("a", body(json!([])))]);
    assert!(!text(&replica.call("a", json!({})).await, false).is_empty());
    let refused = replica.call("a", json!({"x": "one"})).await;
    assert!(text(&refused, true).contains("at /x: \"one\" is not of type \"integer\""), "{refused}");
    assert_eq!(refused["_meta"]["dev.midflight/code"], "invalid_arguments");
    replica.edit(&[("a", body(json!(["x"])))]);
    reported(
        &replica,
        json!({"name": "a", "arguments": {}}),
        "\"x\" is a required property. It changed in revision 2: the parameter \"x\" became required",
    )
    .await;
}

#[tokio::test]
async fn a_call_finishes_on_the_catalogue_that_it_began_with() {
    let mut replica = Replica::new(&[("guarded", tool("first"))]);
    let client = json!({"elicitation": {"form": {}}});
    let call = json!({"name": "guarded", "arguments": {}});
    let request = crate::support::modern_with("tools/call", call.clone(), client.clone());
    let (_, asked) = message(replica.send(request).await).await;
    replica.edit(&[("guarded", Value::Null)]);
    let mut again = call;
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({"ask": {"action": "accept", "content": {}}});
    let request = crate::support::modern_with("tools/call", again, client);
    let (_, answer) = message(replica.send(request).await).await;
    assert_eq!(answer["result"]["structuredContent"]["description"], "first", "{answer}");
    assert_eq!(answer["result"]["_meta"]["dev.midflight/revision"], 1);
}

#[tokio::test]
async fn a_panic_a_wait_and_a_wrong_answer_are_errors_of_the_tool() {
    let mut options = McpOptions::new(KEY);
    options.call_ms_max = 50;
    let counted = json!({"description": "d", "output_schema": {"type": "object", "required": ["count"],
        "properties": {"count": {"type": "integer"}}}});
    let replica = Replica::with(
        &[("broken", tool("d")), ("slow", tool("d")), ("mistyped", counted.clone()), ("silent", counted)],
        options,
    );
    for (name, code, expected) in [
        ("broken", "internal", "the arguments are not the cause"),
        ("slow", "timed_out", "did not answer within 50 ms"),
        ("mistyped", "invalid_output", "at /count: \"three\" is not of type \"integer\""),
        ("silent", "invalid_output", "without the structured content"),
    ] {
        let result = replica.call(name, json!({})).await;
        let reported = text(&result, true);
        assert!(reported.contains(expected) && !reported.contains("secret"), "{reported}");
        assert_eq!(result["_meta"]["dev.midflight/code"], code);
    }
}

#[tokio::test]
async fn calls_in_flight_have_a_bound_and_a_client_that_leaves_frees_its_own() {
    let mut options = McpOptions::new(KEY);
    options.calls_per_caller_max = 1;
    let replica = Replica::with(&[("slow", tool("d")), ("echo", tool("d"))], options);
    let (service, caller) = (replica.service.clone(), replica.caller.clone());
    let slow = tokio::spawn(async move {
        // It is refused itself while another call is in flight.
        loop {
            let mut request = modern("tools/call", json!({"name": "slow", "arguments": {}}));
            request.extensions_mut().insert(caller.clone());
            tower::ServiceExt::oneshot(service.clone(), request).await.expect("it is infallible");
            tokio::task::yield_now().await;
        }
    });
    let busy = async {
        loop {
            let result = replica.call("echo", json!({})).await;
            if result["isError"] == true {
                return text(&result, true);
            }
            tokio::task::yield_now().await;
        }
    };
    let reported = within(busy).await;
    assert!(reported.contains("too many calls in flight: this caller has 1"), "{reported}");
    for (name, arguments) in [("search_tools", json!({"query": "d"})), ("select_tool", json!({"query": "d"}))]
    {
        let result = replica.call(name, arguments).await;
        assert_eq!(text(&result, true), reported, "{name}");
    }
    let call = json!({"name": "echo", "arguments": {}});
    let (status, answer) = replica.modern_as(&McpCaller::new("bob"), "tools/call", call).await;
    assert_eq!((status, &answer["result"]["isError"]), (StatusCode::OK, &json!(false)));
    slow.abort();
    let free = async {
        while replica.call("echo", json!({})).await["isError"] == true {
            tokio::task::yield_now().await;
        }
    };
    within(free).await;
}
