//! A secret in every place that a secret can be in, and nothing of it in any log, answer, event, delivery, metric, trace,
//! file or row.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use midflight_testkit::{CertificateAuthority, Midflight, Postgres, Redis, TOKEN};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{binary, until};

/// Secrets that files have, by the name of the file.
const FILES: [(&str, &str); 6] = [
    ("llm", "canary-of-the-llm-f3b1c5d7e9a2"),
    ("hook_out", "canary-of-the-webhook-that-is-sent-0a1b2c3d"),
    ("hook_in", "canary-of-the-webhook-that-comes-in-4e5f6a7b"),
    ("tool", "canary-of-a-tool-8c9d0e1f2a3b"),
    ("jwt", "canary-of-json-web-tokens-4c5d6e7f8a9b0c1d"),
    ("short", "canary-s"),
];
/// One that a variable has.
const VARIABLE: &str = "canary-of-a-variable-5b6c7d8e9f0a";
/// The password of the store, which the server of the tests does not ask for.
const STORE: &str = "canary-of-the-store-2d3e4f5a6b7c";
/// That of the bus, which Redis refuses.
const BUS: &str = "canary-of-the-bus-6a7b8c9d0e1f";
/// What the collector is sent with each export.
const COLLECTOR: &str = "canary-of-the-collector-9e8d7c6b5a4f";
/// What the config of an application has in plain text, where it should not.
const PLAIN: &str = "canary-in-plain-text-1f2e3d4c5b6a";

/// A server that refuses every request and quotes what it was sent, as some do.
struct QuotingServer {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl QuotingServer {
    async fn start() -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&requests);
        let answer = move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let text = format!("{} {:?} {}", parts.uri, parts.headers, String::from_utf8_lossy(&body));
            kept.lock().unwrap().push(text.clone());
            (StatusCode::UNAUTHORIZED, format!("refused: {text}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Self { url, requests }
    }

    /// The bodies and headers that it was sent at a path.
    fn sent_to(&self, path: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.starts_with(path)).cloned().collect()
    }
}

struct Setup {
    server: Midflight,
    client: Client,
    /// The files with secrets.
    secrets: tempfile::TempDir,
    /// The private key of TLS, line by line.
    tls_key: Vec<String>,
    log: String,
    quoting: QuotingServer,
    /// What runs beneath, as long as the test.
    _postgres: Arc<Postgres>,
    _redis: Redis,
    /// The token that was made, which is a secret too.
    token: String,
    /// Everything that the server answered.
    answers: String,
    events: Arc<Mutex<String>>,
}

