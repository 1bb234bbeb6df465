//! A program of this workspace that writes a file when it is ready.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;

/// Where to listen when any port will do.
const FREE: &str = "127.0.0.1:0";

/// A running `hot-service`, `midflight-sidecar` or the like: it takes `--ready-file`, and writes its URL there.
#[derive(Debug)]
pub struct Daemon {
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    folder: TempDir,
    process: Process,
    url: String,
}

impl Daemon {
    /// Starts one with these arguments and with these variables alone, and waits until it is ready.
    #[must_use]
    #[track_caller]
    pub fn start<Argument: AsRef<str>>(
        program: &Path,
        arguments: &[Argument],
        variables: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<_> = arguments.iter().map(|it| it.as_ref().to_owned()).collect();
        let variables: Vec<_> =
            variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let process = Process::start(&mut command(program, &arguments, &variables, folder.path()));
        let program = program.to_owned();
        let mut daemon = Self { program, arguments, variables, folder, process, url: String::new() };
        daemon.until_it_is_ready();
        daemon
    }

    /// Starts a sidecar with these arguments, its metrics at a free port, every line in its log, and a short interval.
    #[must_use]
    #[track_caller]
    pub fn sidecar<Argument: AsRef<str>>(program: &Path, arguments: &[Argument]) -> Self {
        let usual = ["--metrics-addr", FREE, "--log-level", "debug", "--interval", "200ms"];
        let usual = usual.iter().copied();
        let all: Vec<_> = usual.chain(arguments.iter().map(AsRef::as_ref)).collect();
        Self::start(program, &all, &[])
    }

    /// Ends it as a power cut would, if it runs, and starts it again, where it was and with what it was started with.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill();
        let address = self.url.trim_start_matches("http://");
        self.arguments.iter_mut().filter(|it| *it == FREE).for_each(|it| address.clone_into(it));
        fs::remove_file(self.folder.path().join("ready")).ok();
        let mut command = command(&self.program, &self.arguments, &self.variables, self.folder.path());
        self.process = Process::start(&mut command);
        self.until_it_is_ready();
    }

    #[track_caller]
    fn until_it_is_ready(&mut self) {
        let ready = self.folder.path().join("ready");
        self.url = crate::wait_for("a program to be ready", || {
            if let Some(status) = self.process.ended() {
                panic!("it ended with {status}: {}", self.log());
            }
            let url = fs::read_to_string(&ready).ok()?;
            url.ends_with('\n').then(|| url.trim().to_owned())
        });
    }

    /// The address that it reported.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it logged since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What it answers to a `GET` of a path.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let answer = crate::http::get(&format!("{}{path}", self.url));
        answer.unwrap_or_else(|| panic!("{}{path} is not answered: {}", self.url, self.log()))
    }

    /// What it answers to an empty `POST` to a path.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str) -> (u16, String) {
        let answer = crate::http::post(&format!("{}{path}", self.url));
        answer.unwrap_or_else(|| panic!("{}{path} is not answered: {}", self.url, self.log()))
    }

    /// The value of one of its metrics, its labels written out; none when it has none of that name.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, name: &str) -> Option<u64> {
        let (_, text) = self.get("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    /// Asks it to stop, and waits until it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop(Signal::TERM)
    }

    /// The process, to signal, kill or pause.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn command(program: &Path, arguments: &[String], variables: &[(String, String)], folder: &Path) -> Command {
    let log = File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg("--ready-file").arg(folder.join("ready"));
    command.env_clear().envs(variables.iter().map(|(name, text)| (name, text)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}
