//! Agents at `/mcp`: what they list and call, of which catalogue, and who may.

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, DEADLINE, Server, answer, server, server_with};

/// A message of the protocol of 2026-07-28, as this path with its query.
pub(crate) async fn ask_at(server: &Server, path: &str, method: &str, params: Value) -> Answer {
    answer(message(server.anonymous(Method::POST, path), method, params)).await
}

fn message(request: reqwest::RequestBuilder, method: &str, mut params: Value) -> reqwest::RequestBuilder {
    let name = params["name"].as_str().map(str::to_owned);
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request = request
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    let request = match name {
        Some(name) => request.header("mcp-name", name),
        None => request,
    };
    request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
}

async fn ask(server: &Server, method: &str, params: Value) -> Value {
    ask_at(server, "/mcp", method, params).await.ok()["result"].take()
}

async fn call(server: &Server, name: &str, arguments: Value) -> Value {
    ask(server, "tools/call", json!({"name": name, "arguments": arguments})).await
}

/// The result of a call at this path with its query.
pub(crate) async fn call_at(server: &Server, path: &str, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    ask_at(server, path, "tools/call", params).await.ok()["result"].take()
}

fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

async fn put(server: &Server, name: &str, body: Value) -> u64 {
    let answer = server.put(&format!("/api/v1/documents/tools/{name}"), &body).await;
    assert!(answer.status.is_success(), "{:#}", answer.json);
    answer.json["revision"].as_u64().unwrap()
}

fn tool(description: &str) -> Value {
    json!({"description": description, "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": 1, "cost_estimate": 1}}}}})
}

#[tokio::test]
async fn the_catalogue_and_the_functions_of_the_other_kinds_are_listed_and_called() {
    let server = server().await.with_loans().await;
    let revision = put(&server, "grep", tool("Finds lines.")).await;
    let list = ask(&server, "tools/list", json!({})).await;
    assert_eq!(names(&list), ["classify", "execute_rules", "grep"]);
    assert_eq!(list["_meta"]["dev.midflight/revision"], revision);
    assert_eq!(
        (&list["ttlMs"], list["_meta"]["dev.midflight/digest"].as_str().unwrap().len()),
        (&json!(60_000), 64)
    );

    let executed = call(&server, "execute_rules", json!({"data": {"age": 20}})).await;
    assert_eq!(executed["isError"].as_bool(), Some(false), "{executed}");
    assert_eq!(executed["structuredContent"]["revision"], revision, "{executed}");
    let classified = call(&server, "classify", json!({"query": "hello"})).await;
    assert_eq!(classified["structuredContent"]["source"], "none", "{classified}");
    // What a model can act on: which argument is wrong, and what is not run here.
    let wrong = call(&server, "execute_rules", json!({"dat": {}})).await;
    assert!(wrong["isError"] == true && text(&wrong).contains("data"), "{wrong}");
    let unknown = call(&server, "execute_rules", json!({"data": {}, "ruleset": "nobody"})).await;
    assert!(unknown["isError"] == true && text(&unknown).contains("nobody"), "{unknown}");
    let not_run = call(&server, "grep", json!({})).await;
    assert!(not_run["isError"] == true && text(&not_run).contains("has no `forward`"), "{not_run}");

    server.delete("/api/v1/documents/tools/grep").await.ok();
    let removed = call(&server, "grep", json!({})).await;
    assert!(text(&removed).contains(&format!("was removed in revision {}", revision + 1)), "{removed}");
}

