//! What an endpoint counts of itself.

use midflight_mcp::{CallClass, McpOptions};
use serde_json::json;

use crate::support::{KEY, Replica, Session, listen, tool, within};

#[tokio::test]
async fn pages_calls_and_notices_are_counted_and_open_sessions_and_streams_are_seen() {
    let mut options = McpOptions::new(KEY);
    options.call_ms_max = 20;
    let mut replica = Replica::with(&[], options);
    let meter = replica.service.meter();
    let figures = meter.read();
    assert_eq!((figures.sessions, figures.listeners, figures.notices), (Some(0), 0, 0));
    assert_eq!(figures.calls.iter().map(|(class, _)| *class).collect::<Vec<_>>(), CallClass::ALL);

    let mut events = listen(&replica, &replica.caller).await;
    replica.edit(&["echo", "slow", "guarded", "broken"].map(|name| (name, tool("d"))));
    events.notice().await;
    let counted = async {
        while meter.read().notices != 1 {
            tokio::task::yield_now().await;
        }
    };
    within(counted).await;
    assert_eq!(meter.read().listeners, 1);
    drop(events);
    let _session = Session::begin(&replica, "2025-11-25", json!({})).await;

    replica.result("tools/list", json!({})).await;
    replica.modern("tools/list", json!({"cursor": "forged"})).await;
    for name in ["echo", "echo", "guarded", "slow", "broken"] {
        replica.call(name, json!({})).await;
    }
    replica.call("execute_rules", json!({})).await;
    replica.modern("tools/call", json!({"name": "nothing", "arguments": {}})).await;
    let figures = meter.read();
    assert_eq!((figures.list_pages, figures.sessions), (1, Some(1)));
    let expected = [
        (CallClass::Success, 2),
        (CallClass::InvalidArguments, 1),
        (CallClass::UnknownTool, 1),
        (CallClass::NeedsUser, 1),
        (CallClass::Busy, 0),
        (CallClass::TimedOut, 1),
        (CallClass::Failed, 1),
    ];
    assert_eq!(figures.calls, expected);
}
