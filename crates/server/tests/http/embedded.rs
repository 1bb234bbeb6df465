//! The API of a service that an axum application mounts under a prefix, beside its own routes.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use futures_util::StreamExt as _;
use midflight_server::{ServeOptions, Service};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::{Answer, answer, client, rule};

/// The application, and what it has mounted.
struct Application {
    service: Service,
    address: SocketAddr,
    token: String,
    _dir: tempfile::TempDir,
}

async fn application() -> Application {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::open(ServeOptions::new(dir.path())).await.unwrap();
    let token = service.first_token().unwrap().to_owned();
    let app = Router::new().route("/hello", get(|| async { "hello" })).nest("/midflight", service.router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Application { service, address, token, _dir: dir }
}

impl Application {
    fn url(&self, path: &str) -> String {
        format!("http://{}/midflight{path}", self.address)
    }

    async fn get(&self, path: &str) -> Answer {
        answer(client().get(self.url(path)).bearer_auth(&self.token)).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(client().put(self.url(path)).bearer_auth(&self.token).json(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_edited_beside_the_routes_of_the_application() {
    let application = application().await;
    let own = client().get(format!("http://{}/hello", application.address)).send().await.unwrap();
    assert_eq!(own.text().await.unwrap(), "hello");
    assert_eq!(application.put("/api/v1/rulesets/loans", &json!({"default": true})).await.status, 201);
    let made = application.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 2.0)).await;
    assert_eq!(made.status, 201);
    assert_eq!(application.get("/api/v1/documents/rules/loans/R1").await.json["version"], 1);
    assert_eq!(application.service.engine().served().get(), made.json["revision"].as_u64().unwrap());

    // The audit has the route without the prefix, and the address of the client.
    let audit = application.get("/api/v1/audit").await.ok();
    let entries = audit["items"].as_array().unwrap();
    let put = entries.iter().find(|entry| entry["target"] == "/api/v1/rulesets/loans/rules/R1").unwrap();
    assert_eq!(put["from"], "127.0.0.1");
    // So have the metrics.
    let metrics = client().get(application.url("/metrics")).bearer_auth(&application.token);
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("route=\"/api/v1/rulesets/{ruleset}/rules/{rule_id}\""), "{metrics}");
    application.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_bounds_are_those_of_a_server() {
    let application = application().await;
    let anonymous = answer(client().get(application.url("/api/v1/status"))).await;
    anonymous.problem(401, "unauthenticated");
    assert_eq!(answer(client().get(application.url("/health/live"))).await.status, 200, "open to all");
    let foreign = client().get(application.url("/api/v1/status")).bearer_auth(&application.token);
    answer(foreign.header("origin", "http://evil.example")).await.problem(403, "foreign_origin");
    let absent = application.get("/api/v1/nothing").await;
    absent.problem(404, "no_such_path");
    let large = json!({"default": "x".repeat(2 << 20)});
    application.put("/api/v1/rulesets/loans", &large).await.problem(413, "too_large");
    application.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_and_watchers_end_when_the_service_begins_to_stop() {
    let application = application().await;
    let mut request =
        format!("ws://{}/midflight/ws/hot-reload", application.address).into_client_request().unwrap();
    let bearer = format!("Bearer {}", application.token);
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let watch = client().get(application.url("/api/v1/watch")).bearer_auth(&application.token);
    let watch = watch.send().await.unwrap();
    assert_eq!(watch.status(), 200);
    application.service.begin_stop();
    while let Some(message) = socket.next().await {
        if message.is_err() {
            break;
        }
    }
    watch.bytes().await.unwrap();
    application.service.stop().await;
}
