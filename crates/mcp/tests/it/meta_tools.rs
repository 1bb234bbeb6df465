//! Search mode: a list of meta-tools that never changes, and the catalogue behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use midflight_engine::Work;
use midflight_mcp::{
    Computation, Expose, McpCaller, McpOptions, ToolCall, ToolCaller, ToolFailure, ToolOutcome,
};
use serde_json::{Value, json};

use crate::support::{KEY, Replica, message, modern_with, names, text, tool};

const META: [&str; 5] = ["call_tool", "describe_tool", "execute_rules", "search_tools", "select_tool"];

fn searching() -> McpCaller {
    McpCaller::new("ada").exposing(Expose::Search)
}

async fn call(replica: &Replica, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    let (_, answer) = replica.modern_as(&searching(), "tools/call", params).await;
    assert!(answer.get("result").is_some(), "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn a_searching_caller_finds_describes_and_calls() {
    let replica = Replica::new(&[
        ("disk.usage", tool("Reports the usage of a disk.")),
        ("mail", tool("Sends a mail.")),
    ]);
    let (_, answer) = replica.modern_as(&searching(), "tools/list", json!({})).await;
    assert_eq!(names(&answer["result"]), META);
    let found = call(&replica, "search_tools", json!({"query": "how full is the disk", "limit": 1})).await;
    assert_eq!(found["structuredContent"]["tools"][0]["name"], "disk_usage", "{found}");
    let described = call(&replica, "describe_tool", json!({"name": "disk_usage"})).await;
    let definition = replica.snapshot().tool("disk.usage").unwrap().definition();
    assert_eq!(described["structuredContent"]["tool"], definition);
    let called = call(&replica, "call_tool", json!({"name": "disk_usage", "arguments": {"x": 1}})).await;
    assert_eq!(called["structuredContent"]["arguments"], json!({"x": 1}));
    let own = call(&replica, "call_tool", json!({"name": "execute_rules", "arguments": {"data": {}}})).await;
    assert_eq!(own["isError"], false);
    let nothing = call(&replica, "search_tools", json!({"query": "xyzzy"})).await;
    assert!(text(&nothing, false).contains("none of 2 tools matches \"xyzzy\""), "{nothing}");
    for (name, arguments, expected) in [
        (
            "call_tool",
            json!({"name": "mial"}),
            "unknown tool \"mial\"; did you mean \"mail\"?; find tools with search_tools",
        ),
        ("describe_tool", json!({"name": "call_tool"}), "unknown tool \"call_tool\""),
        ("search_tools", json!({}), "\"query\" is a required property"),
        ("call_tool", json!({"name": "execute_rules"}), "\"data\" is a required property"),
    ] {
        let refused = call(&replica, name, arguments).await;
        assert!(text(&refused, true).contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn pinned_tools_are_listed_beside_the_search() {
    let replica = Replica::new(&[("b", tool("b")), ("a", tool("a")), ("c", tool("c"))]);
    let pinned: Arc<[Arc<str>]> = ["c", "a", "gone", "c"].map(Arc::from).into();
    let caller = McpCaller::new("ada").exposing(Expose::PinnedAndSearch(pinned));
    let (_, answer) = replica.modern_as(&caller, "tools/list", json!({})).await;
    let listed = names(&answer["result"]);
    assert_eq!((&listed[..5], &listed[5..]), (&META[..], &["a", "c"][..]));
}

fn with_patterns(a: Value, b: Value) -> Value {
    json!({"description": "Finds lines.", "capabilities": {"text_search": {"patterns": {"one": a, "two": b}}}})
}

#[tokio::test]
async fn a_selection_names_what_to_call_and_asks_where_it_is_too_close() {
    let fast = json!({"time_estimate_ms": 50, "cost_estimate": 9, "complexity_score": 0.1});
    let slow = json!({"time_estimate_ms": 50000, "cost_estimate": 9, "complexity_score": 0.9});
    let replica = Replica::new(&[("gr.ep", with_patterns(fast.clone(), slow))]);
    let selected =
        call(&replica, "select_tool", json!({"capabilities": ["text_search"], "mode": "fast"})).await;
    let chosen = &selected["structuredContent"]["selected"];
    assert_eq!(
        (chosen["name"].as_str(), chosen["pattern"].as_str()),
        (Some("gr_ep"), Some("one")),
        "{selected}"
    );
    assert_eq!(selected["_meta"]["dev.midflight/revision"], 1);

    let replica = Replica::new(&[("gr.ep", with_patterns(fast.clone(), fast))]);
    let arguments = json!({"capabilities": ["text_search"]});
    let messages = text(&call(&replica, "select_tool", arguments.clone()).await, true);
    assert!(messages.contains("Alternatives: gr_ep/text_search/one, gr_ep/text_search/two."), "{messages}");
    let ask = |params: Value| modern_with("tools/call", params, json!({"elicitation": {"form": {}}}));
    let params = json!({"name": "select_tool", "arguments": arguments});
    let (_, asked) = message(replica.send(ask(params.clone())).await).await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    for (choice, expected) in [("gr_ep/text_search/two", Some("two")), ("gr_ep/text_search/three", None)] {
        let mut again = params.clone();
        again["requestState"] = asked["result"]["requestState"].clone();
        again["inputResponses"] = json!({"ask": {"action": "accept", "content": {"choice": choice}}});
        let (_, answer) = message(replica.send(ask(again)).await).await;
        let chosen = answer["result"]["structuredContent"]["selected"]["pattern"].as_str();
        assert_eq!(chosen, expected, "{answer}");
    }
}

#[tokio::test]
async fn the_permissions_of_a_selection_are_those_of_the_caller() {
    let guarded =
        json!({"time_estimate_ms": 50, "cost_estimate": 1, "policy": {"required_permissions": ["root"]}});
    let body = json!({"description": "d", "capabilities": {"c": {"patterns": {"p": guarded}}}});
    let replica = Replica::new(&[("a", body)]);
    let arguments = json!({"capabilities": ["c"], "permissions": ["root"]});
    let params = json!({"name": "select_tool", "arguments": arguments});
    let (_, refused) = replica.modern("tools/call", params.clone()).await;
    assert_eq!(refused["result"]["_meta"]["dev.midflight/code"], "nothing_selected", "{refused}");
    let root = McpCaller::new("ada").permitted(["root"]);
    let (_, selected) = replica.modern_as(&root, "tools/call", params).await;
    assert_eq!(selected["result"]["structuredContent"]["selected"]["name"], "a", "{selected}");
}

/// A host that refuses the second computation of each call: the first compares the arguments with their schema.
#[derive(Default)]
struct RefusingHost(AtomicUsize);

#[async_trait]
impl ToolCaller for RefusingHost {
    async fn call(&self, call: ToolCall) -> ToolOutcome {
        ToolOutcome::text(call.target.name())
    }

    async fn compute(&self, caller: &McpCaller, computation: Computation) -> Result<(), ToolFailure> {
        assert_eq!(&*caller.name, "ada");
        match self.0.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => computation
                .run(&Work::unbounded())
                .map_err(|why| ToolFailure::new("internal", why.to_string())),
            _ => {
                Err(ToolFailure::new("too_expensive", format!("refused; brief: {}", computation.is_brief())))
            }
        }
    }
}

#[tokio::test]
async fn a_search_and_a_selection_are_computed_as_work_of_their_caller() {
    let many: Vec<_> = (0..1_001).map(|n| (format!("tool{n}"), tool("d"))).collect();
    let many: Vec<_> = many.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    for (documents, is_brief) in [(&many[..2], true), (&many[..], false)] {
        let host = Arc::new(RefusingHost::default());
        let replica = Replica::hosted(documents, McpOptions::new(KEY), host);
        let refused = call(&replica, "search_tools", json!({"query": "disk"})).await;
        assert_eq!(text(&refused, true), format!("refused; brief: {is_brief}"));
        assert_eq!(refused["_meta"]["dev.midflight/code"], "too_expensive");
        let refused = call(&replica, "select_tool", json!({"query": "disk"})).await;
        assert!(text(&refused, true).starts_with("refused"), "{refused}");
    }
}
