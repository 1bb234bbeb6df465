//! What a NATS and a Redis have in common: a process on a port of its own, with or without TLS.

use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::{IssuedCertificate, written};
use crate::process::{Process, listening, listens};

/// A server that runs until its value ends.
#[derive(Debug)]
pub struct LocalServer {
    process: Process,
    port: u16,
    folder: TempDir,
    name: &'static str,
    command: CommandOf,
}

/// The command that starts it on a port, in a folder, where its certificate is when it has one.
pub(crate) type CommandOf = fn(u16, &TempDir) -> Command;

impl LocalServer {
    /// Starts one; it answers when this returns. With a certificate it takes encrypted connections alone.
    pub(crate) fn start(
        name: &'static str,
        command: CommandOf,
        certificate: Option<&IssuedCertificate>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificate.into_iter().for_each(|certificate| drop(certificate.write(folder.path())));
        let (process, port) = listening(|port| command(port, &folder), listens);
        Self { process, port, folder, name, command }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, by the scheme of plain connections and that of encrypted ones.
    pub(crate) fn url(&self, plain: &str, encrypted: &str) -> String {
        let scheme = if written(self.folder.path()).is_some() { encrypted } else { plain };
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
        self.process = Process::start(&mut (self.command)(self.port, &self.folder));
        crate::wait_for(&format!("{} to be back", self.name), || listens(self.port).then_some(()));
    }
}
