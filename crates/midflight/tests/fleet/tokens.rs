//! The admin token of a fleet is that of its log, whatever a file of one server says.

use std::process::{Command, Stdio};

use midflight_testkit::{Postgres, Process, TOKEN};
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
    let client = reqwest::Client::new();
    let status = async |token: &str| {
        let put = client.put(format!("{}/api/v1/config/app", first.url())).bearer_auth(token);
        put.json(&serde_json::json!({})).send().await.unwrap().status()
    };

    let refused = second(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--replace-admin-token"), "{said}");
    assert!(said.contains(file.to_str().unwrap()) && !said.contains(OTHER), "{said}");
    assert!(status(TOKEN).await.is_success());
    assert_eq!(status(OTHER).await, StatusCode::UNAUTHORIZED);

    let settings = client.put(format!("{}/api/v1/config/midflight", first.url())).bearer_auth(TOKEN);
    settings.json(&serde_json::json!({"tokens": {"refresh_ms": 100}})).send().await.unwrap();
    let _second = Process::start(second(&["--replace-admin-token"]).stderr(Stdio::null()));
    until(|| async { status(OTHER).await.is_success().then_some(()) }).await;
    assert_eq!(status(TOKEN).await, StatusCode::UNAUTHORIZED);
}
