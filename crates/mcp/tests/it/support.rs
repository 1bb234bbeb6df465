//! What the tests share: a catalogue that is edited, a caller of tools, and raw messages of both eras.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use midflight_core::{DocumentName, RevisionNumber};
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_live::{Live, Publisher};
use midflight_mcp::{
    AllowedHosts, McpCaller, McpHttpOptions, McpHttpService, McpOptions, McpServer, OwnTool, PastCatalogue,
    PastCatalogues, PastError, ToolCall, ToolCaller, ToolOutcome, ToolTarget, UserQuestion,
};
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The key of every server of the tests.
pub(crate) const KEY: [u8; 32] = [7; 32];

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes in time")
}

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(previous: &ToolsSnapshot, documents: &[(&str, Value)]) -> ToolsSnapshot {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).expect("a name");
        let document = match body {
            Value::Null => None,
            body => Some(Tools.validate(&name, &Arc::new(body.clone()), &work).expect("it is valid")),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Tools.compile(previous, changes, &work).expect("it compiles")
}

/// The document of a tool that takes any arguments.
pub(crate) fn tool(description: &str) -> Value {
    json!({"description": description, "input_schema": {"type": "object", "properties": {}}})
}

/// The catalogues of the past, as far as the test has put them here.
#[derive(Default)]
pub(crate) struct Past(pub(crate) Mutex<BTreeMap<u64, Arc<ToolsSnapshot>>>);

#[async_trait]
impl PastCatalogues for Past {
    async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
        let found = self.0.lock().unwrap().get(&revision.get()).cloned();
        let found = found.ok_or(PastError::Unknown(revision))?;
        Ok(PastCatalogue::new(ToolsSnapshot::clone(&found), 0))
    }
}

/// Calls tools by their names: `guarded` asks for approval, `choosy` for a choice, `slow` never answers, `broken`
/// panics, `mistyped` and `silent` answer what their schema does not allow; every other one answers what it was called
/// with.
pub(crate) struct Caller;

