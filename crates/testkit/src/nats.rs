//! A NATS server.

use std::ops::{Deref, DerefMut};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::certificates::{IssuedCertificate, written};
use crate::local_server::LocalServer;
use crate::process::program;

/// A NATS server without JetStream.
#[derive(Debug)]
pub struct Nats(LocalServer);

impl Nats {
    /// Starts one; it answers when this returns.
    #[must_use]
    pub fn start() -> Self {
        Self(LocalServer::start("NATS", command, None))
    }

    /// Starts one that takes encrypted connections alone, with a certificate.
    #[must_use]
    pub fn start_with_tls(certificate: &IssuedCertificate) -> Self {
        Self(LocalServer::start("NATS", command, Some(certificate)))
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url("nats", "tls")
    }
}

impl Deref for Nats {
    type Target = LocalServer;

    fn deref(&self) -> &LocalServer {
        &self.0
    }
}

impl DerefMut for Nats {
    fn deref_mut(&mut self) -> &mut LocalServer {
        &mut self.0
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
