//! A watched directory that lost its documents: they are kept, it is said everywhere, and a person confirms the loss.

use midflight_source::NamedDirectory;
use reqwest::Method;
use serde_json::json;

use crate::support::server_with;

const CONFIRM: &str = "/api/v1/directories/confirm-loss";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_lost_everything_is_reported_and_deletes_once_that_is_confirmed() {
    let watched = tempfile::tempdir().unwrap();
    let file = watched.path().join("a.yaml");
    std::fs::write(
        &file,
        "kind: rules\nname: conditions/adult\nbody: {attribute: age, operator: greater_than, constant: 17}\n",
    )
    .unwrap();
    let dir = watched.path().to_owned();
    let server = server_with(|options| options.watch = vec![NamedDirectory::unnamed(dir).unwrap()])
        .await
        .with_loans()
        .await;
    let dir = watched.path().to_str().unwrap();
    let count = async || server.get("/api/v1/documents/rules").await.ok()["items"].as_array().unwrap().len();
    assert_eq!(
        (count().await, server.get("/health/hot-reload").await.ok()["status"].clone()),
        (3, json!("healthy"))
    );

    std::fs::remove_file(&file).unwrap();
    let deadline = std::time::Instant::now() + crate::support::DEADLINE;
    let directory = loop {
        let directory = server.get("/api/v1/status").await.ok()["directories"][0].clone();
        if directory["blocked"] == true {
            break directory;
        }
        assert!(std::time::Instant::now() < deadline, "the loss was not seen: {directory}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(directory["held_loss"], json!({ "deleted": 1, "owned": 1, "empty": true }));
    assert_eq!(count().await, 3);
    let health = server.get("/health/hot-reload").await.ok();
    assert_eq!(health["status"], "degraded");
    let output = health["degraded"][0].as_str().unwrap();
    assert!(output.contains("is not followed") && output.contains("kept 1 of 1 documents"), "{output}");
    let scraped = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(scraped.contains("midflight_directories_blocked 1\n"), "{scraped}");

    let anonymous = server.anonymous(Method::POST, CONFIRM).json(&json!({ "dir": dir }));
    crate::support::answer(anonymous).await.problem(401, "unauthenticated");
    let other = server.post(CONFIRM, &json!({ "dir": "/elsewhere" })).await.problem(404, "not_found");
    assert!(other["detail"].as_str().unwrap().contains(dir), "{other}");
    let confirmed = server.post(CONFIRM, &json!({ "dir": format!("{dir}/") })).await.ok();
    assert_eq!((&confirmed["blocked"], &confirmed["documents"]), (&json!(false), &json!(0)));
    assert_eq!(count().await, 2);
    let revision = server.get("/api/v1/revisions?limit=1").await.ok()["items"][0].clone();
    assert_eq!(revision["reason"], "1 deleted; confirmed by admin");
    assert_eq!(server.get("/health/hot-reload").await.ok()["status"], "healthy");
}
