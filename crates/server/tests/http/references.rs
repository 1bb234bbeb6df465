//! References in documents of the log: what an editor may refer to, and who is shown what it gives.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use midflight_app::References;
use midflight_server::{ServeOptions, Settings};
use midflight_testkit::{LlmDoes, LlmDouble};
use reqwest::Method;
use serde_json::{Value, json};

use crate::config::signed;
use crate::support::{Answer, Server, answer, options, server_with};

const OWN: &str = "/api/v1/config/midflight";
/// What nobody is to see.
const CANARY: &str = "canary-of-a-secret-that-is-long-enough";

/// A directory of secrets, each with the canary in it.
struct Secrets(tempfile::TempDir);

impl Secrets {
    fn new() -> Self {
        let secrets = Self(tempfile::tempdir().unwrap());
        secrets.write("key", CANARY);
        secrets
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// A reference to one of them.
    fn reference(&self, name: &str) -> String {
        format!("${{file:{}}}", self.0.path().join(name).display())
    }

    fn allow(&self, options: &mut ServeOptions) {
        options.config.references = References::none().directory(self.0.path()).unwrap();
    }
}

/// Asserts that an edit was refused for a reference, with the cure.
#[track_caller]
fn refused(answer: Answer, path: &str, cure: &str) {
    let problem = answer.problem(422, "invalid_document");
    let message = &problem["errors"][0];
    assert_eq!((&message["path"], &message["code"]), (&json!(path), &json!("reference")), "{problem:#}");
    assert!(message["message"].as_str().unwrap().contains(cure), "{message}");
    assert!(!problem.to_string().contains(CANARY), "{problem:#}");
}

/// Everything that can be read, and everything in the server's folder.
async fn everything(server: &Server) -> String {
    let document = server.get("/openapi.json").await.ok();
    let mut seen = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // The one that never ends shows what the others do.
        if item.get("get").is_none() || path == "/api/v1/watch" {
            continue;
        }
        let head = server.revision().await.to_string();
        let path = path.replace("{kind}", "config").replace("{name}", "midflight").replace("{number}", &head);
        let path = path.replace("{code}", "owned").replace(['{', '}'], "");
        let response = server.anonymous(Method::GET, &path).send().await.unwrap();
        seen += &format!("\n{path} {}\n{}", response.status(), response.text().await.unwrap());
    }
    let mut folders = vec![server.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => seen += &String::from_utf8_lossy(&fs::read(path).unwrap()),
            }
        }
    }
    seen
}

#[tokio::test]
async fn what_is_no_secret_refers_to_nothing() {
    let secrets = Secrets::new();
    let server = server_with(|options| secrets.allow(options)).await;
    for (path, body) in [
        ("/metrics/labels/x", json!({"metrics": {"labels": {"x": secrets.reference("key")}}})),
        ("/llm/model", json!({"llm": {"model": secrets.reference("key")}})),
        (
            "/llm/base_url",
            json!({"llm": {"model": "m", "base_url": format!("http://h/{}", secrets.reference("key"))}}),
        ),
        ("/log/output", json!({"log": {"output": secrets.reference("key")}})),
        ("/server/port", json!({"server": {"port": secrets.reference("key")}})),
        (
            "/webhooks/x/scope/0",
            json!({"webhooks": {"x": {"secret": secrets.reference("key"), "scope": [secrets.reference("key")]}}}),
        ),
    ] {
        refused(server.put(OWN, &body).await, path, "only a secret may refer");
        refused(server.put(&format!("{OWN}?dry_run=true"), &body).await, path, "only a secret may refer");
    }
    let seen = everything(&server).await;
    assert!(!seen.contains(CANARY), "{seen}");
}