#[async_trait]
impl ToolCaller for Caller {
    fn own_tools(&self) -> Vec<OwnTool> {
        let schema =
            json!({"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}});
        vec![
            OwnTool::new("execute_rules", "Executes rules on data.", schema),
            OwnTool::new("call_tool", "Its name is reserved.", json!({"type": "object"})),
            OwnTool::new("no name", "Its name is none.", json!({"type": "object"})),
        ]
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        match call.target.name() {
            "guarded" if !call.answers.contains_key("approval") => ToolOutcome::Asks(UserQuestion::approval(
                "guarded costs 5. Go on?",
                "guarded needs approval; use echo, which needs none",
            )),
            "choosy" => match call.answers.get("which") {
                Some(answer) => ToolOutcome::structured(json!({"chosen": answer.content["choice"]})),
                None => {
                    let options = ["red".to_owned(), "blue".to_owned()];
                    let otherwise = "say red or blue in the argument colour";
                    ToolOutcome::Asks(UserQuestion::choice("which", "Which one?", &options, otherwise))
                }
            },
            "endless" => ToolOutcome::Asks(UserQuestion::approval("Again?", "endless asks for ever")),
            "slow" => std::future::pending().await,
            "broken" => panic!("a secret of the inside"),
            "mistyped" => ToolOutcome::structured(json!({"count": "three"})),
            "silent" => ToolOutcome::text("three"),
            _ => {
                let description = match &call.target {
                    ToolTarget::Catalogue(tool) => tool.description().to_owned(),
                    _ => String::new(),
                };
                ToolOutcome::structured(json!({
                    "arguments": call.arguments, "caller": &*call.caller.name, "description": description,
                    "revision": call.revision.get(),
                }))
            }
        }
    }
}

/// One replica with a catalogue that the test edits.
pub(crate) struct Replica {
    publisher: Publisher<ToolsSnapshot>,
    snapshot: ToolsSnapshot,
    revision: u64,
    pub(crate) past: Arc<Past>,
    pub(crate) server: McpServer,
    pub(crate) service: McpHttpService,
    pub(crate) stop: CancellationToken,
    pub(crate) caller: McpCaller,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Replica {
    pub(crate) fn new(documents: &[(&str, Value)]) -> Self {
        Self::with(documents, McpOptions::new(KEY))
    }

    pub(crate) fn with(documents: &[(&str, Value)], options: McpOptions) -> Self {
        Self::hosted(documents, options, Arc::new(Caller))
    }

    pub(crate) fn hosted(
        documents: &[(&str, Value)],
        options: McpOptions,
        host: Arc<dyn ToolCaller>,
    ) -> Self {
        let (publisher, live) = Live::new(ToolsSnapshot::default());
        let past = Arc::new(Past::default());
        let snapshot = edit(&ToolsSnapshot::default(), documents);
        past.0.lock().unwrap().insert(1, Arc::new(snapshot.clone()));
        publisher.publish(RevisionNumber::new(1), snapshot.clone());
        let as_past = Arc::clone(&past) as Arc<dyn PastCatalogues>;
        let server = McpServer::new(live, host, as_past, options);
        let stop = CancellationToken::new();
        tokio::spawn(server.follow(stop.clone()));
        let http = McpHttpOptions::new(AllowedHosts::loopback(), ["http://app.example:80".to_owned()]);
        let service = server.http(http, &stop);
        let caller = McpCaller::new("ada");
        Self { publisher, snapshot, revision: 1, past, server, service, stop, caller }
    }

    /// Serves a changed catalogue, of the next revision.
    pub(crate) fn edit(&mut self, documents: &[(&str, Value)]) -> u64 {
        self.snapshot = edit(&self.snapshot, documents);
        self.revision += 1;
        self.past.0.lock().unwrap().insert(self.revision, Arc::new(self.snapshot.clone()));
        self.publisher.publish(RevisionNumber::new(self.revision), self.snapshot.clone());
        self.revision
    }

    pub(crate) fn snapshot(&self) -> &ToolsSnapshot {
        &self.snapshot
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<BoxBody<Bytes, Infallible>> {
        self.send_as(&self.caller, request).await
    }

    pub(crate) async fn send_as(
        &self,
        caller: &McpCaller,
        mut request: Request<Full<Bytes>>,
    ) -> Response<BoxBody<Bytes, Infallible>> {
        request.extensions_mut().insert(caller.clone());
        within(self.service.clone().oneshot(request)).await.expect("it is infallible")
    }

    /// A request of the new era; answers the status and the message.
    pub(crate) async fn modern(&self, method: &str, params: Value) -> (StatusCode, Value) {
        self.modern_as(&self.caller, method, params).await
    }

    pub(crate) async fn modern_as(
        &self,
        caller: &McpCaller,
        method: &str,
        params: Value,
    ) -> (StatusCode, Value) {
        message(self.send_as(caller, modern(method, params)).await).await
    }

    /// The result of a request of the new era.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let (status, answer) = self.modern(method, params).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].clone()
    }

    /// The result of a call.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Serves HTTP on loopback until the replica is dropped; answers the URL.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let caller = self.caller.clone();
        let router =
            axum::Router::new().route_service("/mcp", self.service.clone()).layer(axum::Extension(caller));
        let stop = self.stop.clone();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        tokio::spawn(async move { serving.await.unwrap() });
        format!("http://{address}/mcp")
    }
}

/// A request of the new era with the headers that it needs.
pub(crate) fn modern(method: &str, params: Value) -> Request<Full<Bytes>> {
    modern_with(method, params, json!({}))
}

/// The same of a client with capabilities.
pub(crate) fn modern_with(method: &str, mut params: Value, capabilities: Value) -> Request<Full<Bytes>> {
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    let mut meta = params.get("_meta").cloned().unwrap_or_else(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    params["_meta"] = meta;
    let mut request = post(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    let headers = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = name {
        headers.insert("mcp-name", name.parse().unwrap());
    }
    request
}

/// A POST of a message, with what every era needs.
pub(crate) fn post(message: &Value) -> Request<Full<Bytes>> {
    raw_post(message.to_string())
}

pub(crate) fn raw_post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/mcp")
        .header("host", "localhost:8080")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(Full::new(body.into()))
        .unwrap()
}

/// The status and the first message with an id or an error of an answer, whether it is JSON or events.
pub(crate) async fn message(response: Response<BoxBody<Bytes, Infallible>>) -> (StatusCode, Value) {
    let status = response.status();
    let is_stream = response.headers().get("content-type").is_some_and(|it| it == "text/event-stream");
    if !is_stream {
        let body = within(response.into_body().collect()).await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        return (status, serde_json::from_str(&text).unwrap_or(Value::String(text)));
    }
    let mut events = Events::new(response);
    loop {
        let event = events.next().await.expect("the stream has an answer");
        if event.get("id").is_some() && event.get("method").is_none() {
            return (status, event);
        }
    }
}

/// The messages of a stream of events.
pub(crate) struct Events {
    body: BoxBody<Bytes, Infallible>,
    text: String,
}

impl Events {
    pub(crate) fn new(response: Response<BoxBody<Bytes, Infallible>>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next message; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
                let data: String = lines.map(str::trim_start).collect();
                self.text = rest.to_owned();
                if let Ok(message) = serde_json::from_str(&data) {
                    return Some(message);
                }
            }
            let frame = within(self.body.frame()).await?.unwrap();
            if let Ok(data) = frame.into_data() {
                self.text.push_str(&String::from_utf8_lossy(&data));
            }
        }
    }

    /// The next notice that the list of tools changed.
    pub(crate) async fn notice(&mut self) -> Value {
        loop {
            let message = self.next().await.expect("the stream is open");
            if message["method"] == "notifications/tools/list_changed" {
                return message;
            }
        }
    }

    /// Whether the stream has nothing to read yet.
    pub(crate) async fn is_quiet_for(&mut self, time: Duration) -> bool {
        assert!(!self.text.contains("list_changed"), "{}", self.text);
        let waited = tokio::time::timeout(time, self.next()).await;
        !matches!(waited, Ok(Some(_)))
    }
}

/// An open `subscriptions/listen` that was acknowledged.
pub(crate) async fn listen(replica: &Replica, caller: &McpCaller) -> Events {
    let params = json!({"notifications": {"toolsListChanged": true}});
    let mut events = Events::new(replica.send_as(caller, modern("subscriptions/listen", params)).await);
    let first = events.next().await.expect("it is acknowledged");
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(first["params"]["notifications"]["toolsListChanged"], true, "{first}");
    assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{first}");
    events
}

/// The names of a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().expect("a list").iter().filter_map(|tool| tool["name"].as_str()).collect()
}