impl Setup {
    async fn start(format: &str) -> Self {
        midflight_testkit::choose_cryptography();
        let secrets = tempfile::tempdir().unwrap();
        for (name, secret) in FILES {
            std::fs::write(secrets.path().join(name), secret).unwrap();
        }
        let authority = CertificateAuthority::new();
        let (cert, key) = authority.server(&["127.0.0.1"]).write(secrets.path());
        let tls_key = std::fs::read_to_string(&key).unwrap();
        let tls_key = tls_key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
        let (postgres, redis, quoting) = (Postgres::shared(), Redis::start(), QuotingServer::start().await);
        let log = postgres.database();
        let (scheme, rest) = log.split_once("://").unwrap();
        let (user, host) = rest.split_once('@').unwrap_or(("postgres", rest));
        let user = user.split(':').next().unwrap();
        let path = |path: &Path| path.display().to_string();
        let flags = [
            format!("--store={scheme}://{user}:{STORE}@{host}"),
            format!("--bus=redis://:{BUS}@127.0.0.1:{}", redis.port()),
            format!("--reference-dir={}", path(secrets.path())),
            "--reference-env=CANARY_".to_owned(),
            format!("--jwt-secret-file={}", path(&secrets.path().join("jwt"))),
            "--jwt-issuer=https://issuer.example".to_owned(),
            "--jwt-audience=midflight".to_owned(),
            "--jwt-role-claim=role".to_owned(),
            "--jwt-role=a=viewer".to_owned(),
            format!("--tls-cert={}", path(&cert)),
            format!("--tls-key={}", path(&key)),
            "--forward-to-private=127.0.0.1".to_owned(),
            "--log=trace".to_owned(),
            format!("--log-format={format}"),
            "--audit-webhooks".to_owned(),
        ];
        let variables = [
            ("CANARY_HOOK", VARIABLE.to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{}/otlp", quoting.url)),
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer {COLLECTOR}")),
            ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50".to_owned()),
        ];
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Midflight::start_with(binary(), &flags, &variables);
        let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        let client = Client::builder().tls_certs_only([root]).build().unwrap();
        Self {
            server,
            client,
            secrets,
            tls_key,
            log,
            quoting,
            _postgres: postgres,
            _redis: redis,
            token: String::new(),
            answers: String::new(),
            events: Arc::default(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    fn reference(&self, name: &str) -> String {
        format!("${{file:{}}}", self.secrets.path().join(name).display())
    }

    /// Asks as an admin, keeps the answer, and answers its status.
    async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> u16 {
        let mut request = self.client.request(method, self.url(path)).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        self.answers += &format!("\n{path} {status} {:?}\n", response.headers());
        self.answers += &response.text().await.unwrap();
        status
    }

    async fn get(&mut self, path: &str) -> u16 {
        self.ask(Method::GET, path, None).await
    }

    async fn put(&mut self, document: &str, body: Value) -> u16 {
        self.ask(Method::PUT, &format!("/api/v1/documents/{document}"), Some(&body)).await
    }

    /// Puts a document that is refused. What its sender wrote is in the diff of the answer, for the sender alone.
    async fn refuse(&mut self, document: &str, body: &Value) {
        let request = self.client.put(self.url(&format!("/api/v1/documents/{document}"))).bearer_auth(TOKEN);
        let response = request.json(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 422, "{document} {body}");
        let mut answer: Value = response.json().await.unwrap();
        answer["diff"].take();
        self.answers += &answer.to_string();
    }

    /// Keeps what a watcher of the log is sent.
    async fn watch(&self) {
        let request = self.client.get(self.url("/api/v1/watch?since=0")).bearer_auth(TOKEN);
        let mut stream = request.send().await.unwrap();
        assert!(stream.status().is_success());
        let events = Arc::clone(&self.events);
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = stream.chunk().await {
                *events.lock().unwrap() += &String::from_utf8_lossy(&chunk);
            }
        });
    }

    /// Secrets where they belong, and where they do not.
    async fn place_all(&mut self) {
        let quoting = self.quoting.url.clone();
        let settings = json!({
            "llm": {"base_url": format!("{quoting}/llm"), "api_key": self.reference("llm"), "model": "m", "verify": false},
            "webhooks": {"ci": {"secret": self.reference("hook_in"), "action": "reload"},
                "other": {"secret": "${env:CANARY_HOOK}", "action": "reload"}},
        });
        assert_eq!(self.put("config/midflight", settings).await, 201, "{}", self.answers);
        let hook = json!({"url": format!("{quoting}/hook"), "secret": self.reference("hook_out"), "attempts_max": 1,
            "events": ["revision.live", "reload.failed", "audit.recorded"]});
        assert_eq!(self.put("webhooks/out", hook).await, 201, "{}", self.answers);
        let tool = json!({"description": "d", "input_schema": {"type": "object"}, "forward": {
            "url": format!("{quoting}/tool"), "headers": {"authorization": format!("Bearer {}", self.reference("tool"))}}});
        assert_eq!(self.put("tools/t", tool).await, 201, "{}", self.answers);
        // The server of the LLM refuses the key when it is verified, and quotes it.
        let refused = json!({"llm": {"base_url": format!("{quoting}/llm"), "api_key": self.reference("llm"), "model": "m",
            "verify": true}});
        for (document, body) in [
            ("config/midflight", refused),
            ("webhooks/bad", json!({"url": "http://127.0.0.1:1/", "secret": self.reference("short")})),
            (
                "webhooks/bad",
                json!({"url": format!("http://u:{STORE}@a.example/"), "secret": self.reference("llm")}),
            ),
            ("config/midflight", json!({"llm": {"model": self.reference("llm")}})),
            ("config/midflight", json!({"llm": {"base_url": self.reference("llm"), "model": "m"}})),
        ] {
            self.refuse(document, &body).await;
        }
    }

    /// Uses them: calls that are refused and quoted, and tokens that are right, wrong and revoked.
    async fn use_all(&mut self) {
        let made = self.client.post(self.url("/api/v1/tokens")).bearer_auth(TOKEN);
        let made = made.json(&json!({"name": "t", "role": "editor"})).send().await.unwrap();
        // The one answer that has it.
        let made: Value = made.json().await.unwrap();
        self.token = made["token"].as_str().unwrap().to_owned();
        let query = json!({"query": "what is new?"});
        self.ask(Method::POST, "/api/v1/patterns/classify", Some(&query)).await;
        self.ask(Method::POST, "/api/v1/webhooks/ci", Some(&json!({}))).await;
        let version = "2026-07-28";
        let meta = json!({"io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}});
        let params = json!({"name": "t", "arguments": {}, "_meta": meta});
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let mcp = self.client.post(self.url("/mcp")).bearer_auth(TOKEN).json(&call);
        let mcp = mcp.header("accept", "application/json, text/event-stream");
        let mcp = mcp.header("mcp-protocol-version", version).header("mcp-method", "tools/call");
        let mcp = mcp.header("mcp-name", "t").send().await.unwrap();
        self.answers += &mcp.text().await.unwrap();
        let url = self.url("/api/v1/reload");
        for token in [self.token.clone(), format!("{}x", self.token), format!("x.{}.y", FILES[4].1)] {
            let response = self.client.post(&url).bearer_auth(token).json(&json!({})).send().await.unwrap();
            self.answers += &response.text().await.unwrap();
        }
        self.ask(Method::DELETE, "/api/v1/tokens/t", None).await;
        let revoked = self.client.post(&url).bearer_auth(&self.token).json(&json!({})).send().await.unwrap();
        assert_eq!(revoked.status().as_u16(), 401);
        // What was sent to the webhook and refused is a dead letter now, with the reason.
        until(|| async {
            let answer = self.client.get(self.url("/api/v1/deliveries?state=dead")).bearer_auth(TOKEN);
            let dead: Value = answer.send().await.unwrap().json().await.unwrap();
            (dead["items"].as_array().unwrap().len() >= 3).then_some(())
        })
        .await;
    }

    /// Reads everything that can be read.
    async fn read_all(&mut self) {
        let response = self.client.get(self.url("/openapi.json")).send().await.unwrap();
        let document: Value = response.json().await.unwrap();
        let paths = document["paths"].as_object().unwrap();
        // The stream of events does not end; it is read beside this.
        let is_read =
            |path: &str, item: &Value| item.get("get").is_some() && path != "/api/v1/watch" && path != "/mcp";
        let reads = paths.iter().filter(|(path, item)| is_read(path, item)).map(|(path, _)| path.clone());
        for path in reads.collect::<Vec<_>>() {
            for (kind, name) in [("config", "midflight"), ("webhooks", "out"), ("tools", "t")] {
                let path = path.replace("{kind}", kind).replace("{name}", name).replace("{number}", "1");
                self.get(&path.replace(['{', '}'], "")).await;
            }
        }
        for number in 1..=4 {
            self.get(&format!("/api/v1/revisions/{number}")).await;
            self.get(&format!("/api/v1/revisions/{number}/diff")).await;
        }
        let dry_run = json!({"llm": {"base_url": format!("{}/llm", self.quoting.url), "api_key": self.reference("tool"),
            "model": "m"}});
        let path = "/api/v1/documents/config/midflight?dry_run=true";
        assert_eq!(self.ask(Method::PUT, path, Some(&dry_run)).await, 200, "{}", self.answers);
        for path in
            ["/metrics", "/api/v1/export", "/api/v1/config/midflight/effective", "/api/v1/audit?limit=100"]
        {
            assert_eq!(self.get(path).await, 200, "{path}");
        }
    }

    /// What a document has in plain text is in the document itself, and is hidden where its value in effect is shown.
    async fn place_plain(&mut self) {
        assert_eq!(self.put("config/app", json!({"database": {"password": PLAIN}})).await, 201);
        for path in
            ["/api/v1/config/app/effective", "/api/v1/config/app/diff?from=0", "/metrics", "/api/v1/audit"]
        {
            self.get(path).await;
        }
        self.answers = self.answers.replace(&format!("{{\"database\":{{\"password\":\"{PLAIN}\"}}}}"), "");
    }
}

/// Every file of a folder but the one with the admin token.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.ends_with("token") => {}
            false => found.push(path),
        }
    }
}

/// Every row of every table of the log.
fn rows(log: &str) -> String {
    let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'";
    let tables = Postgres::psql(log, tables).unwrap();
    let names: Vec<_> = tables.lines().collect();
    let selects: Vec<_> = names.iter().map(|name| format!("SELECT t::text FROM {name} t;")).collect();
    assert!(names.contains(&"deliveries") && names.contains(&"documents"), "{names:?}");
    Postgres::psql(log, &selects.join(" ")).unwrap()
}

/// Where a secret is in a text, with what is around it.
fn context(text: &str, secret: &str) -> Option<String> {
    let at = text.find(secret)?;
    let (from, to) = (text.floor_char_boundary(at.saturating_sub(300)), text.ceil_char_boundary(at + 100));
    Some(text[from..to].to_owned())
}

async fn check(format: &str) {
    let mut setup = Setup::start(format).await;
    setup.watch().await;
    setup.place_all().await;
    setup.use_all().await;
    setup.read_all().await;
    until(|| async { setup.events.lock().unwrap().contains("webhooks").then_some(()) }).await;
    let is_audited = |sent: &String| sent.contains("audit.recorded");
    until(|| async { setup.quoting.sent_to("/hook").iter().any(is_audited).then_some(()) }).await;
    setup.server.stop();
    let mut found = Vec::new();
    files(setup.server.folder(), &mut found);
    let rows = tokio::task::block_in_place(|| rows(&setup.log));
    let (answers, events) = (&setup.answers, setup.events.lock().unwrap().clone());
    let log = setup.server.log();
    // There is something to look through, and the secrets were where they belong.
    assert!(rows.contains("127.0.0.1") && answers.contains("midflight_webhook_attempts_total"));
    assert!(log.lines().count() > 50, "{log}");
    assert_eq!(format == "json", log.lines().next().is_some_and(|line| line.starts_with('{')), "{log}");
    let (hooks, exports) = (setup.quoting.sent_to("/hook"), setup.quoting.sent_to("/otlp"));
    assert!(exports.iter().all(|sent| sent.contains(COLLECTOR)), "{exports:?}");
    assert!(!exports.is_empty() || cfg!(not(feature = "otlp")));
    for (path, secret) in [("/llm", FILES[0].1), ("/tool", FILES[3].1)] {
        let sent = setup.quoting.sent_to(path);
        assert!(sent.iter().any(|sent| sent.contains(secret)), "{path}: {sent:?} {answers}");
    }
    // To the collector goes its own secret alone, in the header that it is for.
    let exports = exports.join("\n").replace(&format!("Bearer {COLLECTOR}"), "");
    let files: Vec<_> = found
        .iter()
        .map(|file| {
            (file.display().to_string(), String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned())
        })
        .collect();
    let places = [
        ("an answer", answers),
        ("a row", &rows),
        ("an event", &events),
        ("a delivery", &hooks.join("\n")),
        ("an export", &exports),
    ];
    let places = places.into_iter().chain(files.iter().map(|(file, text)| (file.as_str(), text)));
    let secrets = FILES.iter().map(|(_, secret)| *secret);
    let secrets = secrets.chain([VARIABLE, STORE, BUS, COLLECTOR, TOKEN, setup.token.as_str()]);
    let secrets: Vec<_> = secrets.chain(setup.tls_key.iter().map(String::as_str)).collect();
    for (place, text) in places {
        for secret in &secrets {
            assert_eq!(context(text, secret), None, "{place} has {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_anywhere_and_the_log_is_text() {
    check("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_anywhere_and_the_log_is_json() {
    check("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_plain_text_is_in_its_document_and_in_no_log_line_metric_or_audit() {
    let mut setup = Setup::start("text").await;
    setup.place_plain().await;
    setup.server.stop();
    assert!(setup.answers.contains("***"), "{}", setup.answers);
    let log = setup.server.log();
    for (place, text) in [("an answer", &setup.answers), ("the log", &log)] {
        assert_eq!(context(text, PLAIN), None, "{place}");
    }
}
