//! Starting and stopping: the ready file, requests in flight, a second server on the same file.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, answer, options, server, server_with};

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
async fn a_request_in_flight_is_answered_before_the_server_stops() {
    let server = server().await.with_loans().await;
    let address = server.running.address();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let body = b"{\"data\": {\"age\": 30}}";
    let head = format!(
        "POST /api/v1/rules/execute HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body when its handler reads it, so the request is in flight from here on.
    let mut go_on = [0; 25];
    connection.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopping = tokio::spawn(async move { server.running.stop().await });
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, refused).await.unwrap();
    connection.write_all(body).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"total_points\":2.0"), "{answer}");
    stopping.await.unwrap();
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