#[tokio::test]
async fn a_secret_refers_to_what_the_flags_allow_and_to_nothing_else() {
    let (secrets, others) = (Secrets::new(), Secrets::new());
    let hook = |secret: &str| json!({"webhooks": {"x": {"secret": secret}}});
    let nothing = server_with(|_| ()).await;
    refused(
        nothing.put(OWN, &hook(&secrets.reference("key"))).await,
        "/webhooks/x/secret",
        "--reference-dir DIR",
    );
    refused(
        nothing.put(OWN, &hook("${file:/etc/shadow}")).await,
        "/webhooks/x/secret",
        "--reference-dir DIR",
    );
    refused(nothing.put(OWN, &hook("${env:HOME}")).await, "/webhooks/x/secret", "--reference-env PREFIX");

    let server = server_with(|options| secrets.allow(options)).await;
    refused(
        server.put(OWN, &hook(&others.reference("key"))).await,
        "/webhooks/x/secret",
        "--reference-dir DIR",
    );
    let up = format!("${{file:{}/../x}}", secrets.0.path().display());
    refused(server.put(OWN, &hook(&up)).await, "/webhooks/x/secret", "..");
    std::os::unix::fs::symlink(others.0.path().join("key"), secrets.0.path().join("link")).unwrap();
    refused(
        server.put(OWN, &hook(&secrets.reference("link"))).await,
        "/webhooks/x/secret",
        "a link to a file outside",
    );
    assert_eq!(server.put(OWN, &hook(&secrets.reference("key"))).await.status, 201);
    let seen = everything(&server).await;
    assert!(seen.contains(&secrets.reference("key")) && !seen.contains(CANARY), "{seen}");
}

#[tokio::test]
async fn a_dry_run_opens_no_connections_and_reports_it() {
    let secrets = Secrets::new();
    let server = server_with(|options| secrets.allow(options)).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let llm = |api_key: &str| {
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        json!({"llm": {"model": "m", "base_url": base_url, "api_key": api_key}})
    };
    let dry = format!("{OWN}?dry_run=true");
    let tried = server.put(&dry, &llm(&secrets.reference("key"))).await.ok();
    assert_eq!((&tried["dry_run"], &tried["not_tried"][0]), (&json!(true), &json!("llm")), "{tried:#}");
    refused(server.put(&dry, &llm("${file:/etc/shadow}")).await, "/llm/api_key", "--reference-dir DIR");
    // An edit that waits is tried in the same way.
    let later = format!("{OWN}?not_before=2999-01-01T00:00:00Z");
    let waits = server.put(&later, &llm(&secrets.reference("key"))).await;
    assert_eq!(
        (waits.status.as_u16(), &waits.json["not_tried"][0]),
        (202, &json!("llm")),
        "{:#}",
        waits.json
    );
    let came = listener.accept().map(drop).unwrap_err();
    assert_eq!(came.kind(), std::io::ErrorKind::WouldBlock, "nobody connected");
}

#[tokio::test]
async fn a_refused_edit_leaves_no_secret_behind() {
    let (secrets, double) = (Secrets::new(), LlmDouble::start());
    let server = server_with(|options| secrets.allow(options)).await;
    double.next([LlmDoes::Says(400, "", CANARY.to_owned()), LlmDoes::Says(400, "", String::new())]);
    let body = |base_url: String, key: &str| {
        json!({
            "llm": {"model": "m", "base_url": base_url, "api_key": secrets.reference("key")},
            "webhooks": {"x": {"secret": secrets.reference(key)}}
        })
    };
    server.put(OWN, &body(double.base_url(), "key")).await.problem(422, "rejected");
    assert!(double.asked().iter().any(|asked| asked.authorization.contains(CANARY)));
    // A component does not know the secrets of the others, and says what it was given.
    let other = "another-secret-that-is-long-enough";
    secrets.write("other", other);
    let base_url = double.base_url().replace("/v1", &format!("/{other}/v1"));
    let problem = server.put(OWN, &body(base_url, "other")).await.problem(422, "rejected");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("/***/v1") && !message.contains(other), "{message}");
    for path in ["/api/v1/status", "/api/v1/reloads"] {
        let seen = server.get(path).await.ok().to_string();
        assert!(seen.contains("/***/v1") && !seen.contains(other), "{seen}");
    }
    // What does not fit is quoted by serde, and by what reads a URL.
    secrets.write("url", &format!("postgres://anna:{CANARY}@[::x/log"));
    let body = json!({"database": {"url": secrets.reference("url")}});
    let problem = server.put(OWN, &body).await.problem(422, "invalid_document");
    let seen = format!("{problem:#}{}", everything(&server).await);
    assert!(seen.contains("/database/url") && !seen.contains(CANARY), "{seen}");
}

