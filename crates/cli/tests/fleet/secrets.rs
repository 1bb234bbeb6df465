//! A secret in every place that a secret can be in, and nothing of it in any log, answer, event, metric, file or row.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_testkit::{Midflight, Postgres, TOKEN};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::{binary, until};

/// The secrets, by where each of them is.
const SECRETS: [(&str, &str); 6] = [
    ("llm", "canary-of-the-llm-f3b1c5d7e9a2"),
    ("hook_out", "canary-of-the-webhook-that-is-sent-0a1b2c3d"),
    ("hook_in", "canary-of-the-webhook-that-comes-in-4e5f6a7b"),
    ("tool", "canary-of-a-tool-8c9d0e1f2a3b"),
    ("jwt", "canary-of-json-web-tokens-4c5d6e7f8a9b0c1d"),
    ("short", "canary-s"),
];
/// The password of the store, which the server of the tests does not ask for.
const STORE: &str = "canary-of-the-store-2d3e4f5a6b7c";

struct Setup {
    server: Midflight,
    client: Client,
    secrets: tempfile::TempDir,
    log: String,
    /// The server beneath, as long as the test.
    _postgres: Arc<Postgres>,
    /// The token that was made, which is a secret too.
    token: String,
    /// Everything that the server answered.
    answers: String,
}

impl Setup {
    fn start(format: &str) -> Self {
        midflight_testkit::choose_cryptography();
        let secrets = tempfile::tempdir().unwrap();
        for (name, secret) in SECRETS {
            std::fs::write(secrets.path().join(name), secret).unwrap();
        }
        let postgres = Postgres::shared();
        let log = postgres.database();
        let (scheme, rest) = log.split_once("://").unwrap();
        let (user, host) = rest.split_once('@').unwrap_or(("postgres", rest));
        let user = user.split(':').next().unwrap();
        let with_password = format!("{scheme}://{user}:{STORE}@{host}");
        let folder = secrets.path().display().to_string();
        let jwt = secrets.path().join("jwt").display().to_string();
        let server = Midflight::start(
            binary(),
            &[
                "--store",
                &with_password,
                "--bus",
                "postgres",
                "--reference-dir",
                &folder,
                "--jwt-secret-file",
                &jwt,
                "--jwt-issuer",
                "https://issuer.example",
                "--jwt-audience",
                "midflight",
                "--jwt-role-claim",
                "role",
                "--jwt-role",
                "a=viewer",
                "--log",
                "trace",
                "--log-format",
                format,
                "--audit-webhooks",
            ],
        );
        Self {
            server,
            client: Client::new(),
            secrets,
            log,
            _postgres: postgres,
            token: String::new(),
            answers: String::new(),
        }
    }

    fn reference(&self, name: &str) -> String {
        format!("${{file:{}}}", self.secrets.path().join(name).display())
    }

    /// Asks as an admin, keeps the answer, and answers its status.
    async fn ask(&mut self, method: Method, path: &str, body: &Value) -> u16 {
        let request = self.client.request(method, format!("{}{path}", self.server.url())).bearer_auth(TOKEN);
        let response = request.json(body).send().await.unwrap();
        let status = response.status().as_u16();
        self.answers += &format!("\n{path} {status} {:?}\n", response.headers());
        self.answers += &response.text().await.unwrap();
        status
    }

    async fn put(&mut self, document: &str, body: Value) -> u16 {
        self.ask(Method::PUT, &format!("/api/v1/documents/{document}"), &body).await
    }

    /// Secrets where they belong, and where they do not.
    async fn place_all(&mut self) {
        let settings = json!({
            "llm": {"base_url": "http://127.0.0.1:1/v1", "api_key": self.reference("llm"), "model": "m", "verify": false},
            "webhooks": {"ci": {"secret": self.reference("hook_in"), "action": "reload"}},
        });
        assert_eq!(self.put("config/midflight", settings).await, 201);
        let hook = json!({"url": "http://127.0.0.1:1/", "secret": self.reference("hook_out"), "attempts_max": 1,
            "events": ["revision.live", "reload.failed", "audit.recorded"]});
        assert_eq!(self.put("webhooks/out", hook).await, 201);
        let tool = json!({"description": "d", "input_schema": {"type": "object"}, "forward": {
            "url": "http://127.0.0.1:1/", "headers": {"authorization": format!("Bearer {}", self.reference("tool"))}}});
        assert_eq!(self.put("tools/t", tool).await, 201);
        for (document, body) in [
            ("webhooks/bad", json!({"url": "http://127.0.0.1:1/", "secret": self.reference("short")})),
            (
                "webhooks/bad",
                json!({"url": format!("http://u:{STORE}@a.example/"), "secret": self.reference("llm")}),
            ),
            ("config/midflight", json!({"llm": {"model": self.reference("llm")}})),
            ("config/midflight", json!({"llm": {"base_url": self.reference("llm"), "model": "m"}})),
        ] {
            assert_eq!(self.put(document, body.clone()).await, 422, "{document} {body}");
        }
    }

