//! A server in a folder of its own, and commands against it.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until it is so.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    // Nobody ever sends: a receiver that waits in vain is a pause that a deadline bounds.
    let (_never, pause) = mpsc::channel::<()>();
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        assert!(pause.recv_timeout(Duration::from_millis(5)).is_err());
    }
}

/// The binary, with no settings from outside.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midflight"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["MIDFLIGHT_", "HOT_RELOAD_", "OTEL_"].iter().any(|ours| name.starts_with(ours)) {
            command.env_remove(name);
        }
    }
    // Not the contexts of who runs the tests.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env_remove("VISUAL").env_remove("EDITOR");
    command
}

/// A server that ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the server was gone already");
        }
    }
}

impl Server {
    /// A server on the example rules.
    pub(crate) fn with_loans() -> Self {
        let loans = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/loans");
        Self::start(&["--apply-if-empty", loans])
    }

    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), flags)
    }

    pub(crate) fn start_in(folder: TempDir, flags: &[&str]) -> Self {
        Self::spawn(folder, "127.0.0.1:0", flags)
    }

    /// A server at an address that another one had.
    pub(crate) fn start_at(folder: TempDir, address: &str) -> Self {
        Self::spawn(folder, address, &[])
    }

    fn spawn(folder: TempDir, listen: &str, flags: &[&str]) -> Self {
        let ready = folder.path().join("ready");
        std::fs::remove_file(&ready).ok();
        let mut child = serve(folder.path()).env("MIDFLIGHT_LISTEN", listen).args(flags).spawn().unwrap();
        let url = wait_for("the ready file", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", read(&folder.path().join("stderr")));
            }
            std::fs::read_to_string(&ready).ok()
        });
        let token = read(&folder.path().join("token"));
        Self { child, url: url.trim().to_owned(), token: token.trim().to_owned(), folder }
    }

    /// Sends the server a signal that does not end it.
    pub(crate) fn signal_to(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends the server with a signal and answers how it ended.
    pub(crate) fn signal(mut self, signal: &str) -> (Option<i32>, TempDir) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (status.code(), folder)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = binary();
        command.env("MIDFLIGHT_URL", &self.url).env("MIDFLIGHT_TOKEN", &self.token);
        command.current_dir(self.folder.path()).args(args);
        command
    }

    /// Runs a command that must succeed and answers what it printed on stdout.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let ran = Ran::of(self.command(args).output().unwrap());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs a command that must be refused with exit code 1 and nothing on stdout, and answers what it said.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let ran = Ran::of(self.command(args).output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{args:?}: {}", ran.stderr);
        ran.stderr
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// `serve` in a folder, on a free port unless the environment says another.
pub(crate) fn serve(folder: &Path) -> Command {
    let mut command = binary();
    command.env("MIDFLIGHT_LISTEN", "127.0.0.1:0").args(["serve", "--data-dir"]).arg(folder.join("data"));
    command.arg("--ready-file").arg(folder.join("ready")).arg("--admin-token-file").arg(folder.join("token"));
    command.stderr(std::fs::File::create(folder.join("stderr")).unwrap());
    command
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// What a command came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command with an input.
    pub(crate) fn with_input(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Self { code: child.wait().unwrap().code(), stdout, stderr }
    }
}

/// A condition as a file says it.
pub(crate) fn condition(name: &str, constant: u64) -> String {
    format!(
        "kind: rules\nname: conditions/{name}\nbody:\n  attribute: applicant.income\n  operator: \
         greater_than_or_equal\n  constant: {constant}\n"
    )
}