#[tokio::test]
async fn an_address_pins_a_revision_or_shows_the_search() {
    let server = server().await;
    let first = put(&server, "grep", tool("Finds lines.")).await;
    put(&server, "grep", tool("Finds text.")).await;
    put(&server, "awk", tool("Reads columns.")).await;
    let described = |list: &Value, name: &str| {
        let tools = list["tools"].as_array().unwrap();
        let found = tools.iter().find(|tool| tool["name"] == name);
        found.map_or(Value::Null, |tool| tool["description"].clone())
    };
    let at = |path: String| {
        let server = &server;
        async move { ask_at(server, &path, "tools/list", json!({})).await.ok()["result"].take() }
    };
    let pinned = at(format!("/mcp?at={first}")).await;
    assert_eq!((described(&pinned, "grep"), described(&pinned, "awk")), (json!("Finds lines."), Value::Null));
    assert_eq!(pinned["_meta"]["dev.midflight/revision"], first);
    assert_eq!(described(&at("/mcp".to_owned()).await, "grep"), "Finds text.");

    let search = at("/mcp?expose=search".to_owned()).await;
    assert_eq!(
        names(&search),
        ["call_tool", "classify", "describe_tool", "execute_rules", "search_tools", "select_tool"]
    );
    assert!(names(&at("/mcp?pin=awk".to_owned()).await).contains(&"awk"));
    let refused = ask_at(&server, "/mcp?expose=some", "tools/list", json!({})).await;
    assert!(refused.problem(400, "invalid_parameter")["detail"].as_str().unwrap().contains("all or search"));
    let unknown = ask_at(&server, "/mcp?at=99", "tools/list", json!({})).await;
    assert!(
        unknown.json["error"]["message"].as_str().unwrap().contains("no catalogue of revision 99"),
        "{:#}",
        unknown.json
    );
}

#[tokio::test]
async fn a_change_is_sent_to_listeners_once_it_is_served() {
    let server = server().await;
    put(&server, "grep", tool("Finds lines.")).await;
    let params = json!({"notifications": {"toolsListChanged": true}});
    let request = message(server.anonymous(Method::POST, "/mcp"), "subscriptions/listen", params);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let mut output = String::new();
    let mut until = async |what: &str| {
        while !output.contains(what) {
            let more = tokio::time::timeout(DEADLINE, stream.next()).await.unwrap().unwrap().unwrap();
            output.push_str(&String::from_utf8_lossy(&more));
        }
        std::mem::take(&mut output)
    };
    until("subscriptions/acknowledged").await;
    let revision = put(&server, "grep", tool("Finds text.")).await;
    let notice = until("list_changed").await;
    assert!(notice.contains(&format!("\"dev.midflight/revision\":{revision}")), "{notice}");
}

