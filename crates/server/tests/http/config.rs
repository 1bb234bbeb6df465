//! Configs over HTTP: named ones with a schema, and the server's own with all that follows it.

use std::fs;
use std::time::Duration;

use midflight_config::Origin;
use midflight_source::FileOptions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, answer, server, server_with};
use midflight_server::ServeOptions;

/// A server whose config is a file of this text.
async fn server_of(text: &str) -> (Server, tempfile::TempDir) {
    server_of_with(text, |_| {}).await
}

async fn server_of_with(text: &str, set: impl FnOnce(&mut ServeOptions)) -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("midflight.yaml");
    fs::write(&file, text).unwrap();
    let server = server_with(|options| {
        options.config.file = Some(file);
        // What is noticed is noticed because the system told of it.
        let poll = Duration::from_secs(3600);
        options.config.file_options = FileOptions { poll, ..FileOptions::default() };
        set(options);
    })
    .await;
    (server, dir)
}

async fn reload(server: &Server) -> (u16, Value) {
    let answer = server.post("/-/reload", &json!({})).await;
    (answer.status.as_u16(), answer.json)
}

#[tokio::test]
async fn a_config_whose_paths_are_far_longer_than_its_document_is_not_written_out() {
    let server = server_with(|options| options.limits.answer_bytes_max = 64 << 10).await;
    let leaves: serde_json::Map<String, Value> = (0..100).map(|n| (n.to_string(), json!(n))).collect();
    let shop = |key: usize| {
        let mut body = json!({});
        body["k".repeat(key)] = leaves.clone().into();
        body
    };
    assert_eq!(server.put("/api/v1/config/shop", &shop(100)).await.status, 201);
    let keys = server.get("/api/v1/config/shop/effective").await.ok()["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 100);
    server.put("/api/v1/config/shop", &shop(1000)).await.ok();
    let refused = server.get("/api/v1/config/shop/effective").await.problem(413, "too_large");
    assert!(refused["detail"].as_str().unwrap().contains("65536 bytes"), "{refused}");
    assert!(server.get("/api/v1/config").await.ok()["items"][1]["digest"].is_string());
    server.get("/api/v1/config/none/effective").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_named_config_is_validated_patched_compared_and_rolled_back() {
    let server = server().await;
    let schema = json!({"type": "object", "properties": {
        "port": {"type": "integer", "minimum": 1, "default": 80, "x-reload": "restart"},
        "key": {"type": "string", "writeOnly": true},
        "level": {"enum": ["info", "debug"]}
    }});
    assert_eq!(server.put("/api/v1/documents/config/schemas/shop", &schema).await.status, 201);
    let made = server.put("/api/v1/config/shop", &json!({"level": "info", "key": "${env:KEY}"})).await;
    assert_eq!((made.status.as_u16(), made.json["revision"].clone()), (201, json!(2)));

    let refused =
        server.put("/api/v1/config/shop", &json!({"levle": "info", "key": "hunter2", "port": 0})).await;
    let problem = refused.problem(422, "invalid_document");
    let message: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|it| it["path"].clone()).collect();
    assert_eq!(message, ["/key", "/levle", "/port"]);
    assert!(!problem.to_string().contains("hunter2"));

    let patch = |body: Value| answer(server.request(Method::PATCH, "/api/v1/config/shop").json(&body));
    patch(json!({"level": "debug", "port": 81, "key": null})).await.ok();
    let body = server.get("/api/v1/config/shop").await.ok()["body"].clone();
    assert_eq!(body, json!({"level": "debug", "port": 81}));
    assert_eq!(patch(json!([1])).await.status, 422);
    let stale =
        server.request(Method::PATCH, "/api/v1/config/shop").header("if-match", "\"1\"").json(&json!({}));
    answer(stale).await.problem(412, "precondition_failed");

    let diff = server.get("/api/v1/config/shop/diff").await.ok();
    assert_eq!(
        diff["changes"],
        json!([
            {"path": "/key", "from": "${env:KEY}", "to": null, "takes": "live"},
            {"path": "/level", "from": "info", "to": "debug", "takes": "live"},
            {"path": "/port", "from": null, "to": 81, "takes": "restart"}
        ])
    );
    let effective = server.get("/api/v1/config/shop/effective").await.ok();
    assert_eq!(
        effective["keys"][1],
        json!({"path": "/port", "value": 81, "origin": "document", "takes": "restart"})
    );

    let back = server.post("/api/v1/config/shop/rollback", &json!({"revision": 2})).await.ok();
    assert_eq!(back["revision"], 4);
    assert_eq!(server.get("/api/v1/config/shop").await.ok()["body"]["level"], "info");
    let nowhere = server.post("/api/v1/config/shop/rollback", &json!({"revision": 1})).await;
    nowhere.problem(404, "not_found");
    server.get("/api/v1/config/none/effective").await.problem(404, "not_found");
    server.get("/api/v1/config/schemas%2Fshop").await.problem(400, "invalid_name");
    let list = server.get("/api/v1/config").await.ok();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["midflight", "shop"]);
}

