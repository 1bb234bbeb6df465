//! `mcp`: an agent that starts the command and speaks with it by lines, in both eras of the protocol.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Ran, Server, read, wait_for};

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(60);

const LISTEN: &str = "subscriptions/listen";
const CHANGED: &str = "notifications/tools/list_changed";

/// The command, with what it writes.
struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    /// Where it runs; its stderr is in it. Not the folder of the server, which may go before the agent does.
    folder: TempDir,
    /// Notices that came before an answer.
    notices: VecDeque<Value>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the command was gone already");
        }
    }
}

impl Agent {
    fn start(server: &Server, args: &[&str]) -> Self {
        Self::spawn(server.command(&[&["mcp"][..], args].concat()))
    }

    fn spawn(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let errors = std::fs::File::create(folder.path().join("stderr")).unwrap();
        command.current_dir(folder.path()).stderr(errors);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { stdin: child.stdin.take(), child, lines, folder, notices: VecDeque::new() }
    }

    fn line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).unwrap();
        stdin.flush().unwrap();
    }

    fn send(&mut self, message: Value) {
        self.line(&message.to_string());
    }

    /// The next message.
    #[track_caller]
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{error}: {}", self.detail()));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next message that is no notice of a change: such a notice may come at any time, also of a change before the
    /// start.
    #[track_caller]
    fn other(&mut self) -> Value {
        loop {
            let message = self.next();
            if message["method"] != CHANGED {
                return message;
            }
            self.notices.push_back(message);
        }
    }

    #[track_caller]
    fn answer(&mut self, id: i64) -> Value {
        let message = self.other();
        assert_eq!(message["id"], id, "{message}: {}", self.detail());
        message
    }

    #[track_caller]
    fn notice(&mut self) -> Value {
        let message = self.notices.pop_front().unwrap_or_else(|| self.next());
        assert_eq!(message["method"], CHANGED, "{message}");
        message
    }

    /// A request of a session.
    #[track_caller]
    fn ask(&mut self, id: i64, method: &str, params: Value) -> Value {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.answer(id)
    }

    /// A request of the protocol of 2026-07-28.
    #[track_caller]
    fn modern(&mut self, id: i64, method: &str, params: Value) -> Value {
        self.send(modern(id, method, params));
        self.answer(id)
    }

    /// Begins a session as clients do.
    fn initialize(&mut self) {
        self.initialize_with(json!({}));
    }

    fn initialize_with(&mut self, capabilities: Value) {
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"}});
        let begun = self.ask(0, "initialize", params);
        assert_eq!(begun["result"]["protocolVersion"], "2025-06-18", "{begun}");
        self.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// What it said on stderr.
    fn detail(&self) -> String {
        read(&self.folder.path().join("stderr"))
    }

    /// Ends the input; the command is to end by itself and to have written nothing more.
    fn end(mut self) {
        drop(self.stdin.take());
        let status = wait_for("the end of the command", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.detail());
        let rest: Vec<_> = self.lines.iter().filter(|line| !line.contains(CHANGED)).collect();
        assert!(rest.is_empty(), "{rest:?}");
    }
}

