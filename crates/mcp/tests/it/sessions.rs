//! Sessions of the old era: any replica continues them, nobody else does.

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use midflight_mcp::{McpCaller, McpOptions};
use serde_json::json;

use crate::support::{Events, KEY, Replica, Session, message, names, post, tool};

#[tokio::test]
async fn another_replica_continues_a_session_with_what_the_client_can_do() {
    let [here, mut there] = [(); 2].map(|()| Replica::new(&[("guarded", tool("d"))]));
    let session = Session::begin(&here, "2025-06-18", json!({"elicitation": {}})).await;
    let list = session.request(&there, "tools/list", json!({})).await;
    assert_eq!(names(&list["result"]), ["execute_rules", "guarded"]);
    let call = post(&json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": {"name": "guarded", "arguments": {}}}));
    let mut events = Events::new(there.send(session.with_id(call)).await);
    assert_eq!(events.next().await.unwrap()["method"], "elicitation/create");
    // What it missed while it was not here, it hears of at once; then of what changes here.
    let mut stream = session.stream(&there).await;
    assert_eq!(stream.notice().await["params"]["_meta"]["dev.midflight/revision"], 1);
    there.edit(&[("new", tool("d"))]);
    assert_eq!(stream.notice().await["params"]["_meta"]["dev.midflight/revision"], 2);
}

#[tokio::test]
async fn a_session_is_of_its_caller_and_ends_when_it_is_closed() {
    let replica = Replica::new(&[]);
    let session = Session::begin(&replica, "2025-11-25", json!({})).await;
    let list = || post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let response = replica.send_as(&McpCaller::new("bob"), session.with_id(list())).await;
    let (status, answer) = message(response).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(answer["error"]["message"].as_str().unwrap().contains("initialize again"), "{answer}");
    for forged in ["x", "rs1.AAAA.AAAA"] {
        let mut request = list();
        request.headers_mut().insert("mcp-session-id", forged.parse().unwrap());
        assert_eq!(replica.send(request).await.status(), StatusCode::NOT_FOUND);
    }
    let close = Request::builder().method(Method::DELETE).uri("/mcp").header("host", "localhost");
    let closed = replica.send(session.with_id(close.body(Full::default()).unwrap())).await;
    assert_eq!(closed.status(), StatusCode::NO_CONTENT);
    assert_eq!(replica.send(session.with_id(list())).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn sessions_have_a_bound() {
    let mut options = McpOptions::new(KEY);
    options.sessions_max = 1;
    let replica = Replica::with(&[], options);
    let session = Session::begin(&replica, "2025-11-25", json!({})).await;
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
    let second = post(&json!({"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": params}));
    let (status, answer) = message(replica.send(second).await).await;
    assert_eq!((status, answer["id"].as_i64()), (StatusCode::SERVICE_UNAVAILABLE, Some(3)));
    assert!(answer["error"]["message"].as_str().unwrap().contains("too many sessions"), "{answer}");
    session.request(&replica, "tools/list", json!({})).await;
}

#[tokio::test]
async fn a_caller_has_its_share_of_the_sessions_and_gets_it_back() {
    let mut options = McpOptions::new(KEY);
    options.sessions_per_caller_max = 1;
    let replica = Replica::with(&[], options);
    let there = Replica::new(&[]);
    let session = Session::begin(&replica, "2025-11-25", json!({})).await;
    let elsewhere = Session::begin(&there, "2025-11-25", json!({})).await;
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
    let begin = || post(&json!({"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": params}));
    let list = || post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    // Neither begun nor restored here.
    for request in [begin(), elsewhere.with_id(list())] {
        let (status, answer) = message(replica.send(request).await).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
        let error = &answer["error"];
        let expected = "too many sessions: this caller has 1, the most that one may have; end one";
        assert!(error["message"].as_str().unwrap().starts_with(expected), "{answer}");
        assert_eq!(error["data"], json!({"max": 1, "per": "caller"}));
    }
    let of_bob = replica.send_as(&McpCaller::new("bob"), begin()).await;
    assert_eq!(of_bob.status(), StatusCode::OK);
    session.request(&replica, "tools/list", json!({})).await;
    let close = Request::builder().method(Method::DELETE).uri("/mcp").header("host", "localhost");
    let closed = replica.send(session.with_id(close.body(Full::default()).unwrap())).await;
    assert_eq!(closed.status(), StatusCode::NO_CONTENT);
    assert_eq!(replica.send(elsewhere.with_id(list())).await.status(), StatusCode::OK);
}
