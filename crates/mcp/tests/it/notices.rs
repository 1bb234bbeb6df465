//! Notices of changes: to listeners of both eras, coalesced, and only where the list of the listener differs.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use midflight_core::RevisionNumber;
use midflight_mcp::{Expose, McpCaller, McpOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Events, KEY, Replica, Session, listen, message, modern, names, tool, within};

#[tokio::test]
async fn a_change_reaches_a_listener_and_the_list_has_it() {
    let mut replica = Replica::new(&[("a", tool("first"))]);
    let mut events = listen(&replica, &replica.caller).await;
    let revision = replica.edit(&[("a", tool("second"))]);
    let notice = events.notice().await;
    let meta = &notice["params"]["_meta"];
    assert_eq!(meta["dev.midflight/revision"], revision);
    assert_eq!(meta["dev.midflight/digest"], json!(replica.snapshot().digest().to_string()));
    assert_eq!(meta["io.modelcontextprotocol/subscriptionId"], 1);
    let list = replica.result("tools/list", json!({"_meta": {"dev.midflight/min_revision": revision}})).await;
    assert_eq!(list["tools"][1]["description"], "second");
}

#[tokio::test]
async fn a_change_reaches_a_session_of_the_old_era() {
    let mut replica = Replica::new(&[("a", tool("first"))]);
    let session = Session::begin(&replica, "2025-06-18", json!({})).await;
    let mut events = session.stream(&replica).await;
    replica.edit(&[("a", tool("second"))]);
    let notice = events.notice().await;
    assert_eq!(notice["params"]["_meta"]["dev.midflight/revision"], 2, "{notice}");
    let list = session.request(&replica, "tools/list", json!({})).await;
    assert_eq!(list["result"]["tools"][1]["description"], "second");
}

#[tokio::test]
async fn a_burst_is_one_notice_of_its_last_revision() {
    let mut replica = Replica::new(&[("a", tool("0"))]);
    let mut events = listen(&replica, &replica.caller).await;
    for text in ["1", "2", "3", "4", "5"] {
        replica.edit(&[("a", tool(text))]);
    }
    let notice = events.notice().await;
    assert_eq!(notice["params"]["_meta"]["dev.midflight/revision"], 6);
    assert!(events.is_quiet_for(Duration::from_millis(400)).await);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_announced_at_once_and_what_follows_it_closely_as_one_notice() {
    let mut replica = Replica::new(&[("a", tool("0"))]);
    let mut events = listen(&replica, &replica.caller).await;
    let began = Instant::now();
    replica.edit(&[("a", tool("1"))]);
    assert_eq!(events.notice().await["params"]["_meta"]["dev.midflight/revision"], 2);
    assert_eq!(began.elapsed(), Duration::ZERO);
    replica.edit(&[("a", tool("2"))]);
    tokio::time::advance(Duration::from_millis(50)).await;
    replica.edit(&[("a", tool("3"))]);
    assert_eq!(events.notice().await["params"]["_meta"]["dev.midflight/revision"], 4);
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_change_that_a_listener_cannot_see_is_no_notice() {
    let mut replica = Replica::new(&[("a", tool("a")), ("b", tool("b"))]);
    let of = |expose: Expose| McpCaller::new("ada").exposing(expose);
    let pinned_tools = of(Expose::PinnedAndSearch(Arc::from([Arc::from("a")])));
    let mut searching = listen(&replica, &of(Expose::Search)).await;
    let mut at_revision = listen(&replica, &McpCaller::new("ada").pinned_at(RevisionNumber::new(1))).await;
    let mut pinned = listen(&replica, &pinned_tools).await;
    let mut all = listen(&replica, &replica.caller).await;
    // Nothing that agents see of it differs.
    let mut same = tool("a");
    same["version"] = json!("7");
    replica.edit(&[("a", same)]);
    replica.edit(&[("b", tool("other"))]);
    let notice = all.notice().await;
    assert_eq!(notice["params"]["_meta"]["dev.midflight/revision"], 3);
    assert!(pinned.is_quiet_for(Duration::from_millis(200)).await);
    replica.edit(&[("a", tool("other"))]);
    assert_eq!(pinned.notice().await["params"]["_meta"]["dev.midflight/revision"], 4);
    assert!(searching.is_quiet_for(Duration::from_millis(50)).await);
    assert!(at_revision.is_quiet_for(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn a_thousand_listeners_receive_a_change_and_leave_nothing_behind() {
    let mut options = McpOptions::new(KEY);
    options.listeners_per_caller_max = 1_000;
    let mut replica = Replica::with(&[("a", tool("first"))], options);
    let mut listeners = Vec::new();
    for _ in 0..1_000 {
        listeners.push(listen(&replica, &replica.caller).await);
    }
    let params = json!({"notifications": {"toolsListChanged": true}});
    let (status, answer) = message(replica.send(modern("subscriptions/listen", params.clone())).await).await;
    assert_eq!((status, answer["id"].as_i64()), (StatusCode::TOO_MANY_REQUESTS, Some(1)));
    let messages = answer["error"]["message"].as_str().unwrap();
    assert!(messages.contains("this caller has 1000, the most that one may have; end one"), "{messages}");
    // Another caller has room.
    drop(listen(&replica, &McpCaller::new("bob")).await);

    replica.edit(&[("a", tool("second"))]);
    for events in &mut listeners {
        assert_eq!(events.notice().await["params"]["_meta"]["dev.midflight/revision"], 2);
    }
    drop(listeners);
    drop(Events::new(replica.send(modern("subscriptions/listen", params)).await));
}

#[tokio::test]
async fn a_stop_ends_streams_with_their_result() {
    let replica = Replica::new(&[]);
    let mut modern_events = listen(&replica, &replica.caller).await;
    let session = Session::begin(&replica, "2025-11-25", json!({})).await;
    let mut session_events = session.stream(&replica).await;
    replica.stop.cancel();
    let end = async {
        while modern_events.next().await.is_some() {}
        while session_events.next().await.is_some() {}
    };
    within(end).await;
}

#[tokio::test]
async fn a_listener_that_requests_something_else_is_refused() {
    let replica = Replica::new(&[]);
    let params = json!({"notifications": {"promptsListChanged": true}});
    let mut events = Events::new(replica.send(modern("subscriptions/listen", params)).await);
    let first = events.next().await.unwrap();
    assert_eq!(first["params"]["notifications"], json!({}), "{first}");
    assert_eq!(names(&replica.result("tools/list", json!({})).await), ["execute_rules"]);
}
