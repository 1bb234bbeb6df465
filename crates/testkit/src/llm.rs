//! A server that speaks as OpenAI does, and misbehaves as configured.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::acceptor::Acceptor;
use crate::wait::DEADLINE;

/// What a [`LlmDouble`] does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LlmDoes {
    /// Answers as an LLM server: a chat with what [`LlmDouble::answer_by`] returns, and its models.
    Answers,
    /// Answers a chat with this text.
    Replies(String),
    /// Answers this status, such headers (each with its line break) and this body.
    Says(u16, &'static str, String),
    /// Answers JSON that is no chat.
    Nonsense,
    /// Never answers.
    Hangs,
    /// Answers once it is released.
    Waits,
    /// Closes in the middle of its answer.
    Breaks,
}

/// What a [`LlmDouble`] was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmAsked {
    /// The first line of the request.
    pub line: String,
    /// Its `Authorization`; empty without.
    pub authorization: String,
    /// Its body; null when it is no JSON.
    pub body: Value,
}

impl LlmAsked {
    /// The member `query` in the JSON of the last message; none when there is no such thing.
    #[must_use]
    pub fn query(&self) -> Option<String> {
        let content = self.body["messages"].as_array()?.last()?["content"].as_str()?;
        Some(serde_json::from_str::<Value>(content).ok()?["query"].as_str()?.to_owned())
    }

    fn is_chat(&self) -> bool {
        self.line.starts_with("POST /v1/chat/completions ")
    }
}

type Answer = Arc<dyn Fn(&LlmAsked) -> String + Send + Sync>;

struct State {
    /// What it does with the next ones; then it answers.
    next: VecDeque<LlmDoes>,
    answer: Answer,
    asked: Vec<LlmAsked>,
    chats: usize,
    /// How many have asked and were not answered yet, and the most of them that there ever were.
    at_once: usize,
    at_once_max: usize,
    /// How many of the waiting ones may continue.
    go_on: usize,
    has_ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A server on a free port that speaks `POST /v1/chat/completions` and `GET /v1/models`. It ends with its value, and
/// then releases the calls that still wait for an answer.
pub struct LlmDouble {
    acceptor: Acceptor,
    shared: Arc<Shared>,
}

impl LlmDouble {
    /// Starts one that answers a chat with the model and the authorization that it was asked with.
    #[must_use]
    pub fn start() -> Self {
        let state = State {
            next: VecDeque::new(),
            answer: Arc::new(echo),
            asked: Vec::new(),
            chats: 0,
            at_once: 0,
            at_once_max: 0,
            go_on: 0,
            has_ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        // The caller may have left.
        let acceptor = Acceptor::free(move |stream, _| drop(serving.serve(stream)));
        Self { acceptor, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.acceptor.address().port()
    }

    /// The answer for its clients.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.acceptor.address())
    }

    /// What it does with the next requests, chats and others, each in turn; then it answers. What was set before is
    /// forgotten.
    pub fn next(&self, does: impl IntoIterator<Item = LlmDoes>) {
        self.shared.lock().next = does.into_iter().collect();
    }

    /// The text with which it answers chats.
    pub fn answer_by(&self, answer: impl Fn(&LlmAsked) -> String + Send + Sync + 'static) {
        self.shared.lock().answer = Arc::new(answer);
    }

    /// Answers chats about a query with its category and how sure that is, as a JSON object.
    pub fn classify_by(&self, classify: impl Fn(&str) -> (&'static str, f64) + Send + Sync + 'static) {
        self.answer_by(move |asked| {
            let (category, confidence) = classify(&asked.query().unwrap_or_default());
            json!({ "category": category, "confidence": confidence }).to_string()
        });
    }

    /// What it was asked since this was last called.
    pub fn asked(&self) -> Vec<LlmAsked> {
        std::mem::take(&mut self.shared.lock().asked)
    }

    /// How many chats it was asked for since it started.
    #[must_use]
    pub fn chats(&self) -> usize {
        self.shared.lock().chats
    }

    /// Lets so many continue that wait, or will.
    pub fn go_on(&self, count: usize) {
        self.shared.lock().go_on += count;
        self.shared.changed.notify_all();
    }

    /// The most that it was asked at the same time.
    #[must_use]
    pub fn at_once_max(&self) -> usize {
        self.shared.lock().at_once_max
    }
}

impl Drop for LlmDouble {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for LlmDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmDouble").field("address", &self.acceptor.address()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request, and closes.
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(DEADLINE))?;
        let asked = read(&mut stream)?;
        let (does, answer) = {
            let mut state = self.lock();
            state.asked.push(asked.clone());
            state.chats += usize::from(asked.is_chat());
            state.at_once += 1;
            state.at_once_max = state.at_once_max.max(state.at_once);
            (state.next.pop_front().unwrap_or(LlmDoes::Answers), Arc::clone(&state.answer))
        };
        let announced = self.announced(does, &asked, &*answer);
        // Before it answers: a client that is answered may ask again at once.
        self.lock().at_once -= 1;
        stream.write_all(announced.as_bytes())
    }

    /// Its output, once it prints it.
    fn announced(&self, does: LlmDoes, asked: &LlmAsked, answer: &dyn Fn(&LlmAsked) -> String) -> String {
        let (status, headers, body) = match does {
            LlmDoes::Answers => answered(asked, answer),
            LlmDoes::Replies(text) => (200, "", completion(&text)),
            LlmDoes::Says(status, headers, body) => (status, headers, body),
            LlmDoes::Nonsense => (200, "", "{\"choices\": 7}".to_owned()),
            LlmDoes::Waits => {
                if !self.wait(|state| state.go_on > 0) {
                    return String::new();
                }
                answered(asked, answer)
            }
            LlmDoes::Hangs => {
                self.wait(|_| false);
                return String::new();
            }
            LlmDoes::Breaks => return "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status} Word\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
    }

    /// Waits until it may continue; answers whether it may, rather than that everything has ended.
    fn wait(&self, may_go_on: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_while(self.lock(), |state| !may_go_on(state) && !state.has_ended);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let goes_on = may_go_on(&state);
        state.go_on -= usize::from(goes_on);
        goes_on
    }
}

fn echo(asked: &LlmAsked) -> String {
    format!("{} {}", asked.body["model"].as_str().unwrap_or_default(), asked.authorization)
}

fn answered(asked: &LlmAsked, answer: &dyn Fn(&LlmAsked) -> String) -> (u16, &'static str, String) {
    match asked.line.as_str() {
        _ if asked.is_chat() => (200, "", completion(&answer(asked))),
        line if line.starts_with("GET /v1/models ") => {
            (200, "", json!({ "object": "list", "data": [] }).to_string())
        }
        _ => (404, "", String::new()),
    }
}

fn completion(content: &str) -> String {
    let body = json!({
        "choices": [{ "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 2 }
    });
    body.to_string()
}

fn read(stream: &mut TcpStream) -> std::io::Result<LlmAsked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let (head, body) = (String::from_utf8_lossy(&bytes[..end]), &bytes[end + 4..]);
        let header = |name: &str| {
            let mut headers = head.lines().filter_map(|line| line.split_once(": "));
            let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        if body.len() >= header("content-length").parse().unwrap_or(0) {
            return Ok(LlmAsked {
                line: head.lines().next().unwrap_or_default().to_owned(),
                authorization: header("authorization"),
                body: serde_json::from_slice(body).unwrap_or_default(),
            });
        }
    }
}
