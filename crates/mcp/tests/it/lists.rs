//! Lists: their order, their pages, what they say of their revision, and for whom they are.

use http::StatusCode;
use midflight_core::RevisionNumber;
use midflight_mcp::{Expose, McpCaller, McpOptions};
use serde_json::{Value, json};

use crate::support::{KEY, Replica, Session, message, modern, names, tool, within};

const REVISION: &str = "dev.midflight/revision";

#[tokio::test]
async fn a_list_names_its_revision_and_its_digest_and_how_long_it_is_fresh() {
    let mut draft = tool("not yet");
    draft["status"] = json!("draft");
    let replica = Replica::new(&[("zed", tool("z")), ("abc", tool("a")), ("draft", draft)]);
    let list = replica.result("tools/list", json!({})).await;
    assert_eq!(names(&list), ["execute_rules", "abc", "zed"]);
    assert_eq!(list["_meta"][REVISION], 1);
    let digest = replica.snapshot().digest().to_string();
    assert_eq!(list["_meta"]["dev.midflight/digest"], json!(digest));
    assert_eq!((list["ttlMs"].as_u64(), list["cacheScope"].as_str()), (Some(60_000), Some("private")));
    assert_eq!(list["tools"][1]["inputSchema"], json!({"type": "object", "properties": {}}));
    // A shared cache may keep it only where the server says that every caller gets the same.
    let public = McpCaller::new("ada").with_public_list();
    let narrowed = public.clone().exposing(Expose::Search);
    for (caller, scope) in [(public, "public"), (narrowed, "private")] {
        let (_, answer) = replica.modern_as(&caller, "tools/list", json!({})).await;
        assert_eq!(answer["result"]["cacheScope"], scope);
    }
}

#[tokio::test]
async fn discovery_carries_what_clients_insist_on() {
    let replica = Replica::new(&[]);
    let found = replica.result("server/discover", json!({})).await;
    assert_eq!((found["ttlMs"].as_u64(), found["cacheScope"].as_str()), (Some(60_000), Some("public")));
    let versions: Vec<&str> =
        found["supportedVersions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for version in ["2026-07-28", "2025-11-25", "2025-06-18"] {
        assert!(versions.contains(&version), "{found}");
    }
    assert_eq!(found["capabilities"], json!({"tools": {"listChanged": true}}));
}

fn paged() -> McpOptions {
    let mut options = McpOptions::new(KEY);
    options.page_tools_max = 3;
    options
}

#[tokio::test]
async fn pages_are_of_one_catalogue_independent_of_later_changes() {
    let mut replica =
        Replica::with(&[("a", tool("a")), ("b", tool("b")), ("c", tool("c")), ("d", tool("d"))], paged());
    let first = replica.result("tools/list", json!({})).await;
    assert_eq!(names(&first), ["execute_rules", "a", "b"]);
    replica.edit(&[("c", Value::Null), ("d", tool("changed")), ("e", tool("e"))]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = replica.result("tools/list", json!({"cursor": cursor})).await;
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["tools"][1]["description"], "d");
    assert_eq!((&second["_meta"][REVISION], second.get("nextCursor")), (&json!(1), None));
    assert_eq!(replica.result("tools/list", json!({})).await["_meta"][REVISION], 2);

    // Another replica has the same key, and reads the catalogue of the cursor from the log.
    let mut other = Replica::with(&[("x", tool("x"))], paged());
    other.edit(&[]);
    let past = replica.past.0.lock().unwrap().get(&1).cloned().unwrap();
    other.past.0.lock().unwrap().insert(1, past);
    let continued = other.result("tools/list", json!({"cursor": cursor})).await;
    assert_eq!(names(&continued), ["c", "d"]);
}