#[tokio::test]
async fn the_servers_own_config_follows_its_file_and_reports_by_hash() {
    let (server, dir) = server_of("metrics: {labels: {zone: a}}\n").await;
    let file = dir.path().join("midflight.yaml");
    let health = async || {
        let answer = server.get("/health/reload").await;
        (answer.status.as_u16(), answer.json)
    };
    let (status, first) = health().await;
    assert_eq!((status, &first["status"], &first["trigger"]), (200, &json!("success"), &json!("startup")));
    let metrics = async || server.anonymous(Method::GET, "/metrics").send().await.unwrap();
    assert!(metrics().await.text().await.unwrap().contains("midflight_desired_revision{zone=\"a\"} 1"));

    fs::write(&file, "metrics: {enabled: false}\n").unwrap();
    let (status, changed) = reload(&server).await;
    // The watch of the file may have been faster; then this look finds nothing new.
    assert!(
        status == 200 && [json!("success"), json!("unchanged")].contains(&changed["status"]),
        "{changed}"
    );
    assert_ne!(changed["hash"], first["hash"]);
    assert_eq!(changed["hash"], changed["served_hash"]);
    assert_eq!(metrics().await.status(), 404);
    server.get("/api/v1/metrics/history").await.problem(404, "not_found");

    fs::write(&file, "metrics: {enabled: false}\n# a comment\n").unwrap();
    let (_, comment) = reload(&server).await;
    assert!(comment["status"] == "unchanged" && comment["hash"] != changed["hash"], "{comment}");

    fs::write(&file, "metrics:\n  enabled: maybe\n").unwrap();
    let (status, refused) = reload(&server).await;
    assert_eq!((status, &refused["status"]), (422, &json!("validation_failed")));
    assert_eq!(refused["served_hash"], comment["hash"]);
    let problem = &refused["problems"][0];
    assert_eq!((&problem["path"], &problem["line"]), (&json!("/metrics/enabled"), &json!(2)));
    let (status, health) = health().await;
    assert_eq!(
        (status, &health["status"], &health["hash"]),
        (503, &json!("validation_failed"), &refused["hash"])
    );
    assert_eq!(server.get("/health/ready").await.status, 200, "it serves on");
    assert_eq!(metrics().await.status(), 404);

    // The document belongs to the file: an edit past it says so.
    let past = server.put("/api/v1/config/midflight", &json!({})).await;
    assert!(past.problem(409, "owned")["detail"].as_str().unwrap().contains("file:"));
    let no_one = answer(server.anonymous(Method::POST, "/-/reload")).await;
    no_one.problem(401, "unauthenticated");
}

