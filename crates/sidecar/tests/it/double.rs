//! An app for the tests: it reads a file when it is told to, and says what became of it. It can misbehave.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use midflight_testkit::Acceptor;

use crate::support::{breathe, hash};

/// How the double behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Reloads, and answers with a page whatever it is asked.
    Html,
    /// Reloads, and does not answer an order with its word; its health has it.
    Mute,
    /// Takes connections and says nothing.
    Hang,
    /// Does not take any content.
    Refuse,
    /// Fails at everything.
    Broken,
}

#[derive(Debug, Clone, Default)]
struct Said {
    status: &'static str,
    hash: String,
    served_hash: String,
    served: Vec<String>,
}

#[derive(Debug)]
struct State {
    file: PathBuf,
    manner: Mutex<Manner>,
    stated: Mutex<Said>,
    /// The hash of every content that it read.
    tried: Mutex<Vec<String>>,
}

impl State {
    /// Reads the file; what is no config leaves what is served.
    fn reload(&self) {
        let text = fs::read(&self.file).unwrap_or_default();
        let hash = hash(&text);
        self.tried.lock().unwrap().push(hash.clone());
        let lines: Vec<_> = String::from_utf8_lossy(&text)
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        // In YAML as people write it, or in JSON.
        let is_level =
            |line: &String| matches!(&*line.replace(['"', ',', ' '], ""), "level:info" | "level:debug");
        let is_valid = lines.iter().any(is_level);
        let mut stated = self.stated.lock().unwrap();
        stated.hash = hash.clone();
        stated.status = if *self.manner.lock().unwrap() == Manner::Refuse {
            "rejected"
        } else if !is_valid {
            "validation_failed"
        } else {
            stated.served_hash = hash;
            if std::mem::replace(&mut stated.served, lines.clone()) == lines {
                "unchanged"
            } else {
                "success"
            }
        };
    }

    fn word(&self) -> (u16, String) {
        let Said { status, hash, served_hash, .. } = self.stated.lock().unwrap().clone();
        let http = if matches!(status, "success" | "unchanged") { 200 } else { 503 };
        (
            http,
            format!(r#"{{"status":"{status}","hash":"{hash}","served_hash":"{served_hash}","workers":1}}"#),
        )
    }

    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    fn answer(&self, mut stream: TcpStream, stopped: &AtomicBool) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let Some(Ok(first)) = lines.next() else { return };
        lines.find(|line| line.as_ref().map_or(true, String::is_empty));
        while self.manner() == Manner::Hang && !stopped.load(Ordering::SeqCst) {
            breathe(5);
        }
        let is_order = first.starts_with("POST /-/reload ");
        let manner = self.manner();
        if is_order && manner != Manner::Broken {
            self.reload();
        }
        let (status, body) = match manner {
            Manner::Html => (200, "<html><body>Welcome</body></html>".to_owned()),
            Manner::Broken => (500, "it broke".to_owned()),
            Manner::Mute if is_order => (202, String::new()),
            _ => self.word(),
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        // Whoever asked may have gone.
        drop(stream.write_all(answer.as_bytes()));
    }
}

/// An app in this process, on a port of its own.
pub(crate) struct Double {
    state: Arc<State>,
    acceptor: Acceptor,
}

impl Double {
    /// Begins as apps do: with what the file says.
    pub(crate) fn start(file: &Path) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), file)
    }

    pub(crate) fn start_at(address: SocketAddr, file: &Path) -> Self {
        let state = Arc::new(State {
            file: file.to_owned(),
            manner: Mutex::new(Manner::Honest),
            stated: Mutex::default(),
            tried: Mutex::default(),
        });
        state.reload();
        let answering = Arc::clone(&state);
        let acceptor = Acceptor::start(address, move |stream, stopped| answering.answer(stream, stopped));
        Self { state, acceptor }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.acceptor.address()
    }

    pub(crate) fn reload_url(&self) -> String {
        format!("http://{}/-/reload", self.address())
    }

    pub(crate) fn health_url(&self) -> String {
        format!("http://{}/health/reload", self.address())
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    pub(crate) fn reload(&self) {
        self.state.reload();
    }

    pub(crate) fn word(&self) -> (u16, String) {
        self.state.word()
    }

    pub(crate) fn served(&self) -> String {
        self.state.stated.lock().unwrap().served_hash.clone()
    }

    pub(crate) fn tried(&self) -> Vec<String> {
        self.state.tried.lock().unwrap().clone()
    }

    /// Frees the port.
    pub(crate) fn die(&mut self) {
        self.acceptor.stop();
    }
}
