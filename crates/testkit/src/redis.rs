//! A Redis server.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Process, listening, listens, program};

/// A Redis server that keeps nothing.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one; it answers when this returns.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (process, port) = listening(|port| command(port, &folder), listens);
        Self { process, port, folder }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Publishes a message as a person with `redis-cli` would.
    pub fn publish(&self, channel: &str, message: &str) {
        let mut publish = Command::new(program("redis-cli", "redis-tools"));
        publish.args(["-p", &self.port.to_string(), "-x", "PUBLISH", channel]).stdin(Stdio::piped());
        let mut publish = publish.stdout(Stdio::null()).spawn().unwrap();
        publish.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
        assert!(publish.wait().unwrap().success());
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.process.stop(Signal::TERM);
    }

    /// The process, to kill or pause.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again on the port it had.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = Process::start(&mut command(self.port, &self.folder));
        crate::wait_for("Redis to be back", || listens(self.port).then_some(()));
    }
}

fn command(port: u16, folder: &TempDir) -> Command {
    let mut command = Command::new(program("redis-server", "redis-server"));
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
