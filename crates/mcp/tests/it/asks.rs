//! Questions to the user: by an answer in the new era, by a request in the old one, by an error where nobody can be
//! asked.

use http::StatusCode;
use midflight_mcp::{McpCaller, McpOptions};
use serde_json::{Value, json};

use crate::support::{Events, KEY, Replica, Session, message, modern_with, post, text, tool};

fn documents() -> [(&'static str, Value); 3] {
    [("guarded", tool("d")), ("choosy", tool("d")), ("endless", tool("d"))]
}

fn forms() -> Value {
    json!({"elicitation": {"form": {}}})
}

async fn call(replica: &Replica, params: Value) -> Value {
    let (status, answer) = message(replica.send(modern_with("tools/call", params, forms())).await).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

fn retry(name: &str, arguments: Value, asked: &Value, response: Value) -> Value {
    json!({"name": name, "arguments": arguments, "requestState": asked["result"]["requestState"],
        "inputResponses": {"ask": response}})
}

#[tokio::test]
async fn a_question_is_an_answer_that_is_called_again_with() {
    let replica = Replica::new(&documents());
    let asked = call(&replica, json!({"name": "choosy", "arguments": {"n": 1}})).await;
    let result = &asked["result"];
    assert_eq!(result["resultType"], "input_required", "{asked}");
    let question = &result["inputRequests"]["ask"];
    assert_eq!(
        (question["method"].as_str(), question["params"]["message"].as_str()),
        (Some("elicitation/create"), Some("Which one?"))
    );
    let choice = &question["params"]["requestedSchema"]["properties"]["choice"];
    assert_eq!(choice["enum"], json!(["red", "blue"]), "{question}");
    assert_eq!(result["_meta"]["dev.midflight/revision"], 1);
    let accepted = json!({"action": "accept", "content": {"choice": "blue"}});
    // Any replica with the same key can finish it.
    let other = Replica::new(&documents());
    for replica in [&replica, &other] {
        let answer = call(replica, retry("choosy", json!({"n": 1}), &asked, accepted.clone())).await;
        assert_eq!(answer["result"]["structuredContent"]["chosen"], "blue", "{answer}");
    }
    for action in ["decline", "cancel"] {
        let answer =
            call(&replica, retry("choosy", json!({"n": 1}), &asked, json!({"action": action}))).await;
        text(&answer["result"], true);
    }
    // Without an answer, it is asked again.
    let mut params = retry("choosy", json!({"n": 1}), &asked, json!({}));
    params["inputResponses"] = json!({});
    assert_eq!(call(&replica, params).await["result"]["resultType"], "input_required");
}

#[tokio::test]
async fn what_was_asked_is_of_one_call_one_caller_and_one_key() {
    let replica = Replica::new(&documents());
    let asked = call(&replica, json!({"name": "guarded", "arguments": {"n": 1}})).await;
    let accepted = json!({"action": "accept", "content": {}});
    let good = retry("guarded", json!({"n": 1}), &asked, accepted.clone());
    let mut forged = good.clone();
    forged["requestState"] = json!("rs1.AAAA.AAAA");
    for wrong in [
        retry("guarded", json!({"n": 2}), &asked, accepted.clone()),
        retry("choosy", json!({"n": 1}), &asked, accepted.clone()),
        forged,
    ] {
        let answer = call(&replica, wrong).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    let response =
        replica.send_as(&McpCaller::new("bob"), modern_with("tools/call", good.clone(), forms())).await;
    assert_eq!(message(response).await.1["error"]["code"], -32602);
    let other = Replica::with(&documents(), McpOptions::new([8; 32]));
    assert_eq!(call(&other, good.clone()).await["error"]["code"], -32602);
    let answer = call(&replica, good).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_gets_the_alternatives() {
    let replica = Replica::new(&documents());
    let result = replica.call("guarded", json!({})).await;
    assert_eq!(text(&result, true), "guarded needs approval; use echo, which needs none");
    assert_eq!(result["_meta"]["dev.midflight/code"], "needs_user");
    let session = Session::begin(&replica, "2025-06-18", json!({})).await;
    let answer = session.request(&replica, "tools/call", json!({"name": "guarded", "arguments": {}})).await;
    assert_eq!(text(&answer["result"], true), "guarded needs approval; use echo, which needs none");
    // One that shows URLs only shows no forms.
    let urls = json!({"elicitation": {"url": {}}});
    let request = modern_with("tools/call", json!({"name": "guarded", "arguments": {}}), urls);
    text(&message(replica.send(request).await).await.1["result"], true);
}

#[tokio::test]
async fn the_old_era_is_asked_on_the_stream_of_the_call() {
    let replica = Replica::new(&documents());
    for (action, is_error) in [("accept", false), ("decline", true)] {
        let session = Session::begin(&replica, "2025-06-18", json!({"elicitation": {}})).await;
        let call = post(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
            "params": {"name": "guarded", "arguments": {}}}));
        let mut events = Events::new(replica.send(session.with_id(call)).await);
        let asked = events.next().await.unwrap();
        assert_eq!(asked["method"], "elicitation/create", "{asked}");
        assert_eq!(asked["params"]["message"], "guarded costs 5. Go on?");
        let answer =
            json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": action, "content": {}}});
        let response = replica.send(session.with_id(post(&answer))).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let result = events.next().await.unwrap();
        assert_eq!(result["result"]["isError"].as_bool(), Some(is_error), "{result}");
    }
}

#[tokio::test]
async fn questions_of_a_call_have_a_bound() {
    let mut options = McpOptions::new(KEY);
    options.asks_per_call_max = 2;
    let replica = Replica::with(&documents(), options);
    let mut asked = call(&replica, json!({"name": "endless", "arguments": {}})).await;
    let accepted = json!({"action": "accept", "content": {}});
    asked = call(&replica, retry("endless", json!({}), &asked, accepted.clone())).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    let answer = call(&replica, retry("endless", json!({}), &asked, accepted)).await;
    assert!(text(&answer["result"], true).contains("asked 2 questions, which is the maximum"), "{answer}");
}