fn modern(id: i64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// Puts a tool into the catalogue.
fn put(server: &Server, name: &str, description: &str) {
    let text = format!(
        "tool_name: {name}\ndescription: {description}\ninput_schema: {{type: object, properties: {{region: \
         {{type: string, x-mcp-header: Region}}}}}}\ncapabilities: {{c: {{patterns: {{p: {{time_estimate_ms: 1, \
         cost_estimate: 1}}}}}}}}\n"
    );
    server.write("tool.yaml", &text);
    server.run(&["tool", "import", "tool.yaml", "--overwrite"]);
}

fn described(list: &Value, name: &str) -> Option<String> {
    let tools = list["result"]["tools"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let found = tools.iter().find(|tool| tool["name"] == name)?;
    found["description"].as_str().map(str::to_owned)
}

fn sound() -> Value {
    let applicant = json!({"income": 40000, "years_employed": 6, "defaults": 0});
    json!({"name": "execute_rules", "arguments": {"ruleset": "loans", "data": {"amount": 20000, "applicant": applicant}}})
}

fn detail(answer: &Value) -> (i64, &str) {
    (
        answer["error"]["code"].as_i64().unwrap_or_default(),
        answer["error"]["message"].as_str().unwrap_or_default(),
    )
}

#[test]
fn a_session_lists_and_calls_and_receives_changes() {
    let server = Server::with_loans();
    put(&server, "grep", "Finds lines.");
    let mut agent = Agent::start(&server, &[]);
    agent.initialize();
    let list = agent.ask(1, "tools/list", json!({}));
    assert_eq!(described(&list, "grep").as_deref(), Some("Finds lines."));
    let called = agent.ask(2, "tools/call", sound());
    assert_eq!(called["result"]["structuredContent"]["pattern_result"], "YYY", "{called}");
    put(&server, "grep", "Finds text.");
    agent.notice();
    let list = agent.ask(3, "tools/list", json!({}));
    assert_eq!(described(&list, "grep").as_deref(), Some("Finds text."));
    agent.end();
}

#[test]
fn the_server_asks_the_user_of_a_session() {
    let server = Server::start(&["--forward-to-private", "127.0.0.1"]);
    let text = format!(
        "tool_name: live\ndescription: Asks whether the server lives.\nforward: {{url: \"{}/health/live\", method: \
         GET}}\ncapabilities: {{c: {{patterns: {{p: {{time_estimate_ms: 1, cost_estimate: 1, policy: {{requires_approval: \
         true}}}}}}}}}}\n",
        server.url
    );
    server.write("live.yaml", &text);
    server.run(&["tool", "import", "live.yaml"]);
    let mut agent = Agent::start(&server, &[]);
    agent.initialize_with(json!({"elicitation": {}}));
    let call = |id: i64| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "live", "arguments": {}}});
    // A call that is cancelled while the user is asked has no answer. A session never uses an id twice.
    agent.send(call(1));
    assert_eq!(agent.other()["method"], "elicitation/create");
    agent.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    agent.send(call(2));
    let asked = agent.other();
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    agent.send(json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {}}}));
    let called = agent.answer(2);
    assert_eq!(called["result"]["isError"].as_bool(), Some(false), "{called}");
    agent.end();
}

#[test]
fn standalone_messages_list_and_call_and_receive_changes() {
    let server = Server::with_loans();
    put(&server, "grep", "Finds lines.");
    let mut agent = Agent::start(&server, &[]);
    let subscription = json!({"notifications": {"toolsListChanged": true}});
    agent.send(modern(7, LISTEN, subscription.clone()));
    assert_eq!(agent.other()["method"], "notifications/subscriptions/acknowledged");
    // Requests go on beside the open stream.
    let called = agent.modern(2, "tools/call", sound());
    assert_eq!(called["result"]["structuredContent"]["pattern_result"], "YYY", "{called}");
    put(&server, "grep", "Finds text.");
    let notice = agent.notice();
    assert_eq!(notice["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7, "{notice}");

    // The arguments that headers repeat are known once a list has passed.
    let call = json!({"name": "grep", "arguments": {"region": "Zürich"}});
    let unknown = agent.modern(3, "tools/call", call.clone());
    assert_eq!(detail(&unknown).0, -32_020, "{unknown}");
    let list = agent.modern(4, "tools/list", json!({}));
    assert_eq!(described(&list, "grep").as_deref(), Some("Finds text."));
    let known = agent.modern(5, "tools/call", call);
    assert!(known["result"]["content"][0]["text"].as_str().unwrap().contains("has no `forward`"), "{known}");

    // A subscription that is cancelled has no answer, and its id is free again.
    agent.send(modern(7, LISTEN, subscription.clone()));
    assert!(detail(&agent.other()).1.contains("use another id"));
    agent.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}));
    agent.send(modern(7, LISTEN, subscription));
    assert_eq!(agent.other()["method"], "notifications/subscriptions/acknowledged");
    agent.end();
}

#[test]
fn what_is_no_message_is_answered_and_the_next_one_is_served() {
    let server = Server::start(&[]);
    let mut agent = Agent::start(&server, &[]);
    let too_long = "x".repeat((1 << 20) + 1);
    for (line, code, part) in [
        ("garbage", -32_700, "expected one JSON-RPC message"),
        ("[{}]", -32_600, "one message in each line"),
        (&*too_long, -32_600, "send a shorter message"),
    ] {
        agent.line(line);
        let answer = agent.other();
        assert_eq!(answer["id"], Value::Null);
        assert!(detail(&answer).0 == code && detail(&answer).1.contains(part), "{answer}");
    }
    agent.line("");
    let early = agent.ask(1, "tools/list", json!({}));
    assert!(detail(&early).1.contains("send initialize first"), "{early}");
    assert!(described(&agent.modern(2, "tools/list", json!({})), "execute_rules").is_some());
    let unknown = agent.modern(3, "prompts/list", json!({}));
    assert_eq!(detail(&unknown).0, -32_601, "{unknown}");
    agent.end();
}

