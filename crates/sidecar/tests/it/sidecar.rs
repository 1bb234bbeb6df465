//! The sidecar under test, as a process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};

use crate::double::Double;
use crate::support::{get, until};

/// The program itself, with nothing said. `SIDECAR_PROGRAM` is another build of it.
pub(crate) fn program() -> Command {
    let built = || env!("CARGO_BIN_EXE_midflight-sidecar").into();
    let mut command = Command::new(std::env::var_os("SIDECAR_PROGRAM").unwrap_or_else(built));
    command.env_clear();
    command
}

/// A running sidecar.
pub(crate) struct Sidecar {
    child: Child,
    url: String,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

impl Sidecar {
    /// Starts one and waits until it watches.
    pub(crate) fn start<Argument: AsRef<str>>(arguments: &[Argument]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (ready, log) = (dir.path().join("ready"), dir.path().join("log"));
        let mut command = program();
        command.args(["--metrics-addr", "127.0.0.1:0", "--log-level", "debug"]);
        command.arg("--ready-file").arg(&ready).args(arguments.iter().map(AsRef::as_ref));
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let is_ready = || fs::read_to_string(&ready).is_ok_and(|url| url.ends_with('\n'));
        while !is_ready() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", fs::read_to_string(&log).unwrap());
            }
            crate::support::breathe(1);
        }
        let url = fs::read_to_string(&ready).unwrap().trim().to_owned();
        Self { child, url, log, _dir: dir }
    }

    /// Starts one for an app that is told by HTTP, with a short interval.
    pub(crate) fn beside(double: &Double, file: &Path, more: &[&str]) -> Self {
        let (reload, health) = (double.reload_url(), double.health_url());
        let file = file.to_str().unwrap();
        let first =
            ["--watch", file, "--reload-url", &reload, "--health-url", &health, "--interval", "200ms"];
        Self::start(&[&first, more].concat())
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url)).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The value of a metric, its labels written out.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let (_, text) = self.get("/metrics");
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.map(|value| value.parse().unwrap())
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.metric("config_reload_attempts_total").unwrap()
    }

    pub(crate) fn successes(&self) -> u64 {
        self.metric("config_reload_successes_total").unwrap()
    }

    pub(crate) fn failures(&self, reason: &str) -> u64 {
        self.metric(&format!("config_reload_failures_total{{reason=\"{reason}\"}}")).unwrap()
    }

    pub(crate) fn watch_errors(&self) -> u64 {
        self.metric("config_reload_watch_errors_total").unwrap()
    }

    pub(crate) fn shows(&self, hash: &str, state: &str) -> bool {
        self.metric(&format!("config_reload_hash_info{{hash=\"{hash}\",state=\"{state}\"}}")) == Some(1)
    }

    /// Waits until something of the sidecar is so, and shows its log when it never is.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(what, || is_so(self))));
        assert!(
            waited.is_ok(),
            "{what} never came to be; metrics:\n{}\nlog:\n{}",
            self.get("/metrics").1,
            self.log()
        );
    }

    pub(crate) fn until_succeeded(&self, times: u64) {
        self.until(&format!("success {times}"), |sidecar| sidecar.successes() == times);
    }

    /// Waits until it is known that the app serves this.
    pub(crate) fn until_verified(&self, hash: &str) {
        self.until(&format!("{hash} verified"), |sidecar| sidecar.shows(hash, "verified"));
    }

    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Stops it as a supervisor does; how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let mut status = None;
        let began = std::time::Instant::now();
        while status.is_none() {
            assert!(began.elapsed() < crate::support::DEADLINE, "it does not stop: {}", self.log());
            status = self.child.try_wait().unwrap();
            crate::support::breathe(1);
        }
        status.unwrap()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