#[tokio::test]
async fn a_cursor_that_is_forged_of_another_or_expired_is_refused() {
    let documents = [("a", tool("a")), ("b", tool("b")), ("c", tool("c"))];
    let replica = Replica::with(&documents, paged());
    let cursor = replica.result("tools/list", json!({})).await["nextCursor"].as_str().unwrap().to_owned();
    let mut forged = cursor.clone();
    forged.replace_range(6..7, if &forged[6..7] == "A" { "B" } else { "A" });
    for wrong in ["", "x", forged.as_str()] {
        let (status, answer) = replica.modern("tools/list", json!({"cursor": wrong})).await;
        assert_eq!((status, answer["error"]["code"].as_i64()), (StatusCode::OK, Some(-32602)), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("list again from the first page"), "{message}");
    }
    let (_, answer) =
        replica.modern_as(&McpCaller::new("bob"), "tools/list", json!({"cursor": cursor})).await;
    assert_eq!(answer["error"]["code"], -32602);

    let mut options = paged();
    options.cursor_ms_max = 1;
    let replica = Replica::with(&documents, options);
    let cursor = replica.result("tools/list", json!({})).await["nextCursor"].as_str().unwrap().to_owned();
    let expired = async {
        loop {
            let (_, answer) = replica.modern("tools/list", json!({"cursor": cursor})).await;
            if answer["error"]["code"] == -32602 {
                return answer["error"]["message"].as_str().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(within(expired).await, "invalid cursor: it expired; list again from the first page");
}

#[tokio::test]
async fn a_page_has_a_bound_in_bytes_and_one_tool_at_least() {
    let mut options = McpOptions::new(KEY);
    options.page_bytes_max = 10;
    let replica = Replica::with(&[("a", tool("a")), ("b", tool("b"))], options);
    let first = replica.result("tools/list", json!({})).await;
    assert_eq!(names(&first), ["execute_rules", "a"]);
    let second = replica.result("tools/list", json!({"cursor": first["nextCursor"]})).await;
    assert_eq!(names(&second), ["b"]);
}

#[tokio::test]
async fn a_list_waits_for_the_revision_that_the_client_knows() {
    let mut replica = Replica::new(&[("a", tool("a"))]);
    let newer = || json!({"_meta": {"dev.midflight/min_revision": 2}});
    let (_, answer) = replica.modern("tools/list", newer()).await;
    assert_eq!(answer["error"]["data"][REVISION], 1, "{answer}");
    let messages = answer["error"]["message"].as_str().unwrap();
    assert!(messages.contains("serves revision 1, which is older than min_revision 2"), "{messages}");

    let service = replica.service.clone();
    let caller = replica.caller.clone();
    let waiting = tokio::spawn(async move {
        let mut request = modern("tools/list", newer());
        request.extensions_mut().insert(caller);
        tower::ServiceExt::oneshot(service, request).await.unwrap()
    });
    tokio::task::yield_now().await;
    replica.edit(&[("b", tool("b"))]);
    let (_, answer) = message(waiting.await.unwrap()).await;
    assert_eq!(answer["result"]["_meta"][REVISION], 2, "{answer}");
    let (_, answer) =
        replica.modern("tools/list", json!({"_meta": {"dev.midflight/min_revision": "x"}})).await;
    assert_eq!(answer["error"]["code"], -32602);
}

#[tokio::test]
async fn a_pinned_caller_works_with_the_catalogue_of_its_revision() {
    let mut replica = Replica::new(&[("a", tool("first"))]);
    replica.edit(&[("a", tool("second")), ("b", tool("b"))]);
    let pinned = McpCaller::new("ada").pinned_at(RevisionNumber::new(1));
    let (_, answer) = replica.modern_as(&pinned, "tools/list", json!({})).await;
    assert_eq!(names(&answer["result"]), ["execute_rules", "a"]);
    assert_eq!(answer["result"]["tools"][1]["description"], "first");
    assert_eq!(answer["result"]["_meta"][REVISION], 1);
    let (_, answer) = replica.modern_as(&pinned, "tools/call", json!({"name": "a", "arguments": {}})).await;
    assert_eq!(answer["result"]["structuredContent"]["description"], "first");
    assert_eq!(answer["result"]["_meta"][REVISION], 1);
    let lost = McpCaller::new("ada").pinned_at(RevisionNumber::new(99));
    let (_, answer) = replica.modern_as(&lost, "tools/list", json!({})).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("no catalogue of revision 99"), "{message}");
}

#[tokio::test]
async fn the_old_era_gets_the_same_list_without_what_it_does_not_know() {
    let replica = Replica::with(&[("a", tool("a")), ("b", tool("b")), ("c", tool("c"))], paged());
    for version in ["2025-11-25", "2025-06-18", "2025-03-26"] {
        let session = Session::begin(&replica, version, json!({})).await;
        let list = session.request(&replica, "tools/list", json!({})).await["result"].clone();
        assert_eq!(names(&list), ["execute_rules", "a", "b"]);
        assert_eq!((list.get("ttlMs"), list.get("resultType")), (None, None), "{list}");
        assert_eq!(list["_meta"][REVISION], 1);
        let rest = session.request(&replica, "tools/list", json!({"cursor": list["nextCursor"]})).await;
        assert_eq!(names(&rest["result"]), ["c"]);
    }
}