#[tokio::test]
async fn who_may_not_read_learns_of_the_config_what_is_in_effect_and_nothing_else() {
    let server = server_with(|options| options.require_token = true).await;
    let body = json!({"metrics": {"labels": {"zone": "a"}}});
    assert!(server.put("/api/v1/config/midflight", &body).await.status.is_success());
    let full = answer(server.request(Method::GET, "/health/reload")).await.ok();
    assert_eq!(full["triggered_by"], "admin", "{full:#}");
    for member in ["components", "behind", "masked", "problems"] {
        assert!(full[member].is_array(), "{member}: {full:#}");
    }
    let open = server.get("/health/reload").await.ok();
    let mut members: Vec<_> = open.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected =
        ["at", "hash", "restart_required", "revision", "served_hash", "status", "took_ms", "trigger"];
    assert_eq!(members, expected);
    assert_eq!((&open["status"], &open["hash"]), (&full["status"], &full["hash"]));
    // A token that is not known is refused, as everywhere.
    answer(server.anonymous(Method::GET, "/health/reload").bearer_auth("mf_wrong"))
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_edit_reports_masked_keys_and_those_that_need_a_restart() {
    let server = server_with(|options| {
        let variables = [("MIDFLIGHT_TOKENS__REFRESH_MS".to_owned(), "500".to_owned())];
        options.config.variables(variables).cover("/log/level", "warn", Origin::Flag("--log".into()));
    })
    .await;
    let body = json!({"tokens": {"refresh_ms": 700}, "log": {"level": "debug", "output": "stdout"}, "metrics": {"enabled": true}});
    let made = server.put("/api/v1/config/midflight", &body).await;
    assert_eq!(
        made.json["config"],
        json!({
            "masked": [
                {"path": "/tokens/refresh_ms", "by": "env MIDFLIGHT_TOKENS__REFRESH_MS"},
                {"path": "/log/level", "by": "flag --log"}
            ],
            "restart_required": ["/log/output"]
        })
    );
    let effective = server.get("/api/v1/config/midflight/effective").await.ok();
    assert_eq!(
        (&effective["value"]["log"]["level"], &effective["value"]["tokens"]["refresh_ms"]),
        (&json!("warn"), &json!(500))
    );
    let health = server.get("/health/reload").await.ok();
    assert_eq!(
        (&health["restart_required"], &health["served_hash"]),
        (&json!(["/log/output"]), &health["hash"])
    );
    // It is taken back, and nothing waits any more.
    server.post("/api/v1/revisions/0/restore", &json!({"kind": "config"})).await;
    let body = json!({"log": {"level": "warn"}});
    let made = server.put("/api/v1/config/midflight", &body).await;
    assert_eq!(made.json["config"], json!({"masked": [], "restart_required": []}));
}

#[tokio::test]
async fn a_bad_config_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let start = async |text: &str| {
        let file = dir.path().join("midflight.yaml");
        fs::write(&file, text).unwrap();
        let mut options = crate::support::options(&dir);
        options.config.file = Some(file);
        midflight_server::start(options).await.map(drop).unwrap_err().to_string()
    };
    for (text, expected) in [
        ("log: {levle: info}\n", "midflight.yaml:1:14: at /log/levle: unknown key \"levle\"; did you mean"),
        ("log: [\n", "midflight.yaml:"),
        ("storage: {backend: postgres}\n", "at /database/url: invalid URL"),
        ("llm: {model: m, api_key: sk-123}\n", "/llm/api_key: api_key is a secret"),
    ] {
        let error = start(text).await;
        assert!(error.starts_with("the config is not valid:") && error.contains(expected), "{error}");
        assert!(!error.contains("sk-123"), "{error}");
    }
}

#[tokio::test]
async fn variables_that_no_config_is_good_with_stop_the_start() {
    let server = server_with(|options| {
        let variables = [("MIDFLIGHT_LOG__LEVEL".to_owned(), "info".to_owned())];
        options.config.variables(variables);
    })
    .await;
    let made = server.put("/api/v1/config/midflight", &json!({"tokens": {"refresh_ms": 1000}})).await;
    assert_eq!(made.status, 201);
    server.running.stop().await;
    // Without any document it is wrong too: it was given where the process is started.
    let mut options = crate::support::options(&server.dir);
    options.config.variables([("MIDFLIGHT_DATABASE__MAX_CONNS".to_owned(), "0".to_owned())]);
    let error = midflight_server::start(options).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("takes 1 to 1000 (from env MIDFLIGHT_DATABASE__MAX_CONNS)"), "{error}");
}

