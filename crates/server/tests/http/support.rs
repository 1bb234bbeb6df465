//! A server for one test, and short ways to ask it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use midflight_config::Origin;
use midflight_server::{Backend, RunningServer, ServeOptions};
use midflight_store::Store;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    pub(crate) running: RunningServer,
    pub(crate) token: String,
    pub(crate) client: reqwest::Client,
    pub(crate) dir: tempfile::TempDir,
}

/// An answer: its status, its headers and its JSON (null when it is none).
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

pub(crate) fn options(dir: &tempfile::TempDir) -> ServeOptions {
    let mut options = ServeOptions::new(dir.path());
    options.config.listen(SocketAddr::from(([127, 0, 0, 1], 0)), Origin::Flag("--listen".to_owned()));
    options
}

pub(crate) async fn server() -> Server {
    server_with(|_| ()).await
}

pub(crate) async fn server_with(change: impl FnOnce(&mut ServeOptions)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&dir);
    change(&mut options);
    let running = midflight_server::start(options).await.unwrap();
    let token = running.first_token().unwrap_or_default().to_owned();
    Server { running, token, client: client(), dir }
}

pub(crate) async fn server_on(store: Arc<dyn Store>) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let running = midflight_server::start_on(options(&dir), Backend::of_store(store)).await.unwrap();
    let token = running.first_token().unwrap_or_default().to_owned();
    Server { running, token, client: client(), dir }
}

/// A client for HTTP.
pub(crate) fn client() -> reqwest::Client {
    midflight_testkit::choose_cryptography();
    reqwest::Client::new()
}

impl Server {
    /// Another server on the folder of this one, which has stopped.
    #[cfg(feature = "modules")]
    pub(crate) async fn again(self) -> Self {
        let running = midflight_server::start(options(&self.dir)).await.unwrap();
        Self { running, ..self }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.anonymous(Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    /// A ruleset `loans` with one rule `R1`: worth 2 points when age is at least 18.
    pub(crate) async fn with_loans(self) -> Self {
        assert_eq!(self.put("/api/v1/rulesets/loans", &json!({"default": true})).await.status, 201);
        assert_eq!(self.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 2.0)).await.status, 201);
        self
    }

    /// The revision that is served.
    pub(crate) async fn revision(&self) -> u64 {
        self.get("/api/v1/status").await.json["served_revision"].as_u64().unwrap()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = tokio::time::timeout(DEADLINE, request.send()).await.unwrap().unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
    Answer { status, headers, json }
}

impl Answer {
    /// Asserts that it is a problem of this status and code, and answers its body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), &self.json["code"]), (status, &json!(code)), "{:#}", self.json);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["type"], format!("/docs/errors/{code}"));
        assert_eq!(self.json["status"], status);
        self.json
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{:#}", self.json);
        self.json
    }
}

pub(crate) fn rule(age: i64, points: f64) -> Value {
    let condition = json!({"attribute": "age", "operator": "greater_than_or_equal", "constant": age});
    json!({
        "rule_name": "old enough", "type": "simple", "conditions": {"item": condition},
        "rule_point": points, "weight": 1, "priority": 1, "action_result": "Y"
    })
}
