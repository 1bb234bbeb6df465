//! The double of an LLM does as it is told.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use midflight_testkit::{LlmDoes, LlmDouble, http, wait_for};
use serde_json::{Value, json};

/// Sends a chat about a query; what comes back until it is closed.
fn ask(port: u16, query: &str) -> thread::JoinHandle<String> {
    let content = json!({ "query": query }).to_string();
    let body = json!({ "model": "one", "messages": [{ "role": "user", "content": content }] }).to_string();
    thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let length = body.len();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

fn content(answer: &str) -> String {
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[test]
fn it_misbehaves_as_configured_and_then_answers() {
    let double = LlmDouble::start();
    let port = double.port();
    let ask = |query| ask(port, query).join().unwrap();
    assert_eq!(content(&ask("x")), "one ");
    double.classify_by(|query| if query == "ciao" { ("GREETING", 1.0) } else { ("METRIC", 0.5) });
    assert_eq!(content(&ask("ciao")), "{\"category\":\"GREETING\",\"confidence\":1.0}");
    double.next([
        LlmDoes::Says(429, "retry-after: 7\r\n", "later".to_owned()),
        LlmDoes::Nonsense,
        LlmDoes::Breaks,
        LlmDoes::Replies("what?".to_owned()),
    ]);
    let busy = ask("x");
    assert!(busy.starts_with("HTTP/1.1 429 ") && busy.contains("\r\nretry-after: 7\r\n"), "{busy}");
    assert!(ask("x").ends_with("{\"choices\": 7}"));
    assert!(ask("x").ends_with("content-length: 100\r\n\r\n{"));
    assert_eq!(content(&ask("x")), "what?");
    assert_eq!(content(&ask("no \"ciao\"")), "{\"category\":\"METRIC\",\"confidence\":0.5}");
    let asked = double.asked();
    assert_eq!((asked.len(), double.chats(), double.asked().len()), (7, 7, 0));
    assert_eq!(asked[6].query().as_deref(), Some("no \"ciao\""));
}

#[test]
fn waiting_calls_are_released_and_hanging_ones_end_with_the_server() {
    let double = LlmDouble::start();
    double.next([LlmDoes::Waits, LlmDoes::Waits]);
    let waiting = [ask(double.port(), "a"), ask(double.port(), "b")];
    wait_for("both to ask", || (double.chats() == 2).then_some(()));
    assert_eq!(double.at_once_max(), 2);
    double.go_on(2);
    for one in waiting {
        assert_eq!(content(&one.join().unwrap()), "one ");
    }
    double.next([LlmDoes::Hangs, LlmDoes::Waits]);
    let silent = [ask(double.port(), "c"), ask(double.port(), "d")];
    wait_for("both to ask", || (double.chats() == 4).then_some(()));
    drop(double);
    for one in silent {
        assert_eq!(one.join().unwrap(), "");
    }
}

#[test]
fn its_models_are_there_and_nothing_else_is() {
    let double = LlmDouble::start();
    let (status, models) = http::get(&format!("{}/models", double.base_url())).unwrap();
    assert!(status == 200 && models.contains("\"list\""), "{models}");
    assert_eq!(http::get(&format!("{}/other", double.base_url())).unwrap().0, 404);
    assert_eq!(double.chats(), 0);
}