#[tokio::test]
async fn an_llm_that_is_not_there_is_refused_and_nothing_else_changes() {
    let server = server().await;
    let port = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let body = json!({"llm": {"model": "m", "base_url": format!("http://127.0.0.1:{port}/v1")}, "metrics": {"enabled": false}});
    let refused = server.put("/api/v1/config/midflight", &body).await;
    let problem = refused.problem(422, "rejected");
    assert_eq!(problem["errors"][0]["path"], "/llm/base_url");
    assert_eq!(server.get("/metrics").await.status, 200);
    let reloads = server.get("/api/v1/reloads?outcome=rejected").await.ok();
    let llm = &reloads["items"][0]["components"][0];
    assert_eq!((&llm["name"], &llm["state"]), (&json!("llm"), &json!("refused")));
}

/// Signs a request as the Standard Webhooks specification says.
pub(crate) fn signed(server: &Server, name: &str, id: &str, at: i64, body: &str) -> reqwest::RequestBuilder {
    use base64::Engine as _;
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    server
        .anonymous(Method::POST, &format!("/api/v1/webhooks/{name}"))
        .header("webhook-id", id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", format!("v1,{signature}"))
        .body(body.to_owned())
}

const SECRET: &str = "a secret that nobody can guess";

#[tokio::test]
async fn signed_webhooks_reload_and_edit_and_do_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, SECRET).unwrap();
    let text = format!(
        "webhooks:\n  git: {{secret: \"${{file:{0}}}\"}}\n  crm: {{secret: \"${{file:{0}}}\", action: apply}}\n",
        key.display()
    );
    let (server, config) = server_of(&text).await;
    let now = jiff::Timestamp::now().as_second();

    fs::write(config.path().join("midflight.yaml"), format!("{text}metrics: {{enabled: false}}\n")).unwrap();
    let message = answer(signed(&server, "git", "m1", now, "")).await.ok();
    assert_eq!((&message["trigger"], &message["triggered_by"]), (&json!("webhook"), &json!("webhook:git")));
    assert_eq!(server.get("/metrics").await.status, 404);
    assert_eq!(answer(signed(&server, "git", "m1", now, "")).await.ok(), json!({"outcome": "repeated"}));

    // A webhook that may edit gets no reload by that, as an editor does not.
    let reload = json!({"reload": true, "window": {"cron": "* * * * *"}});
    let reload = json!({"changes": [{"op": "put", "kind": "schedules", "name": "s", "body": reload}]});
    let refused = answer(signed(&server, "crm", "m1", now, &reload.to_string())).await;
    let refused = refused.problem(403, "forbidden");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("\"webhook:crm\" has no role") && detail.contains("operator, admin"), "{detail}");

    let change =
        json!({"changes": [{"op": "put", "kind": "config", "name": "shop", "body": {"n": 1}}]}).to_string();
    let made = answer(signed(&server, "crm", "m2", now, &change)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let number = made.json["revision"].as_u64().unwrap();
    let revision = server.get(&format!("/api/v1/revisions/{number}")).await.ok();
    assert_eq!(
        (&revision["revision"]["author"], &revision["revision"]["trigger"]),
        (&json!("webhook:crm"), &json!("webhook"))
    );
    // Changed since; what comes again does not bring it back, here or on a replica that has not heard of it.
    server.put("/api/v1/config/shop", &json!({"n": 2})).await.ok();
    let again = answer(signed(&server, "crm", "m2", now, &change)).await.ok();
    assert_eq!(again, json!({"outcome": "repeated", "revision": number}));
    assert_eq!(server.get("/api/v1/config/shop").await.ok()["body"], json!({"n": 2}));

    // Delivered several times at once, and each of them would change something.
    let head = server.revision().await;
    let appends = (0..8).map(|n| {
        let body =
            json!({"changes": [{"op": "put", "kind": "config", "name": "shop", "body": {"n": 10 + n}}]});
        answer(signed(&server, "crm", "m2b", now, &body.to_string()))
    });
    let answers = futures_util::future::join_all(appends).await;
    assert_eq!(server.revision().await, head + 1, "it is made once");
    for answer in answers {
        let outcome = answer.json["outcome"].as_str();
        assert!(matches!(outcome, Some("success" | "repeated")), "{}", answer.json);
        assert_eq!(answer.json["revision"], head + 1);
    }

    let bad =
        json!({"changes": [{"op": "put", "kind": "rules", "name": "x/y", "body": {"no": 1}}]}).to_string();
    answer(signed(&server, "crm", "m3", now, &bad)).await.problem(422, "invalid_document");
    answer(signed(&server, "crm", "m4", now, "{")).await.problem(400, "malformed_body");
    answer(signed(&server, "crm", "m5", now - 600, &change)).await.problem(401, "unauthenticated");
    answer(signed(&server, "crm", "m6", now, &change).body("{}")).await.problem(401, "unauthenticated");
    answer(signed(&server, "none", "m7", now, "")).await.problem(404, "not_found");
}

