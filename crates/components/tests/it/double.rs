//! A server that speaks as OpenAI does, and misbehaves as it is told.
#![expect(unreachable_pub, reason = "the support of tests, in a file of its own")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Does {
    /// Answers the chat with the model and the key that it was asked with.
    Answers,
    /// Answers this status, with such a header and body.
    Says(u16, &'static str, String),
    /// Answers what no chat is.
    Nonsense,
    /// Never answers.
    Hangs,
    /// Answers the chat once it is let go on.
    Waits,
    /// Closes in the middle of its answer.
    Breaks,
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub line: String,
    pub authorization: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    /// What it does with the next ones; then it answers.
    next: VecDeque<Does>,
    asked: Vec<Asked>,
    /// How many have asked and were not answered yet, and the most of them that there ever were.
    at_once: usize,
    at_once_max: usize,
}

#[derive(Clone)]
pub struct Double {
    pub port: u16,
    state: Arc<Mutex<State>>,
    go_on: Arc<Semaphore>,
}

impl Double {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let double = Self { port, state: Arc::default(), go_on: Arc::new(Semaphore::new(0)) };
        let of_task = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(of_task.clone().serve(stream));
            }
        });
        double
    }

    pub fn next(&self, does: impl IntoIterator<Item = Does>) {
        self.state.lock().unwrap().next = does.into_iter().collect();
    }

    /// What it was asked since this was last called.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// Lets so many go on that wait, or will.
    pub fn go_on(&self, count: usize) {
        self.go_on.add_permits(count);
    }

    /// The most that it was asked at the same time.
    pub fn at_once_max(&self) -> usize {
        self.state.lock().unwrap().at_once_max
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(asked) = read(&mut stream).await else { return };
        let does = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(asked.clone());
            state.at_once += 1;
            state.at_once_max = state.at_once_max.max(state.at_once);
            state.next.pop_front().unwrap_or(Does::Answers)
        };
        let (status, header, body) = match does {
            Does::Answers => (200, "", answer(&asked).to_string()),
            Does::Says(status, header, body) => (status, header, body),
            Does::Nonsense => (200, "", "{\"choices\": 7}".to_owned()),
            Does::Hangs => return std::future::pending().await,
            Does::Waits => {
                self.go_on.acquire().await.unwrap().forget();
                (200, "", answer(&asked).to_string())
            }
            Does::Breaks => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
                return;
            }
        };
        // Before it answers: whoever is answered may ask again at once.
        self.state.lock().unwrap().at_once -= 1;
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} Word\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}"
        );
        // Whoever asked may be gone.
        stream.write_all(text.as_bytes()).await.ok();
    }
}

fn answer(asked: &Asked) -> Value {
    let content = format!("{} {}", asked.body["model"].as_str().unwrap_or_default(), asked.authorization);
    json!({
        "choices": [{ "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 2 }
    })
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let named = head.lines().filter_map(|line| line.split_once(": "));
            named.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(Asked {
                line: head.lines().next().unwrap_or_default().to_owned(),
                authorization: header("authorization").unwrap_or_default(),
                body: serde_json::from_str(body).unwrap_or_default(),
            });
        }
    }
}
