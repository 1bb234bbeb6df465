//! The double as a process of its own, which signals reach: `examples/double.rs`, under a name that a test chooses.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command};

use midflight_testkit::Program;

use crate::support::{get, until};

/// The double as a process of its own, which reloads on SIGHUP and SIGUSR1.
pub(crate) struct DoubleProcess {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl DoubleProcess {
    pub(crate) fn start(name: &str, file: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (program, ready) = (dir.path().join(name), dir.path().join("ready"));
        symlink(Program::DOUBLE.path(), &program).unwrap();
        let child = Command::new(&program).arg(file).arg("--ready-file").arg(&ready).spawn().unwrap();
        until("the double's address", || fs::read_to_string(&ready).is_ok_and(|url| url.ends_with('\n')));
        let url = fs::read_to_string(&ready).unwrap().trim().to_owned();
        Self { child, url, _dir: dir }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn health_url(&self) -> String {
        format!("{}/health/reload", self.url)
    }

    pub(crate) fn word(&self) -> (u16, String) {
        get(&self.health_url()).unwrap()
    }

    pub(crate) fn die(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for DoubleProcess {
    fn drop(&mut self) {
        self.die();
    }
}