/// The text of a result, which is an error of a tool or not.
#[track_caller]
pub(crate) fn text(result: &Value, is_error: bool) -> String {
    assert_eq!(result["isError"].as_bool().unwrap_or_default(), is_error, "{result}");
    result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

/// A session of the old era.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) caller: McpCaller,
}

impl Session {
    pub(crate) async fn begin(replica: &Replica, version: &str, capabilities: Value) -> Self {
        let params = json!({"protocolVersion": version, "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"}});
        let request = post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        let response = replica.send(request).await;
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let (status, answer) = message(response).await;
        assert_eq!((status, answer["result"]["protocolVersion"].as_str()), (StatusCode::OK, Some(version)));
        assert_eq!(answer["result"]["capabilities"]["tools"]["listChanged"], true);
        let session = Self { id, caller: replica.caller.clone() };
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let response = replica.send(session.with_id(post(&ready))).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        session
    }

    pub(crate) fn with_id(&self, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        request.headers_mut().insert("mcp-session-id", self.id.parse().unwrap());
        request
    }

    pub(crate) async fn request(&self, replica: &Replica, method: &str, params: Value) -> Value {
        let request = post(&json!({"jsonrpc": "2.0", "id": 5, "method": method, "params": params}));
        let (status, answer) = message(replica.send_as(&self.caller, self.with_id(request)).await).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// The stream on which the server speaks of its own accord.
    pub(crate) async fn stream(&self, replica: &Replica) -> Events {
        let request = Request::get("/mcp")
            .header("host", "localhost")
            .header("accept", "text/event-stream")
            .body(Full::default())
            .unwrap();
        Events::new(replica.send_as(&self.caller, self.with_id(request)).await)
    }
}
