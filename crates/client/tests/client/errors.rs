//! Errors: by what the caller can do.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use midflight_client::{Client, ClientError, Precondition, UnreachableKind, WriteOptions};

use crate::support::{body, client, id, server};

#[tokio::test]
async fn a_refusal_has_its_code_and_its_places() {
    let (_server, network) = server();
    let client = client(&network);
    let mut wrong = body(1);
    wrong["constnt"] = 2.into();
    let options = WriteOptions::default();
    let refused = client.put_document(&id("a"), &wrong, Precondition::None, &options).await.unwrap_err();
    assert_eq!(refused.code(), Some("invalid_document"));
    assert_eq!(refused.problem().unwrap().errors[0].path, "/constnt");
    assert!(client.document(&id("a")).await.unwrap_err().is_not_found());

    let stranger = Client::builder(network.address()).token("unknown").build().unwrap();
    let refused = stranger.put_document(&id("a"), &body(1), Precondition::None, &options).await.unwrap_err();
    assert_eq!(refused.code(), Some("unauthenticated"));
    assert!(!client.whoami().await.unwrap().permissions.is_empty());
}

#[tokio::test]
async fn what_does_not_answer_and_what_is_no_server_are_two_errors() {
    let nobody = Client::builder("127.0.0.1:1").build().unwrap();
    let error = nobody.status().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Unreachable(it) if it.kind == UnreachableKind::NotConnected),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "cannot connect to http://127.0.0.1:1");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = Client::builder(listener.local_addr().unwrap().to_string()).build().unwrap();
    let page = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>").unwrap();
        read
    });
    let error = other.status().await.unwrap_err();
    assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error:?}");
    assert!(page.join().unwrap() > 0);
}