#[tokio::test]
async fn agents_need_what_other_callers_need() {
    let server = server_with(|options| options.require_token = true).await;
    let refused = ask_at(&server, "/mcp", "tools/list", json!({})).await;
    refused.problem(401, "unauthenticated");
    let list = message(server.request(Method::POST, "/mcp"), "tools/list", json!({}));
    assert_eq!(names(&answer(list).await.ok()["result"]), ["classify", "execute_rules"]);
    let foreign = message(server.request(Method::POST, "/mcp"), "tools/list", json!({}));
    answer(foreign.header("origin", "https://elsewhere.example")).await.problem(403, "foreign_origin");
    // A header that contradicts the body.
    let mut contradicting =
        server.request(Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
    contradicting =
        contradicting.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/call");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
    let contradicting = answer(contradicting.json(&body)).await;
    assert_eq!((contradicting.status.as_u16(), &contradicting.json["error"]["code"]), (400, &json!(-32020)));
}

#[tokio::test]
async fn calls_are_forwarded_to_allowed_hosts_only_and_to_private_ones_if_allowed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let body = "{\"lines\": 3}";
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let endpoint = |approval: bool| {
        let mut body = tool("Finds lines.");
        body["forward"] = json!({"url": format!("http://{address}/find"), "method": "POST"});
        body["capabilities"]["c"]["patterns"]["p"]["policy"] = json!({"requires_approval": approval});
        body
    };
    let known = async |server: &Server| {
        let params = json!({"name": "grep", "arguments": {}});
        answer(message(server.request(Method::POST, "/mcp"), "tools/call", params)).await.ok()["result"]
            .take()
    };
    let closed = server().await;
    put(&closed, "grep", endpoint(false)).await;
    let anonymous = call(&closed, "grep", json!({})).await;
    assert!(anonymous["isError"] == true && text(&anonymous).contains("needs a token"), "{anonymous}");
    for _ in 0..3 {
        let refused = known(&closed).await;
        assert!(refused["isError"] == true && text(&refused).contains("allow"), "{refused}");
    }
    let public =
        server_with(|options| options.forward.allowed_hosts = vec![address.to_string().parse().unwrap()])
            .await;
    put(&public, "grep", endpoint(false)).await;
    let refused = known(&public).await;
    assert!(refused["isError"] == true && text(&refused).contains("private"), "{refused}");

    let open = server_with(|options| {
        options.forward.allowed_hosts = vec![address.to_string().parse().unwrap()];
        options.forward.private_hosts = vec![address.to_string().parse().unwrap()];
    })
    .await;
    put(&open, "grep", endpoint(true)).await;
    let asked = known(&open).await;
    assert!(asked["isError"] == true && text(&asked).contains("approval of a person"), "{asked}");
    put(&open, "grep", endpoint(false)).await;
    let found = known(&open).await;
    assert_eq!(found["structuredContent"], json!({"lines": 3}), "{found}");
    let sent = served.await.unwrap().to_ascii_lowercase();
    assert!(!sent.contains("authorization"), "the token of the caller is not passed on: {sent}");

    // The request is answered with 200 each time; the audit has what came of the call, and calls that fail the same in
    // one entry.
    let calls = async |server: &Server| {
        let path = "/api/v1/audit?action=POST%20/mcp%20tools/call";
        let page = answer(server.request(Method::GET, path)).await.ok();
        let items = page["items"].as_array().unwrap().iter().rev();
        let shown = |it: &Value| {
            ["actor", "target", "outcome", "code"]
                .map(|key| it[key].as_str().unwrap_or("-").to_owned())
                .join(" ")
        };
        items.map(|it| (shown(it), it["from"].clone(), it["request_id"].is_string())).collect::<Vec<_>>()
    };
    let is = |shown: &str| (shown.to_owned(), json!("127.0.0.1"), true);
    let of_closed = calls(&closed).await;
    assert_eq!(of_closed.len(), 2, "{of_closed:?}");
    assert!(of_closed.contains(&is("anonymous /mcp/grep refused unauthenticated")), "{of_closed:?}");
    assert!(of_closed.contains(&is("admin /mcp/grep failed host_not_allowed")), "{of_closed:?}");
    assert_eq!(calls(&open).await, [is("admin /mcp/grep success -")]);
}

#[tokio::test]
async fn a_function_that_the_scopes_of_an_agent_do_not_include_is_refused_and_in_the_audit() {
    let server = server().await.with_loans().await;
    let agent = json!({"name": "agent", "role": "executor", "scopes": ["tools", "rules/other/*"]});
    let agent = crate::tokens::token(&server, agent).await;
    let params = json!({"name": "execute_rules", "arguments": {"data": {"age": 20}, "ruleset": "loans"}});
    let call = message(server.anonymous(Method::POST, "/mcp").bearer_auth(&agent), "tools/call", params);
    let refused = answer(call).await.ok();
    assert_eq!(refused["result"]["isError"], true, "{refused:#}");
    let path = "/api/v1/audit?outcome=refused&actor=agent";
    let page = answer(server.request(Method::GET, path)).await.ok();
    let found = &page["items"][0];
    assert_eq!(
        (&found["action"], &found["target"], &found["code"]),
        (&json!("POST /mcp tools/call"), &json!("/mcp/execute_rules"), &json!("forbidden"))
    );
}

