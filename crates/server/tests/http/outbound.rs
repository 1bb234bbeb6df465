//! What the server may call: every part of it that calls others follows one policy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use midflight_server::{JwtAlgorithm, JwtOptions, JwtSettings, KeySources, OutboundPolicy};
use serde_json::{Value, json};

use crate::support::{Server, options, server, server_with};

const OWN: &str = "/api/v1/config/midflight";

async fn elsewhere() -> Server {
    server_with(|options| options.outbound = OutboundPolicy::only(["api.example.com".parse().unwrap()])).await
}

fn llm(url: &str) -> Value {
    json!({"llm": {"base_url": url, "model": "m", "verify": false}})
}

#[tokio::test]
async fn an_llm_that_may_not_be_called_is_refused_with_its_place() {
    let server = server().await;
    for url in ["http://169.254.169.254/v1", "http://[fe80::1]/v1", "http://[fd00:ec2::254]/v1"] {
        let refused = server.put(OWN, &llm(url)).await;
        assert_eq!(refused.status, 422, "{:#}", refused.json);
        let problem = &refused.json["errors"][0];
        assert_eq!(problem["path"], "/llm/base_url", "{:#}", refused.json);
        assert!(problem["message"].as_str().unwrap().contains("never called"), "{problem}");
    }
    // One beside the server is common.
    assert!(server.put(OWN, &llm("http://127.0.0.1:1/v1")).await.status.is_success());

    let server = elsewhere().await;
    let refused = server.put(OWN, &llm("http://127.0.0.1:1/v1")).await;
    assert_eq!(refused.status, 422, "{:#}", refused.json);
    assert_eq!(refused.json["errors"][0]["path"], "/llm/base_url", "{:#}", refused.json);
    assert!(server.put(OWN, &llm("https://api.example.com/v1")).await.status.is_success());
}

/// Answers every request as a proxy does that reached the destination.
fn proxy() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _length = stream.read(&mut [0; 4096]).unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

/// A proxy is one of the environment, so what uses it runs in a process of its own.
#[test]
fn an_editors_llm_is_called_without_a_proxy_unless_the_operator_lists_it() {
    const INSIDE: &str = "MIDFLIGHT_TEST_BEHIND_PROXY";
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(behind_a_proxy());
    }
    let name = "outbound::an_editors_llm_is_called_without_a_proxy_unless_the_operator_lists_it";
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    // Requests to the server itself go to 127.0.0.1.
    let proxy = format!("http://{}", proxy());
    for (variable, value) in [("HTTP_PROXY", proxy.as_str()), ("NO_PROXY", "127.0.0.1")] {
        inside.env(variable, value).env(variable.to_lowercase(), value);
    }
    let ended = inside.output().unwrap();
    let shown = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && shown.contains("1 passed"), "{shown}\n{ended:?}");
}

async fn behind_a_proxy() {
    // Nothing listens there, so only a proxy can have answered.
    const URL: &str = "http://127.0.0.2:1/v1";
    let body = json!({"llm": {"base_url": URL, "model": "m", "retries": 0}});
    let refused = server().await.put(OWN, &body).await.problem(422, "rejected");
    assert_eq!(refused["errors"][0]["path"], "/llm/base_url", "{refused:#}");

    let listed =
        server_with(|options| options.outbound = OutboundPolicy::only(["127.0.0.2".parse().unwrap()]));
    let put = listed.await.put(OWN, &body).await;
    assert!(put.status.is_success(), "{:#}", put.json);

    let variables = [("MIDFLIGHT_LLM__BASE_URL", URL), ("MIDFLIGHT_LLM__MODEL", "m")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let by_variable = server_with(|options| {
        options.config.variables(variables);
    })
    .await;
    let put = by_variable.put(OWN, &json!({"llm": {"retries": 0}})).await;
    assert!(put.status.is_success(), "{:#}", put.json);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("midflight.yaml");
    std::fs::write(&file, "metrics: {enabled: true}\n").unwrap();
    let by_file = server_with(|options| options.config.file = Some(file.clone())).await;
    std::fs::write(&file, body.to_string()).unwrap();
    let reloaded = by_file.post("/api/v1/reload", &json!({})).await;
    assert!(reloaded.status.is_success(), "{:#}", reloaded.json);
    let llm = &by_file.get("/api/v1/patterns/hot-reload/metrics").await.ok()["llm"];
    assert_eq!(llm["model"], "m", "{llm}");
}

#[tokio::test]
async fn a_server_whose_keys_may_not_be_read_does_not_start() {
    let start = async |url: &str, outbound: OutboundPolicy| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&dir);
        options.outbound = outbound;
        let verify = JwtOptions {
            issuer: "https://issuer.example".to_owned(),
            audiences: vec!["midflight".to_owned()],
            algorithms: vec![JwtAlgorithm::Rs256],
            leeway: Duration::from_secs(30),
            role_claim: "groups".to_owned(),
            roles: vec!["a=viewer".parse().unwrap()],
            name_claim: "sub".to_owned(),
        };
        let keys = KeySources { url: Some(url.to_owned()), ..KeySources::default() };
        options.jwt = Some(JwtSettings { verify, keys });
        midflight_server::start(options).await.map(drop).map_err(|error| error.to_string())
    };
    let refused = start("https://169.254.169.254/keys", OutboundPolicy::default()).await.unwrap_err();
    assert!(refused.contains("never called"), "{refused}");
    let only = || OutboundPolicy::only(["api.example.com".parse().unwrap()]);
    let refused = start("https://issuer.example/keys", only()).await.unwrap_err();
    assert!(refused.contains("may not be called"), "{refused}");
}