#[tokio::test]
async fn requests_that_nobody_signed_do_not_block_signed_ones() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    fs::write(&key, SECRET).unwrap();
    let secret = format!("{{secret: \"${{file:{}}}\", action: apply}}", key.display());
    let text = format!("webhooks:\n  git: {secret}\n  crm: {secret}\n");
    let (server, _config) = server_of_with(&text, |options| options.limits.reloads_per_second_max = 1).await;
    let now = jiff::Timestamp::now().as_second();
    let change = |n: u32| {
        json!({"changes": [{"op": "put", "kind": "config", "name": "shop", "body": {"n": n}}]}).to_string()
    };

    // Two seconds' worth are answered 401, and the rest 429; how many of each depends on how fast they are.
    let refusals =
        (0..20).map(|n| answer(signed(&server, "git", &format!("g{n}"), now, "{}").body("garbage")));
    let refusals = futures_util::future::join_all(refusals).await;
    assert!(refusals.iter().all(|it| matches!(it.status.as_u16(), 401 | 429)));
    assert!(refusals.iter().any(|it| it.status == 401) && refusals.iter().any(|it| it.status == 429));

    for name in ["git", "crm"] {
        let made = answer(signed(&server, name, "m1", now, &change(1))).await;
        assert!(made.status.is_success(), "{name}: {} {}", made.status, made.json);
    }
    // Each webhook has a rate of its own, and those that are signed are bounded too.
    let made = (0..20).map(|n| answer(signed(&server, "git", &format!("n{n}"), now, &change(n))));
    let made = futures_util::future::join_all(made).await;
    let problem = made.into_iter().find(|it| it.status == 429).unwrap().problem(429, "too_many_requests");
    assert!(problem["detail"].as_str().unwrap().contains("\"webhook:git\""), "{problem}");
    let crm = answer(signed(&server, "crm", "m2", now, &change(30))).await;
    assert!(crm.status.is_success(), "{} {}", crm.status, crm.json);
}

