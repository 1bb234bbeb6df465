//! A `midflight serve`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;

/// The token of every server that is started here, so that one client can ask them all.
pub const TOKEN: &str = "a-token-of-the-tests-that-opens-nothing-else";

/// A `midflight serve` in a folder of its own, on a free port, with the admin's token [`TOKEN`]. It polls the log every
/// ten minutes only: what comes sooner came by a hint, or since it reconnected.
#[derive(Debug)]
pub struct Midflight {
    binary: PathBuf,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    folder: TempDir,
    process: Process,
    url: String,
}

impl Midflight {
    /// Starts one with these flags beside its own; it answers when this returns.
    #[must_use]
    pub fn start(binary: &Path, flags: &[&str]) -> Self {
        Self::start_with(binary, flags, &[])
    }

    /// The same with environment variables.
    #[must_use]
    pub fn start_with(binary: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let flags: Vec<_> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let variables: Vec<_> =
            variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let process = Process::start(command(binary, folder.path(), &flags).envs(variables.clone()));
        let (binary, url) = (binary.to_owned(), String::new());
        let mut server = Self { binary, flags, variables, folder, process, url };
        server.until_it_answers();
        server
    }

    /// Starts it again on the folder it had, with other flags, without waiting until it answers.
    pub fn begin_restart(&mut self, flags: &[&str]) {
        self.process.kill();
        self.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        std::fs::remove_file(self.folder.path().join("ready")).ok();
        let mut command = command(&self.binary, self.folder.path(), &self.flags);
        self.process = Process::start(command.envs(self.variables.clone()));
    }

    /// Kills it if it runs and starts it again on the folder it had, at another port.
    pub fn restart(&mut self) {
        let flags = self.flags.clone();
        self.begin_restart(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        self.until_it_answers();
    }

    /// Waits until it answers.
    #[track_caller]
    pub fn until_it_answers(&mut self) {
        let ready = self.folder.path().join("ready");
        self.url = crate::wait_for("a server to be ready", || {
            if let Some(status) = self.process.ended() {
                panic!("it ended with {status}: {}", self.log());
            }
            Some(std::fs::read_to_string(&ready).ok()?.trim().to_owned())
        });
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its folder: what it keeps is in `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it logged since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks it to stop, and waits until it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop(Signal::TERM)
    }

    /// The process, to kill or pause.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn command(binary: &Path, folder: &Path, flags: &[String]) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        let ours =
            ["MIDFLIGHT_", "HOT_RELOAD_", "OTEL_"].iter().any(|it| name.to_string_lossy().starts_with(it));
        if ours {
            command.env_remove(name);
        }
    }
    command.env("HOT_RELOAD_INTERVAL_SECONDS", "600");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.join("data"));
    command.arg("--ready-file").arg(folder.join("ready")).arg("--admin-token-file").arg(folder.join("token"));
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command.args(flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}
