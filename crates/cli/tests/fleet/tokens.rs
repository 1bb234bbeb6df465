//! The admin token of a fleet is that of its log, whatever a file of one server says.

use std::process::{Command, Stdio};

use midflight_testkit::{Nats, Postgres, Process, Redis, TOKEN};
use reqwest::StatusCode;

use crate::harness::{binary, flags, serve, until};

const OTHER: &str = "another-token-of-the-tests-that-opens-nothing";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_token_does_not_start_unless_it_is_to_replace_it() {
    let postgres = Postgres::shared();
    let flags = flags(&postgres.database(), "postgres");
    let first = serve(&flags);
    let folder = tempfile::tempdir().unwrap();
    let (file, ready) = (folder.path().join("other"), folder.path().join("ready"));
    std::fs::write(&file, OTHER).unwrap();
    let second = |more: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
        command.arg("--admin-token-file").arg(&file).arg("--ready-file").arg(&ready);
        command.args(&flags).args(more).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    midflight_testkit::choose_cryptography();
    let client = reqwest::Client::new();
    let status = async |token: &str| {
        let put = client.put(format!("{}/api/v1/config/app", first.url())).bearer_auth(token);
        put.json(&serde_json::json!({})).send().await.unwrap().status()
    };

    let refused = second(&[]).output().unwrap();
    let reported = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && reported.contains("--replace-admin-token"), "{reported}");
    assert!(reported.contains(file.to_str().unwrap()) && !reported.contains(OTHER), "{reported}");
    assert!(status(TOKEN).await.is_success());
    assert_eq!(status(OTHER).await, StatusCode::UNAUTHORIZED);

    let settings = client.put(format!("{}/api/v1/config/midflight", first.url())).bearer_auth(TOKEN);
    settings.json(&serde_json::json!({"tokens": {"refresh_ms": 100}})).send().await.unwrap();
    let _second = Process::start(second(&["--replace-admin-token"]).stderr(Stdio::null()));
    until(|| async { status(OTHER).await.is_success().then_some(()) }).await;
    assert_eq!(status(TOKEN).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_while_the_log_is_unavailable_knows_its_tokens() {
    let mut postgres = Postgres::start();
    let flags = flags(&postgres.database(), "postgres");
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let start = || {
        std::fs::remove_file(&ready).ok();
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
        command.arg("--ready-file").arg(&ready).args(&flags).stdin(Stdio::null());
        command.env("XDG_CONFIG_HOME", folder.path().join("config"));
        let server = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let url = midflight_testkit::wait_for("the server to be ready", || {
            std::fs::read_to_string(&ready).ok().filter(|text| !text.is_empty())
        });
        (server, url.trim().to_owned())
    };
    midflight_testkit::choose_cryptography();
    let client = reqwest::Client::new();
    let status = async |url: &str, token: &str| {
        let put = client.put(format!("{url}/api/v1/config/app")).bearer_auth(token);
        put.json(&serde_json::json!({"size": 1})).send().await.unwrap().status()
    };
    let (mut first, url) = start();
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let token = token.trim();
    assert!(status(&url, token).await.is_success());
    until(|| async { folder.path().join("data/last-good").exists().then_some(()) }).await;
    first.kill();
    tokio::task::block_in_place(|| postgres.stop());
    let (_again, url) = start();
    assert_eq!(
        status(&url, token).await,
        StatusCode::SERVICE_UNAVAILABLE,
        "it is known, and the log is away"
    );
    assert_eq!(status(&url, OTHER).await, StatusCode::UNAUTHORIZED);
    let kept = std::fs::read_to_string(folder.path().join("data/tokens")).unwrap();
    assert!(!kept.contains(token), "only hashes are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_made_or_revoked_on_one_replica_is_known_or_refused_on_the_others() {
    let (postgres, redis, nats) = (Postgres::shared(), Redis::start(), Nats::start());
    midflight_testkit::choose_cryptography();
    let client = reqwest::Client::new();
    let mut longest = std::time::Duration::ZERO;
    for bus in ["memory".to_owned(), "postgres".to_owned(), redis.url(), nats.url()] {
        let flags = flags(&postgres.database(), &bus);
        let (one, other) = (serve(&flags), serve(&flags));
        let made = client.post(format!("{}/api/v1/tokens", one.url())).bearer_auth(TOKEN);
        let made = made.json(&serde_json::json!({"name": "ci", "role": "viewer"})).send().await.unwrap();
        let made: serde_json::Value = made.json().await.unwrap();
        let token = made["token"].as_str().unwrap();
        let status = async |url: &str| {
            let asked = client.get(format!("{url}/api/v1/whoami")).bearer_auth(token).send().await;
            asked.unwrap().status()
        };
        assert_eq!(status(one.url()).await, StatusCode::OK);
        until(|| async { (status(other.url()).await == StatusCode::OK).then_some(()) }).await;
        let began = std::time::Instant::now();
        let revoked = client.delete(format!("{}/api/v1/tokens/ci", one.url())).bearer_auth(TOKEN);
        assert_eq!(revoked.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        assert_eq!(status(one.url()).await, StatusCode::UNAUTHORIZED);
        until(|| async { (status(other.url()).await == StatusCode::UNAUTHORIZED).then_some(()) }).await;
        let (bus, took) = (bus.split(':').next().unwrap_or_default(), began.elapsed());
        longest = longest.max(took);
        eprintln!(
            "| token revoked on another replica, store postgres, bus {bus} | {} ms, longest so far {} ms |",
            took.as_millis(),
            longest.as_millis()
        );
    }
}
