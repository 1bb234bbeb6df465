//! A process that ends with its value.

use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A running program.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self { child }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it prints on a standard output that is piped.
    pub(crate) fn output(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Asks it to stop, and waits until it ended.
    pub fn stop(&mut self, signal: Signal) -> ExitStatus {
        // A paused process receives no other signal.
        self.signal(Signal::CONT);
        self.signal(signal);
        self.child.wait().unwrap()
    }

    /// Ends it as a power cut would (`kill -9`); it has ended when this returns.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in its tracks: its sockets stay open and nothing answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused one continue.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The processes that it started and that still run; none once it has ended. Linux lists them
    /// (proc_pid_children(5)).
    pub(crate) fn children(&self) -> Vec<Pid> {
        let id = self.child.id();
        let listed = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
    }

    /// How much time of a processor it has taken, itself and the system for it. Linux has it in hundredths of a second.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name before them may have spaces; the 14th and 15th fields are the times (proc(5)).
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// How much memory it has of its own and shares, in KiB (`VmRSS` in proc_pid_status(5)).
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends it SIGHUP, the usual signal to read files again.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that ended already receives nothing, which is as good.
        kill_process(id.unwrap(), signal).ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// A port without a listener now.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Where a program is: in the path, or where Debian keeps servers.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
        // The newest first.
        versions.sort_by(|a, b| b.cmp(a));
        folders.extend(versions);
    }
    let found = folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed; `make test-needs` installs it (package {package})")
    })
}

/// Starts a server that listens on a port, with another port if the first was taken meanwhile.
pub(crate) fn listening(
    mut command: impl FnMut(u16) -> Command,
    mut answers: impl FnMut(u16) -> bool,
) -> (Process, u16) {
    for _ in 0..10 {
        let port = free_port();
        let mut process = Process::start(&mut command(port));
        let is_up = crate::wait_for("a server to listen", || match process.ended() {
            Some(_) => Some(false),
            None => answers(port).then_some(true),
        });
        if is_up {
            return (process, port);
        }
    }
    panic!("no server came up: {:?}", command(0));
}

/// Whether something listens.
pub(crate) fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}
