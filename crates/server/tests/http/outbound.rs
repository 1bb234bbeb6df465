//! What the server may call: every part of it that calls others follows one policy.

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