#[tokio::test]
async fn no_tool_of_the_catalogue_has_the_name_of_one_of_the_servers_own() {
    let server = server().await;
    let list = ask_at(&server, "/mcp?expose=search", "tools/list", json!({})).await.ok()["result"].take();
    let own = names(&list);
    let mut reserved = midflight_tools::RESERVED_MCP_NAMES;
    reserved.sort_unstable();
    assert_eq!(own, reserved, "every tool of the server has a reserved name");
    for name in own {
        let path = format!("/api/v1/documents/tools/{name}");
        let problem = server.put(&path, &tool("Takes the place.")).await.problem(422, "invalid_document");
        let messages = &problem["errors"][0];
        assert_eq!(
            (&messages["path"], &messages["code"]),
            (&json!("/tool_name"), &json!("reserved_name")),
            "{problem:#}"
        );
        assert!(messages["message"].as_str().unwrap().contains("set another mcp_name"), "{messages}");
        // Each item of an import is told by itself.
        let (mut one, mut other) = (tool("d"), tool("d"));
        one["tool_name"] = json!(name);
        other["tool_name"] = json!(format!("my_{name}"));
        let text = json!([one, other]).to_string();
        let imported = server.post("/api/v1/tools/import", &json!({"yaml_content": text})).await.ok();
        assert_eq!(
            (&imported["imported_count"], &imported["failed_count"]),
            (&json!(1), &json!(1)),
            "{imported:#}"
        );
        let refused = &imported["errors"][0];
        assert_eq!((&refused["tool"], &refused["reason"]), (&json!(name), &json!("invalid_tool")));
        assert!(refused["error"].as_str().unwrap().contains("at /tool_name: agents know"), "{refused}");
    }
    let mut named = tool("Classifies.");
    named["mcp_name"] = json!("my_own_classify");
    put(&server, "classify", named).await;
}

/// An endpoint that answers every request: those whose path has `broken` with 500, the others with an object.
async fn endpoint() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            // Up to the end of the JSON object that is its body.
            while !request.ends_with(b"}")
                && stream.read_buf(&mut request).await.is_ok_and(|length| length > 0)
            {}
            let is_broken = String::from_utf8_lossy(&request).contains("broken");
            let status = if is_broken { "500 Internal Server Error" } else { "200 OK" };
            let head = "content-type: application/json\r\ncontent-length: 12\r\nconnection: close";
            let answer = format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{{\"lines\": 3}}");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    address
}

async fn metrics(server: &Server) -> String {
    server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap()
}

