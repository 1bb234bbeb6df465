//! The service with the sidecar beside it, and what each says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use midflight_testkit::{DEADLINE, Daemon, Program, pause};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hot-service"))
}

/// A service on a config file, on a port of its own.
pub(crate) fn service(file: &Path) -> Daemon {
    Daemon::start(binary(), &["--config", file.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[])
}

pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The health of a service's config: its status by HTTP and its body.
pub(crate) fn health(service: &Daemon) -> (u16, Value) {
    let (status, body) = service.get("/health/reload");
    (status, serde_json::from_str(&body).unwrap())
}

/// A config that differs from every other number's.
pub(crate) fn numbered(number: u32) -> String {
    format!("app:\n  name: number {number}\n")
}

/// How the sidecar makes the service reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Http,
    Signal,
}

impl Method {
    /// What the service calls it when it is told so.
    fn trigger(self) -> &'static str {
        match self {
            Self::Http => "manual",
            Self::Signal => "signal",
        }
    }
}

/// A service and the sidecar beside it.
pub(crate) struct Pair {
    pub(crate) service: Daemon,
    pub(crate) sidecar: Daemon,
}

impl Pair {
    pub(crate) fn start(file: &Path, method: Method) -> Self {
        let mut service = service(file);
        let (reload, health) =
            (format!("{}/-/reload", service.url()), format!("{}/health/reload", service.url()));
        let (file, pid) = (file.to_str().unwrap(), service.process().id().to_string());
        let how = match method {
            Method::Http => ["--reload-url", &reload],
            Method::Signal => ["--pid", &pid],
        };
        let what = ["--watch", file, "--health-url", &health];
        let sidecar = Daemon::sidecar(&Program::SIDECAR.path(), &[what.as_slice(), &how].concat());
        Self { service, sidecar }
    }

    fn count(&self, metric: &str) -> u64 {
        self.sidecar.metric(metric).unwrap()
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.count("config_reload_attempts_total")
    }

    pub(crate) fn successes(&self) -> u64 {
        self.count("config_reload_successes_total")
    }

    pub(crate) fn failures(&self, reason: &str) -> u64 {
        self.count(&format!("config_reload_failures_total{{reason=\"{reason}\"}}"))
    }

    /// Whether the sidecar has seen the service serve this.
    pub(crate) fn is_verified(&self, text: &str) -> bool {
        let metric = format!("config_reload_hash_info{{hash=\"{}\",state=\"verified\"}}", hash(text));
        self.sidecar.metric(&metric) == Some(1)
    }

    pub(crate) fn revision(&self) -> u64 {
        health(&self.service).1["revision"].as_u64().unwrap()
    }

    /// Waits until the service has looked since it was told to: it follows its file by itself too.
    #[track_caller]
    pub(crate) fn until_reported(&self, method: Method) {
        self.until("the word of the sidecar", |pair| health(&pair.service).1["trigger"] == method.trigger());
    }

    /// Waits until something is so, and shows what both said when it never is.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(
                began.elapsed() < DEADLINE,
                "{what} never came to be; metrics:\n{}\nthe sidecar:\n{}\nthe service:\n{}",
                self.sidecar.get("/metrics").1,
                self.sidecar.log(),
                self.service.log()
            );
            pause(Duration::from_millis(2));
        }
    }

    #[track_caller]
    pub(crate) fn until_succeeded(&self, times: u64) {
        self.until(&format!("success {times}"), |pair| pair.successes() == times);
    }
}

/// A folder with a config file.
pub(crate) fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.yaml");
    fs::write(&file, text).unwrap();
    (folder, file)
}