#[test]
fn the_command_ends_when_its_output_is_closed() {
    let server = Server::start(&[]);
    let mut command = server.command(&["mcp"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"garbage\n").unwrap();
    let status = wait_for("the end of the command", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn requests_in_flight_have_a_bound() {
    let server = Server::start(&[]);
    let mut agent = Agent::start(&server, &[]);
    for id in 1..=64 {
        agent.send(modern(id, LISTEN, json!({"notifications": {"toolsListChanged": true}})));
        assert_eq!(agent.other()["method"], "notifications/subscriptions/acknowledged");
    }
    let refused = agent.modern(65, "tools/list", json!({}));
    assert!(detail(&refused).0 == -32_000 && detail(&refused).1.contains("cancel one"), "{refused}");
    agent.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    assert!(agent.modern(66, "tools/list", json!({}))["result"].is_object());
    agent.end();
}

#[test]
fn an_unavailable_server_is_reported_and_used_when_it_is_back() {
    let server = Server::with_loans();
    let mut agent = Agent::start(&server, &[]);
    let address = server.url.trim_start_matches("http://").to_owned();
    let (_, folder) = server.signal("-TERM");
    let unavailable = agent.modern(1, "tools/list", json!({}));
    assert!(
        detail(&unavailable).0 == -32_000 && detail(&unavailable).1.contains("midflight serve"),
        "{unavailable}"
    );
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"}});
    assert_eq!(detail(&agent.ask(2, "initialize", params)).0, -32_000);
    let server = Server::start_at(folder, &address);
    assert!(agent.modern(3, "tools/list", json!({}))["result"].is_object());
    agent.initialize();
    assert!(agent.ask(4, "tools/list", json!({}))["result"].is_object());

    // Another log at the same address knows no session of the first one.
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("token"), &server.token).unwrap();
    let (_, _folder) = server.signal("-TERM");
    assert_eq!(detail(&agent.ask(5, "tools/list", json!({}))).0, -32_000);
    let server = Server::start_at(other, &address);
    let list = agent.ask(6, "tools/list", json!({}));
    assert!(described(&list, "execute_rules").is_some(), "{list}");
    assert!(agent.detail().contains("started a new one"), "{}", agent.detail());
    // What the client may have missed is a notice, and so is what changes from now on.
    agent.notice();
    put(&server, "grep", "Finds lines.");
    agent.notice();
    agent.end();
}

#[test]
fn an_address_pins_a_revision_or_shows_the_search() {
    let server = Server::start(&[]);
    put(&server, "grep", "Finds lines.");
    put(&server, "grep", "Finds text.");
    let list = |args: &[&str]| {
        let mut agent = Agent::start(&server, args);
        let list = agent.modern(1, "tools/list", json!({}));
        agent.end();
        list
    };
    assert_eq!(described(&list(&["--at", "1"]), "grep").as_deref(), Some("Finds lines."));
    let all = list(&["--expose", "all"]);
    assert_eq!(described(&all, "grep").as_deref(), Some("Finds text."));
    let search = list(&["--expose", "search"]);
    assert!(described(&search, "grep").is_none() && described(&search, "search_tools").is_some());
    let pinned = list(&["--pin", "grep,awk"]);
    assert!(described(&pinned, "grep").is_some() && described(&pinned, "search_tools").is_some());
    let usage = Ran::of(server.command(&["mcp", "--expose", "all", "--pin", "grep"]).output().unwrap());
    assert!(usage.code == Some(2) && usage.stderr.contains("--expose search"), "{}", usage.stderr);
}

#[test]
fn a_refused_caller_learns_what_to_send() {
    let server = Server::start(&["--require-token"]);
    let mut command = server.command(&["mcp"]);
    command.env_remove("MIDFLIGHT_TOKEN");
    let mut agent = Agent::spawn(command);
    let refused = agent.modern(1, "tools/list", json!({}));
    assert!(detail(&refused).0 == -32_000 && detail(&refused).1.contains("--token"), "{refused}");
    agent.end();
}
