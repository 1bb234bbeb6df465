//! Starting and stopping: the ready file, requests in flight, a second server on the same file.

use reqwest::{Body, Method};
use serde_json::json;
use tokio::sync::mpsc;

use crate::support::{answer, options, server, server_with};

#[tokio::test]
async fn the_ready_file_has_the_url_while_it_answers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ready");
    let server = server_with(|options| options.ready_file = Some(file.clone())).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), server.running.url());
    server.running.stop().await;
    server.running.wait().await;
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_the_server_is_gone() {
    let server = server().await.with_loans().await;
    let (chunks, body) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
    let request = server
        .anonymous(Method::POST, "/api/v1/rules/execute")
        .header("content-type", "application/json")
        .body(Body::wrap_stream(body));
    let asked = tokio::spawn(answer(request));
    chunks.send(Ok(b"{\"data\": ".to_vec())).await.unwrap();
    // The second chunk is taken once the first one has left for the server, so the request is there.
    chunks.send(Ok(b"{\"age\"".to_vec())).await.unwrap();
    chunks.send(Ok(b": 30".to_vec())).await.unwrap();
    let stopping = tokio::spawn(async move {
        server.running.stop().await;
        server
    });
    // Nobody can connect any more once the listener is gone, and the request still is answered.
    chunks.send(Ok(b"}}".to_vec())).await.unwrap();
    drop(chunks);
    assert_eq!(asked.await.unwrap().ok()["total_points"], 2.0);
    let server = stopping.await.unwrap();
    assert!(server.anonymous(Method::GET, "/health/live").send().await.is_err());
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_and_a_third_after_the_first_is_not() {
    let server = server().await.with_loans().await;
    let refused = midflight_server::start(options(&server.dir)).await.unwrap_err();
    assert!(refused.to_string().contains("in use"), "{refused}");
    server.running.stop().await;
    let next = midflight_server::start(options(&server.dir)).await.unwrap();
    let body = json!({"data": {"age": 30}});
    let executed = server.client.post(format!("{}/api/v1/rules/execute", next.url())).json(&body);
    assert_eq!(answer(executed).await.ok()["revision"], 2);
    next.stop().await;
}
