//! What a Midflight server answers about documents, for the tests: documents with versions, and the stream of
//! revisions.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use midflight_testkit::Acceptor;

use crate::support::breathe;

/// What the server answers instead of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Document,
    Redirect,
    Page,
    Giant,
    Forbidden,
}

#[derive(Debug)]
struct State {
    /// Body and version, by `kind/name`.
    documents: Mutex<BTreeMap<String, (String, u64)>>,
    revisions: Mutex<Vec<String>>,
    answer: Mutex<Answer>,
    token: Option<&'static str>,
    listeners: AtomicUsize,
    reads: AtomicUsize,
}

/// A server on a port of its own.
pub(crate) struct Server {
    state: Arc<State>,
    acceptor: Acceptor,
}

impl Server {
    pub(crate) fn start(token: Option<&'static str>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), token)
    }

    pub(crate) fn start_at(address: SocketAddr, token: Option<&'static str>) -> Self {
        let state = Arc::new(State {
            documents: Mutex::default(),
            revisions: Mutex::default(),
            answer: Mutex::new(Answer::Document),
            token,
            listeners: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
        });
        let answering = Arc::clone(&state);
        // The caller may have left.
        let acceptor =
            Acceptor::start(address, move |stream, stopped| drop(answering.answer(stream, stopped)));
        Self { state, acceptor }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.acceptor.address()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Puts a document as of a version, and tells of it.
    pub(crate) fn put(&self, id: &str, body: &str, version: u64) {
        self.state.documents.lock().unwrap().insert(id.into(), (body.into(), version));
        self.tell(id, "put");
    }

    pub(crate) fn delete(&self, id: &str) {
        self.state.documents.lock().unwrap().remove(id);
        self.tell(id, "delete");
    }

    fn tell(&self, id: &str, op: &str) {
        let (kind, name) = id.split_once('/').unwrap();
        let mut revisions = self.state.revisions.lock().unwrap();
        let number = revisions.len() + 1;
        let change = format!(r#"{{"kind":"{kind}","name":"{name}","op":"{op}"}}"#);
        revisions.push(format!(r#"{{"number":{number},"author":"me","reason":"","changes":[{change}]}}"#));
    }

    pub(crate) fn answer_with(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// How many listen to the stream.
    pub(crate) fn listeners(&self) -> usize {
        self.state.listeners.load(Ordering::SeqCst)
    }

    /// How often documents were asked for.
    pub(crate) fn reads(&self) -> usize {
        self.state.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn die(&mut self) {
        self.acceptor.stop();
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream, stopped: &AtomicBool) -> std::io::Result<()> {
        let lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
        let header = |name: &str| {
            head.iter()
                .filter_map(|line| line.split_once(": "))
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        let is_known = |token: &str| {
            header("authorization").is_some_and(|(_, output)| output == format!("Bearer {token}"))
        };
        if self.token.is_some_and(|token| !is_known(token)) {
            return respond(&mut stream, "401 X", "", r#"{"code":"unauthorized"}"#);
        }
        if path.starts_with("/api/v1/watch") {
            return self.stream(&mut stream, stopped);
        }
        self.reads.fetch_add(1, Ordering::SeqCst);
        match *self.answer.lock().unwrap() {
            Answer::Document => {}
            Answer::Redirect => {
                return respond(&mut stream, "302 X", "Location: http://127.0.0.1:1/\r\n", "");
            }
            Answer::Page => return respond(&mut stream, "200 OK", "", "<html></html>"),
            Answer::Giant => {
                return respond(
                    &mut stream,
                    "200 OK",
                    "",
                    &format!("{{\"body\": \"{}\"}}", "x".repeat(17 << 20)),
                );
            }
            Answer::Forbidden => return respond(&mut stream, "403 X", "", r#"{"code":"forbidden"}"#),
        }
        let id = path.strip_prefix("/api/v1/documents/").unwrap_or_default();
        let Some((body, version)) = self.documents.lock().unwrap().get(id).cloned() else {
            return respond(
                &mut stream,
                "404 X",
                "",
                r#"{"code":"not_found","detail":"there is no document"}"#,
            );
        };
        let tag = format!("\"{version}\"");
        if header("if-none-match").is_some_and(|(_, known)| *known == tag) {
            return respond(&mut stream, "304 X", &format!("ETag: {tag}\r\n"), "");
        }
        let answer = format!(
            r#"{{"kind":"k","name":"n","version":{version},"revision":1,"owner":null,"body":{body}}}"#
        );
        respond(&mut stream, "200 OK", &format!("ETag: {tag}\r\n"), &answer)
    }

    fn stream(&self, stream: &mut TcpStream, stopped: &AtomicBool) -> std::io::Result<()> {
        let mut message = self.revisions.lock().unwrap().len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )?;
        self.listeners.fetch_add(1, Ordering::SeqCst);
        while !stopped.load(Ordering::SeqCst) {
            let new: Vec<_> = self.revisions.lock().unwrap().iter().skip(message).cloned().collect();
            for revision in new {
                message += 1;
                let event = format!("event: revision\nid: {message}\ndata: {revision}\n\n");
                write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
            }
            breathe(2);
        }
        self.listeners.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let length =
        if status.starts_with("304") { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "HTTP/1.1 {status}\r\n{headers}{length}Connection: close\r\n\r\n{body}")
}
