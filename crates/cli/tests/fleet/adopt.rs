//! A log that was restored from a backup: replicas refuse to follow it until an operator adopts it.

use std::process::Command;

use midflight_testkit::{Postgres, TOKEN};
use serde_json::{Value, json};

use crate::harness::{Asker, adults, binary, condition, flags, serve, until};

const REASON: &str = "restored the backup of noon";

async fn until_diverged(ask: &Asker, url: &str) {
    until(|| async {
        let status = ask.get(url, "/api/v1/status").await.ok()?;
        status["log_diverged"].as_str().map(drop)
    })
    .await;
    let health = ask.health(url).await;
    assert!(health.to_string().contains("log_diverged"), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_is_adopted_by_the_cli_and_by_the_api() {
    let mut postgres = Postgres::start();
    let log = postgres.database();
    let flags = flags(&log, "postgres");
    let (by_cli, by_api) = (serve(&flags), serve(&flags));
    let ask = Asker::new();
    let kept = adults(&ask, by_cli.url()).await;
    postgres.back_up("noon", false);
    let lost = ask.edit(by_cli.url(), "conditions/old", &condition(65)).await;
    ask.until_served(by_api.url(), lost).await;

    postgres.fail_over_to("noon", false);
    for url in [by_cli.url(), by_api.url()] {
        until_diverged(&ask, url).await;
        assert_eq!(
            ask.recommended(url, 20).await,
            Some((lost, json!("send home"))),
            "it serves what it served"
        );
    }
    let (status, refused) = ask.put(by_cli.url(), "conditions/old", &condition(30), "").await.unwrap();
    assert_eq!((status, &refused["code"]), (409, &json!("log_diverged")), "{refused}");

    let mut adopt = Command::new(binary());
    adopt.env("MIDFLIGHT_URL", by_cli.url()).env("MIDFLIGHT_TOKEN", TOKEN);
    let adopted = adopt.args(["log", "adopt", "--reason", REASON]).output().unwrap();
    let reported = String::from_utf8_lossy(&adopted.stdout);
    assert_eq!(reported, format!("log adopted: revision {kept} is served\n"), "{adopted:?}");
    let (status, answer) = ask.post(by_api.url(), "/api/v1/log/adopt", &json!({ "reason": REASON })).await;
    assert_eq!((status, &answer["to"]), (200, &json!(kept)), "{answer}");

    for url in [by_cli.url(), by_api.url()] {
        assert_eq!(ask.recommended(url, 20).await, Some((kept, json!("let in"))));
        let reloads = ask.get(url, "/api/v1/reloads").await.unwrap();
        let is_named = |event: &Value| event["trigger"] == "adopt" && event.to_string().contains(REASON);
        assert!(reloads["items"].as_array().unwrap().iter().any(is_named), "{reloads}");
    }
    let next = ask.edit(by_api.url(), "conditions/old", &condition(30)).await;
    assert_eq!(next, kept + 1);
    ask.until_served(by_cli.url(), next).await;
    assert_eq!(ask.recommended(by_cli.url(), 20).await, Some((next, json!("send home"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_adopted_only_with_a_reason_and_a_token() {
    let postgres = Postgres::shared();
    let log = postgres.database();
    let server = serve(&flags(&log, "postgres"));
    let ask = Asker::new();
    let (status, refused) = ask.post(server.url(), "/api/v1/log/adopt", &json!({ "reason": " " })).await;
    assert_eq!((status, &refused["code"]), (422, &json!("invalid_body")), "{refused}");
    let mut adopt = Command::new(binary());
    adopt.env("MIDFLIGHT_URL", server.url()).env_remove("MIDFLIGHT_TOKEN");
    let refused = adopt.args(["log", "adopt", "--reason", REASON]).output().unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("token"), "{refused:?}");
}