#[tokio::test]
async fn a_webhook_changes_what_its_scope_allows_and_never_the_servers_config() {
    const KEY: &str = "a secret that nobody can guess";
    let secrets = Secrets::new();
    secrets.write("hook", KEY);
    let server = server_with(|options| secrets.allow(options)).await;
    let hooks = json!({"webhooks": {
        "all": {"secret": secrets.reference("hook"), "action": "apply"},
        "loans": {"secret": secrets.reference("hook"), "action": "apply", "scope": ["config/loans/*"]}
    }});
    assert_eq!(server.put(OWN, &hooks).await.status, 201);
    let mut sent = 0;
    let mut call = |hook: &str, kind: &str, name: &str, body: Value| {
        sent += 1;
        let changes =
            json!({"changes": [{"op": "put", "kind": kind, "name": name, "body": body}]}).to_string();
        let now = jiff::Timestamp::now().as_second();
        answer(signed(&server, hook, &format!("m{sent}"), now, &changes))
    };
    let labels = json!({"metrics": {"labels": {"x": "y"}}});
    for hook in ["all", "loans"] {
        let problem = call(hook, "config", "midflight", labels.clone()).await.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("no webhook may"), "{problem:#}");
    }
    let change = json!({"op": "put", "kind": "config", "name": "midflight", "body": labels});
    let later = json!({"not_before": "2999-01-01T00:00:00Z", "changes": [change]});
    call("all", "schedules", "later", later).await.problem(403, "forbidden");
    assert_eq!(call("all", "config", "shop", json!({"n": 1})).await.status, 201);
    let problem = call("loans", "config", "shop", json!({"n": 2})).await.problem(403, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("add it to the scope"), "{problem:#}");
    assert_eq!(call("loans", "config", "loans/a", json!({"n": 1})).await.status, 201);
    assert_eq!(server.get(OWN).await.ok()["body"], hooks);
}

/// Where a document has secrets, by their type.
fn secret_places() -> Vec<String> {
    let full = json!({
        "llm": {"model": "m", "api_key": "x"}, "bus": {"nats_url": "x"}, "redis": {"url": "x"},
        "database": {"url": "x"}, "webhooks": {"x": {"secret": "x"}}
    });
    let full: Settings = serde_json::from_value(full).unwrap();
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found));
            }
            value if value == "***" => found.push(at.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    places(&serde_json::to_value(full).unwrap(), "", &mut found);
    found
}

#[tokio::test]
async fn no_view_shows_what_any_secret_refers_to() {
    let secrets = Secrets::new();
    let server = server_with(|options| secrets.allow(options)).await;
    // A secret that is new has to be put here, with a text that it takes.
    let texts = [
        ("/bus/nats_url", format!("nats://anna:{CANARY}@127.0.0.1:1")),
        ("/database/url", format!("postgres://anna:{CANARY}@127.0.0.1:1/x")),
        ("/llm/api_key", CANARY.to_owned()),
        ("/redis/url", format!("redis://anna:{CANARY}@127.0.0.1:1")),
        ("/webhooks/x/secret", format!("{CANARY} and so on")),
    ];
    assert_eq!(secret_places(), texts.iter().map(|(place, _)| *place).collect::<Vec<_>>());
    for (place, text) in &texts {
        secrets.write(&place.replace('/', "_"), text);
    }
    let secret = |place: &str| secrets.reference(&place.replace('/', "_"));
    let body = |base_url: &str, verify: bool| {
        json!({
            "bus": {"nats_url": secret("/bus/nats_url")}, "database": {"url": secret("/database/url")},
            "llm": {"model": "m", "base_url": base_url, "verify": verify, "api_key": secret("/llm/api_key")},
            "redis": {"url": secret("/redis/url")}, "webhooks": {"x": {"secret": secret("/webhooks/x/secret")}}
        })
    };
    assert_eq!(server.put(OWN, &body("http://127.0.0.1:1/v1", false)).await.status, 201);
    let refused = server.put(OWN, &body("http://127.0.0.1:1/v1", true)).await.problem(422, "rejected");
    let reload = server.post("/-/reload", &json!({})).await.json;
    let seen = format!("{refused}{reload}{}", everything(&server).await);
    for (place, _) in &texts {
        assert!(seen.contains(&secret(place)), "{place} is shown as the reference that it is");
    }
    assert!(!seen.contains(CANARY), "{seen}");
}

/// Stops a server and starts it again on its folder.
async fn again(server: Server, change: impl FnOnce(&mut ServeOptions)) -> Server {
    server.running.stop().await;
    let Server { token, client, dir, .. } = server;
    let mut options = options(&dir);
    change(&mut options);
    let running = midflight_server::start(options).await.unwrap();
    Server { running, token, client, dir }
}

/// What is wrong with a server.
async fn degraded(server: &Server) -> String {
    server.get("/health/hot-reload").await.json["degraded"].to_string()
}

async fn until_well(server: &Server) {
    let well = async {
        while degraded(server).await != "[]" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, well).await.unwrap();
}

