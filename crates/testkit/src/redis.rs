//! A Redis server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::{Deref, DerefMut};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::certificates::{IssuedCertificate, written};
use crate::local_server::LocalServer;
use crate::process::{Process, program};

/// A Redis server that keeps nothing.
#[derive(Debug)]
pub struct Redis(LocalServer);

impl Redis {
    /// Starts one; it answers when this returns.
    #[must_use]
    pub fn start() -> Self {
        Self(LocalServer::start("Redis", command, None))
    }

    /// Starts one that takes encrypted connections alone, with a certificate.
    #[must_use]
    pub fn start_with_tls(certificate: &IssuedCertificate) -> Self {
        Self(LocalServer::start("Redis", command, Some(certificate)))
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url("redis", "rediss")
    }

    /// Publishes a message as a person with `redis-cli` would.
    pub fn publish(&self, channel: &str, message: &str) {
        let mut publish = Command::new(program("redis-cli", "redis-tools"));
        publish.args(["-p", &self.port().to_string(), "-x", "PUBLISH", channel]).stdin(Stdio::piped());
        let mut publish = publish.stdout(Stdio::null()).spawn().unwrap();
        publish.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
        assert!(publish.wait().unwrap().success());
    }

    /// Hears what is published on a channel, as a program of its own would. It is subscribed when this returns.
    #[must_use]
    pub fn subscribe(&self, channel: &str) -> RedisSubscriber {
        let mut subscribe = Command::new(program("redis-cli", "redis-tools"));
        subscribe.args(["-p", &self.port().to_string(), "SUBSCRIBE", channel]).stdout(Stdio::piped());
        let mut process = Process::start(&mut subscribe);
        let mut lines = BufReader::new(process.output()).lines().map(Result::unwrap);
        // The first three lines say that it is subscribed, to what, and to how many channels.
        assert_eq!(lines.by_ref().take(3).last().as_deref(), Some("1"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let messages = Arc::clone(&heard);
        // Each message is three lines: that it is one, the channel, and what it says.
        std::thread::spawn(move || {
            lines.skip(2).step_by(3).for_each(|line| messages.lock().unwrap().push(line))
        });
        RedisSubscriber { heard, _process: process }
    }
}

impl Deref for Redis {
    type Target = LocalServer;

    fn deref(&self) -> &LocalServer {
        &self.0
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut LocalServer {
        &mut self.0
    }
}

/// What was published on a channel since it was subscribed to.
#[derive(Debug)]
pub struct RedisSubscriber {
    heard: Arc<Mutex<Vec<String>>>,
    _process: Process,
}

impl RedisSubscriber {
    /// The messages so far.
    #[must_use]
    pub fn received(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn command(port: u16, folder: &TempDir) -> Command {
    let mut command = Command::new(program("redis-server", "redis-server"));
    match written(folder.path()) {
        None => command.args(["--port", &port.to_string()]),
        Some((cert, key)) => {
            command.args(["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key)
        }
    };
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