#[track_caller]
fn check_lines(metrics: &str, lines: &[&str]) {
    for line in lines {
        assert!(metrics.lines().any(|found| found == *line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn forwarded_calls_are_counted_as_uses_if_enabled() {
    let address = endpoint().await;
    let server = server_with(|options| {
        options.forward.allowed_hosts = vec![address.to_string().parse().unwrap()];
        options.forward.private_hosts = vec![address.to_string().parse().unwrap()];
    })
    .await;
    let forwarded = |path: &str, patterns: Value| {
        json!({"description": "Counts lines.", "forward": {"url": format!("http://{address}/{path}"), "method": "POST"},
            "input_schema": {"type": "object", "properties": {"N": {"type": "integer"}}}, "capabilities": {"c": {"patterns": patterns}}})
    };
    let one = json!({"time_estimate_ms": "10 * N", "cost_estimate": 1});
    put(&server, "count", forwarded("count", json!({"p": one}))).await;
    put(&server, "fail", forwarded("broken", json!({"p": one}))).await;
    put(&server, "several", forwarded("count", json!({"p": one, "q": one}))).await;
    let call = async |name: &str| {
        let params = json!({"name": name, "arguments": {"N": 4}});
        answer(message(server.request(Method::POST, "/mcp"), "tools/call", params)).await.ok()["result"]
            .take()
    };
    let uses = async || {
        let telemetry = server.get("/api/v1/tools/telemetry").await.ok();
        let items = telemetry["items"].as_array().unwrap().iter();
        let messages = |it: &Value| {
            (it["tool_name"].as_str().unwrap().to_owned(), it["uses"].clone(), it["success_rate"].clone())
        };
        items.map(messages).collect::<Vec<_>>()
    };
    // By default nothing is counted as a use, and the time of each call is.
    assert_eq!(call("count").await["structuredContent"], json!({"lines": 3}));
    assert!(uses().await.is_empty());
    put(&server, "settings/selection", json!({"observe_forwarded_calls": true})).await;
    for name in ["count", "count", "fail", "several"] {
        assert_eq!(call(name).await["isError"] == true, name == "fail", "{name}");
    }
    let expected = [("count".to_owned(), json!(2), json!(1.0)), ("fail".to_owned(), json!(1), json!(0.0))];
    assert_eq!(uses().await, expected);
    let telemetry = server.get("/api/v1/tools/telemetry?tool_name=count").await.ok();
    // The arguments are the context of the estimate, which is 40 ms.
    assert!(telemetry["items"][0]["time_bias"].is_f64(), "{telemetry:#}");

    // Neither a call that was refused before it was sent nor one of a tool that is not there is a forwarded one.
    let params = json!({"name": "nothing", "arguments": {}});
    let unknown = answer(message(server.request(Method::POST, "/mcp"), "tools/call", params)).await;
    assert_eq!(unknown.json["error"]["code"], -32602, "{:#}", unknown.json);
    put(&server, "elsewhere", {
        let mut body = forwarded("count", json!({"p": one}));
        body["forward"]["url"] = json!("https://elsewhere.example/x");
        body
    })
    .await;
    assert_eq!(call("elsewhere").await["isError"], true);
    check_lines(
        &metrics(&server).await,
        &[
            "midflight_tool_mcp_forward_time_seconds_count{outcome=\"success\"} 4",
            "midflight_tool_mcp_forward_time_seconds_count{outcome=\"failure\"} 1",
            "midflight_tool_uses_total{tool=\"count\",outcome=\"success\"} 2",
            "midflight_tool_uses_total{tool=\"fail\",outcome=\"failure\"} 1",
            "midflight_tool_mcp_calls_total{outcome=\"success\"} 4",
            "midflight_tool_mcp_calls_total{outcome=\"failed\"} 2",
            "midflight_tool_mcp_calls_total{outcome=\"unknown_tool\"} 1",
        ],
    );
}

#[tokio::test]
async fn what_agents_do_is_in_the_metrics() {
    let server = server().await.with_loans().await;
    let params = json!({"notifications": {"toolsListChanged": true}});
    let request = message(server.anonymous(Method::POST, "/mcp"), "subscriptions/listen", params);
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut output = String::new();
    let mut until = async |what: &str| {
        while !output.contains(what) {
            let more = tokio::time::timeout(DEADLINE, stream.next()).await.unwrap().unwrap().unwrap();
            output.push_str(&String::from_utf8_lossy(&more));
        }
    };
    until("subscriptions/acknowledged").await;
    put(&server, "grep", tool("Finds lines.")).await;
    until("list_changed").await;
    ask(&server, "tools/list", json!({})).await;
    ask(&server, "tools/list", json!({})).await;
    call(&server, "execute_rules", json!({"data": {"age": 20}})).await;
    call(&server, "execute_rules", json!({"dat": {}})).await;
    call(&server, "grep", json!({})).await;
    // A notice counts once it is sent, which its reader may know first.
    let begun = std::time::Instant::now();
    let shown = loop {
        let shown = metrics(&server).await;
        if shown.contains("midflight_tool_mcp_notices_total 1") || begun.elapsed() > DEADLINE {
            break shown;
        }
    };
    check_lines(
        &shown,
        &[
            "midflight_tool_mcp_notices_total 1",
            "midflight_tool_mcp_sessions 0",
            "midflight_tool_mcp_listeners 1",
            "midflight_tool_mcp_list_pages_total 2",
            "midflight_tool_mcp_calls_total{outcome=\"success\"} 1",
            "midflight_tool_mcp_calls_total{outcome=\"invalid_arguments\"} 1",
            "midflight_tool_mcp_calls_total{outcome=\"failed\"} 1",
            "midflight_tool_mcp_calls_total{outcome=\"busy\"} 0",
        ],
    );
    for name in ["sessions", "listeners", "notices_total", "list_pages_total", "calls_total"] {
        let help = format!("# HELP midflight_tool_mcp_{name} ");
        assert_eq!(shown.matches(&help).count(), 1, "{help}");
    }
    // The same stand among the metrics of tools.
    let of_tools = server.client.get(server.url("/api/v1/tools/metrics/prometheus")).send().await.unwrap();
    assert!(of_tools.text().await.unwrap().contains("midflight_tool_mcp_list_pages_total 2"));
}

/// Sends the head of a message of 1 MiB, and so many bytes of it.
async fn begun(server: &Server, sent: usize) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(server.running.address()).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
        1 << 20
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; sent]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_message_that_does_not_come_is_not_waited_for() {
    use tokio::io::AsyncReadExt as _;
    let server = server_with(|options| options.limits.receive_ms_max = 50).await;
    let mut stream = begun(&server, 10).await;
    let mut part = [0; 4096];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut part)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&part[..read]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("receive_ms_max"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_bounded_with_other_bodies() {
    let server = server_with(|options| {
        options.limits.bodies_bytes_max = 0;
        options.limits.body_parsed_bytes_max = 1 << 20;
    })
    .await;
    let slow = begun(&server, 800_000).await;
    let params = json!({"name": "execute_rules", "arguments": {"data": {"more": "x".repeat(400_000)}}});
    let refused = tokio::time::timeout(DEADLINE, async {
        loop {
            let answered = ask_at(&server, "/mcp", "tools/call", params.clone()).await;
            if answered.status == 503 {
                return answered;
            }
        }
    });
    let refused = refused.await.unwrap().problem(503, "busy");
    assert!(refused["detail"].as_str().unwrap().contains("bodies_bytes_max"), "{refused}");
    drop(slow);
    // By what their values need too.
    let many = json!({"name": "execute_rules", "arguments": {"data": vec![json!({"": 0}); 60_000]}});
    let refused = ask_at(&server, "/mcp", "tools/call", many).await.problem(413, "too_large");
    assert!(refused["detail"].as_str().unwrap().contains("body_parsed_bytes_max"), "{refused}");
    // A stream that is open keeps nothing of them.
    let filter = json!({"notifications": {"toolsListChanged": true, "more": "x".repeat(400_000)}});
    let listen = message(server.anonymous(Method::POST, "/mcp"), "subscriptions/listen", filter);
    let mut streams = vec![listen.send().await.unwrap()];
    let again = tokio::time::timeout(DEADLINE, async {
        while ask_at(&server, "/mcp", "tools/call", params.clone()).await.status != 200 {}
    });
    again.await.unwrap();
    assert_eq!(streams.pop().unwrap().status(), 200);
}

#[tokio::test]
async fn a_past_catalogue_that_is_too_large_is_refused_and_the_served_one_is_not() {
    let server = server_with(|options| options.tools.past_catalogue_bytes_max = 2_000).await;
    let first = put(&server, "grep", tool("Finds lines.")).await;
    let large = put(&server, "awk", tool(&"x".repeat(1_900))).await;
    let newest = put(&server, "sed", tool("Edits lines.")).await;
    let at = async |revision: u64| {
        ask_at(&server, &format!("/mcp?at={revision}"), "tools/list", json!({})).await.json
    };
    assert_eq!(names(&at(first).await["result"]), ["classify", "execute_rules", "grep"]);
    for _ in 0..2 {
        let refused = at(large).await;
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("2000 bytes (past_catalogue_bytes_max)"), "{message}");
        assert!(message.contains("work with the served catalogue"), "{message}");
    }
    assert_eq!(names(&at(newest).await["result"]).len(), 5);
}