#[tokio::test]
async fn a_start_with_a_missing_reference_uses_the_last_good_config() {
    let secrets = Secrets::new();
    let server = server_with(|options| secrets.allow(options)).await;
    assert_eq!(server.put(OWN, &json!({"tokens": {"refresh_ms": 700}})).await.status, 201);
    let hook = json!({"secret": secrets.reference("key")});
    server.put(OWN, &json!({"tokens": {"refresh_ms": 800}, "webhooks": {"x": hook}})).await.ok();
    let ttl = async |server: &Server| {
        server.get(&format!("{OWN}/effective")).await.ok()["value"]["tokens"]["refresh_ms"].clone()
    };
    assert_eq!(ttl(&server).await, 800);

    let server = again(server, |_| ()).await;
    assert_eq!(ttl(&server).await, 700, "it serves the version before");
    let wrong = degraded(&server).await;
    assert!(
        wrong.contains("config/midflight of revision 2") && wrong.contains("--reference-dir DIR"),
        "{wrong}"
    );
    let health = server.get("/health/reload").await;
    assert_eq!((health.status.as_u16(), &health.json["status"]), (503, &json!("validation_failed")));
    assert_eq!(health.json["problems"][0]["path"], "/webhooks/x/secret");
    assert_eq!(server.get("/health/ready").await.status, 200);

    // It follows on when the document is put right,
    server.put(OWN, &json!({"tokens": {"refresh_ms": 900}})).await.ok();
    assert_eq!((ttl(&server).await, degraded(&server).await), (json!(900), "[]".to_owned()));

    // and when what it refers to is there.
    let server = again(server, |options| secrets.allow(options)).await;
    server.put(OWN, &json!({"tokens": {"refresh_ms": 800}, "webhooks": {"x": hook}})).await.ok();
    fs::remove_file(secrets.0.path().join("key")).unwrap();
    let server = again(server, |options| secrets.allow(options)).await;
    assert_eq!(ttl(&server).await, 900);
    secrets.write("key", CANARY);
    until_well(&server).await;
    assert_eq!(ttl(&server).await, 800);
}

#[tokio::test]
async fn a_start_without_a_good_version_of_the_config_uses_the_defaults() {
    let secrets = Secrets::new();
    let server = server_with(|options| secrets.allow(options)).await;
    let hook = json!({"secret": secrets.reference("key")});
    assert_eq!(server.put(OWN, &json!({"webhooks": {"x": hook}})).await.status, 201);
    let server = again(server, |_| ()).await;
    let effective = server.get(&format!("{OWN}/effective")).await.ok();
    assert_eq!(effective["value"]["webhooks"], json!({}));
    assert!(degraded(&server).await.contains("config/midflight of revision 1"));
}

#[tokio::test]
async fn the_operators_file_refers_to_anything_and_stops_the_start_when_it_is_wrong() {
    let secrets = Secrets::new();
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("midflight.yaml");
    let of_file = |options: &mut ServeOptions| options.config.file = Some(file.clone());
    let write = |file: &Path, text: String| fs::write(file, text).unwrap();
    write(&file, format!("metrics: {{labels: {{zone: \"{}\"}}}}\n", secrets.reference("key")));
    let server = server_with(of_file).await;
    let metrics = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(&format!("zone=\"{CANARY}\"")), "what the operator shows is shown");
    // The same file after a forced look, and a file that is refused between.
    let force = json!({"force": true});
    server.post("/api/v1/rules/hot-reload/reload", &force).await.ok();
    write(&file, "metrics: {enabled: maybe}\n".to_owned());
    assert_eq!(server.post("/-/reload", &json!({})).await.status, 422);
    server.post("/api/v1/rules/hot-reload/reload", &force).await.ok();
    // The document of the file is the operator's; one that an editor puts in its place is not.
    let body = json!({"metrics": {"labels": {"zone": secrets.reference("key"), "x": "y"}}});
    let taken = server.put(&format!("{OWN}?take_over=true"), &body).await;
    refused(taken, "/metrics/labels/zone", "only a secret may refer");

    write(&file, "webhooks: {x: {secret: \"${env:MIDFLIGHT_TEST_UNSET}\"}}\n".to_owned());
    server.running.stop().await;
    let mut options = options(&server.dir);
    of_file(&mut options);
    let error = midflight_server::start(options).await.map(drop).unwrap_err().to_string();
    assert!(
        error.contains(
            "midflight.yaml:1:24: at /webhooks/x/secret: the variable MIDFLIGHT_TEST_UNSET is not set"
        ),
        "{error}"
    );
}