#[tokio::test]
async fn a_removed_key_leaves_no_trace() {
    let server = server().await;
    let keys = async || {
        let effective = server.get("/api/v1/config/midflight/effective").await.ok();
        assert_eq!(effective["restart_required"], json!([]), "{effective:#}");
        let keys = effective["keys"].as_array().unwrap().iter();
        keys.map(|key| key["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = keys().await;
    assert!(before.iter().any(|key| key.starts_with("/log/")), "{before:?}");
    let started = server.get("/health/reload").await.ok();
    assert_eq!((&started["trigger"], &started["hash"]), (&json!("startup"), &json!(null)));
    let mut hashes = Vec::new();
    for level in [json!("debug"), json!(null)] {
        let patch = json!({"log": {"level": level}});
        let path = "/api/v1/config/midflight";
        let patched = answer(server.request(Method::PATCH, path).json(&patch)).await;
        assert!(patched.status.is_success(), "{:#}", patched.json);
        assert_eq!(patched.json["config"]["restart_required"], json!([]), "{:#}", patched.json);
        assert_eq!(keys().await, before);
        // The hash and the time are of the same reload.
        let report = server.get("/health/reload").await.ok();
        assert_eq!((&report["trigger"], &report["triggered_by"]), (&json!("api_update"), &json!("admin")));
        assert!(report["at"].as_str() > started["at"].as_str(), "{report:#}");
        assert_eq!(report["hash"], report["served_hash"]);
        hashes.push(report["hash"].clone());
    }
    assert!(hashes[0].is_string() && hashes[0] != hashes[1], "{hashes:?}");
}

#[tokio::test]
async fn what_has_the_name_of_a_secret_is_not_shown_where_nothing_is_declared() {
    let server = server().await;
    let body = json!({"db": {"password": "hunter2", "user": "app"}, "hosts": [{"apiKey": 7}], "max_tokens": 9,
        "credentials": {"user": "https://x/hunter2", "of": ["hunter2"], "use": true}, "token": "${env:TOKEN}"});
    let made = server.put("/api/v1/config/shop", &body).await;
    let paths = ["/credentials/of/0", "/credentials/user", "/db/password", "/hosts/0/apiKey"];
    let message: Vec<_> = paths.iter().map(|path| json!({"config": "shop", "path": path})).collect();
    let message = json!(message);
    assert_eq!(made.json["config"]["literal_secrets"], message, "{:#}", made.json);
    let effective = server.get("/api/v1/config/shop/effective").await.ok();
    assert_eq!(
        effective["value"],
        json!({"db": {"password": "***", "user": "app"}, "hosts": [{"apiKey": "***"}], "max_tokens": 9,
            "credentials": {"user": "***", "of": ["***"], "use": true}, "token": "${env:TOKEN}"})
    );
    assert!(!effective.to_string().contains("hunter2"), "{effective:#}");
    let diff = server.get("/api/v1/config/shop/diff").await.ok();
    assert!(!diff["changes"].to_string().contains("hunter2"), "{diff:#}");
    let plain = server.put("/api/v1/config/shop", &json!({"user": "app"})).await.ok();
    assert!(plain.get("config").is_none(), "{plain:#}");
}

#[tokio::test]
async fn every_problem_of_a_config_is_reported_at_once() {
    let server = server().await;
    let body = json!({"llm": {"model": "m", "api_key": "sk-123"}, "redis": {"url": "redis://:hunter2@h"},
        "metrics": {"labels": {"1": "x"}}, "log": {"level": "loud"}});
    let refused = server.put("/api/v1/config/midflight", &body).await.problem(422, "invalid_document");
    let mut paths: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/llm/api_key", "/log/level", "/metrics/labels/1", "/redis/url"], "{refused:#}");
}

#[tokio::test]
async fn metrics_have_a_path_and_a_port_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("midflight.yaml");
    fs::write(&file, "server: {host: localhost}\nmetrics: {path: /internal/metrics, port: 0}\n").unwrap();
    let server = server_with(|options| options.config.file = Some(file)).await;
    let address = server.running.metrics_address().unwrap();
    assert!(address.ip().is_loopback() && address != server.running.address());
    let own = format!("http://{address}");
    for (url, path, status) in [
        (server.running.url(), "/metrics", 200),
        (server.running.url(), "/internal/metrics", 200),
        (server.running.url(), "/internal/metrics/x", 404),
        (&*own, "/metrics", 200),
        (&*own, "/internal/metrics?x=1", 200),
        (&*own, "/health/live", 404),
        (&*own, "/api/v1/status", 404),
    ] {
        let answer = server.client.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{url}{path}");
        let is_metrics = answer.text().await.unwrap().contains("midflight_desired_revision");
        assert_eq!(is_metrics, status == 200, "{url}{path}");
    }
    server.running.stop().await;
    assert!(server.client.get(format!("{own}/metrics")).send().await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_path_of_the_metrics_that_changes_is_in_effect_after_the_next_start() {
    let (server, dir) = server_of("metrics: {path: /one}\n").await;
    fs::write(dir.path().join("midflight.yaml"), "metrics: {path: /two}\ndatabase: {min_conns: 3}\n")
        .unwrap();
    let (status, report) = reload(&server).await;
    assert_eq!(status, 200, "{report}");
    let required = report["restart_required"].as_array().unwrap();
    assert_eq!(required, &[json!("/metrics/path")], "{report}");
    assert_eq!(server.get("/one").await.status, 200);
    assert_eq!(server.get("/two").await.status, 404);
}