    /// Uses them: calls that fail, and tokens that are right, wrong and revoked.
    async fn use_all(&mut self) {
        let made = self.client.post(format!("{}/api/v1/tokens", self.server.url())).bearer_auth(TOKEN);
        let made = made.json(&json!({"name": "t", "role": "editor"})).send().await.unwrap();
        // The one answer that has it.
        let made: Value = made.json().await.unwrap();
        self.token = made["token"].as_str().unwrap().to_owned();
        self.ask(Method::POST, "/api/v1/patterns/classify", &json!({"query": "what is new?"})).await;
        self.ask(Method::POST, "/api/v1/webhooks/ci", &json!({})).await;
        let url = format!("{}/api/v1/reload", self.server.url());
        for token in [self.token.clone(), format!("{}x", self.token), format!("x.{}.y", SECRETS[4].1)] {
            let response = self.client.post(&url).bearer_auth(token).json(&json!({})).send().await.unwrap();
            self.answers += &response.text().await.unwrap();
        }
        self.ask(Method::DELETE, "/api/v1/tokens/t", &json!({})).await;
        let revoked = self.client.post(&url).bearer_auth(&self.token).json(&json!({})).send().await.unwrap();
        assert_eq!(revoked.status().as_u16(), 401);
        // What was sent to the webhook in vain is a dead letter now, with the reason.
        let path = "/api/v1/deliveries?state=dead";
        until(|| async {
            let answer = self.client.get(format!("{}{path}", self.server.url())).bearer_auth(TOKEN);
            let dead: Value = answer.send().await.unwrap().json().await.unwrap();
            (dead["items"].as_array().unwrap().len() >= 3).then_some(())
        })
        .await;
    }

    /// Reads everything that can be read.
    async fn read_all(&mut self) {
        let response = self.client.get(format!("{}/openapi.json", self.server.url())).send().await.unwrap();
        let document: Value = response.json().await.unwrap();
        let paths = document["paths"].as_object().unwrap();
        // Streams that do not end have what the lists have.
        let reads =
            paths.iter().filter(|(path, item)| item.get("get").is_some() && !path.ends_with("/watch"));
        for path in reads.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            for (kind, name) in [("config", "midflight"), ("webhooks", "out"), ("tools", "t")] {
                let path = path.replace("{kind}", kind).replace("{name}", name).replace("{number}", "1");
                let path = path.replace(['{', '}'], "");
                self.ask(Method::GET, &path, &Value::Null).await;
            }
        }
        for number in 1..=4 {
            self.ask(Method::GET, &format!("/api/v1/revisions/{number}"), &Value::Null).await;
            self.ask(Method::GET, &format!("/api/v1/revisions/{number}/diff"), &Value::Null).await;
        }
        self.ask(Method::GET, "/metrics", &Value::Null).await;
        self.ask(Method::GET, "/api/v1/export", &Value::Null).await;
        self.ask(Method::GET, "/api/v1/config/midflight/effective", &Value::Null).await;
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

async fn check(format: &str) {
    let mut setup = Setup::start(format);
    setup.place_all().await;
    setup.use_all().await;
    setup.read_all().await;
    setup.server.stop();
    let mut found = Vec::new();
    files(setup.server.folder(), &mut found);
    let secrets = SECRETS.iter().map(|(_, secret)| *secret).chain([STORE, TOKEN, setup.token.as_str()]);
    let rows = tokio::task::block_in_place(|| rows(&setup.log));
    assert!(rows.contains("127.0.0.1:1") && setup.answers.contains("midflight_webhook_attempts_total"));
    let log = setup.server.log();
    // What is logged at this level shows that there is something to look through.
    assert!(log.lines().count() > 50, "{log}");
    assert_eq!(format == "json", log.lines().next().is_some_and(|line| line.starts_with('{')), "{log}");
    for secret in secrets {
        let context = |text: &str| {
            let at = text.find(secret)?;
            let (from, to) =
                (text.floor_char_boundary(at.saturating_sub(300)), text.ceil_char_boundary(at + 100));
            Some(text[from..to].to_owned())
        };
        assert_eq!(context(&setup.answers), None, "an answer has {secret}");
        assert_eq!(context(&rows), None, "a row has {secret}");
        for file in &found {
            let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
            assert_eq!(context(&text), None, "{} has {secret}", file.display());
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
