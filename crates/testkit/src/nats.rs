//! A NATS server.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::{IssuedCertificate, written};
use crate::process::{Process, listening, listens, program};

/// A NATS server without JetStream.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Nats {
    /// Starts one; it answers when this returns.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// Starts one that takes encrypted connections alone, with a certificate.
    #[must_use]
    pub fn start_with_tls(certificate: &IssuedCertificate) -> Self {
        let folder = tempfile::tempdir().unwrap();
        drop(certificate.write(folder.path()));
        Self::start_in(folder)
    }

    fn start_in(folder: TempDir) -> Self {
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
        let scheme = if written(self.folder.path()).is_some() { "tls" } else { "nats" };
        format!("{scheme}://127.0.0.1:{}", self.port)
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
        crate::wait_for("NATS to be back", || listens(self.port).then_some(()));
    }
}

fn command(port: u16, folder: &TempDir) -> Command {
    let mut command = Command::new(program("nats-server", "nats-server"));
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    if let Some((cert, key)) = written(folder.path()) {
        command.arg("--tls").arg("--tlscert").arg(cert).arg("--tlskey").arg(key);
    }
    command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
