//! A PostgreSQL server.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::{Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::certificates::{IssuedCertificate, written};
use crate::process::{Process, listening, program};

const PACKAGE: &str = "postgresql";

/// The server that tests of one process share, while any of them has it.
static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
static DATABASES: AtomicU64 = AtomicU64::new(0);

/// A PostgreSQL server with one superuser, `postgres`, whom it trusts.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    port: u16,
    folder: TempDir,
    /// The folder of its data, within `folder`.
    data: String,
}

impl Postgres {
    /// Starts a private one, to be killed and paused; it answers when this returns. Making it takes about a second.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a private one that takes encrypted connections too, with a certificate.
    #[must_use]
    pub fn start_with_tls(certificate: &IssuedCertificate) -> Self {
        Self::start_with(Some(certificate))
    }

    fn start_with(certificate: Option<&IssuedCertificate>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = servant() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = "data".to_owned();
        let mut initdb = as_servant(Command::new(program("initdb", PACKAGE)));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let made = initdb
            .arg("--pgdata")
            .arg(folder.path().join(&data))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        if let Some(certificate) = certificate {
            let (cert, key) = certificate.write(folder.path());
            // PostgreSQL takes a key that is its own alone.
            if let Some((user, group)) = servant() {
                [cert, key].iter().for_each(|file| chown(file, Some(user), Some(group)).unwrap());
            }
        }
        let (process, port) = listening(|port| command(port, folder.path(), &data), is_ready);
        Self { process, port, folder, data }
    }

    /// The server that the tests of this process share; each makes a database of its own in it.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a new database and answers its URL.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut create = Command::new(program("createdb", PACKAGE));
        let port = self.port.to_string();
        create.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--port",
            &port,
            "--template=template0",
            &name,
        ]);
        let made = create.output().unwrap();
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://postgres@127.0.0.1:{port}/{name}")
    }

    /// Runs statements as a person with `psql` would, and answers what it printed.
    pub fn psql(url: &str, statements: &str) -> Result<String, String> {
        let mut psql = Command::new(program("psql", "postgresql-client"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        let ran = psql.args(["--dbname", url, "--command", statements]).output().unwrap();
        match ran.status.success() {
            true => Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
        }
    }

    /// Stops it in order, cutting every session ("fast").
    pub fn stop(&mut self) {
        self.process.stop(Signal::INT);
    }

    /// Stops it in its tracks with every session: connections stay open, and nothing answers.
    pub fn pause(&self) {
        self.process.pause();
        // The main process does not start them any more now.
        for session in self.process.children() {
            kill_process(session, Signal::STOP).ok();
        }
    }

    /// Lets it continue.
    pub fn resume(&self) {
        for session in self.process.children() {
            kill_process(session, Signal::CONT).ok();
        }
        self.process.resume();
    }

    /// The main process, to kill. Its sessions are processes of their own, which end soon after it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Copies its data as they are now (`pg_basebackup`), under that name: a backup to restore, or a standby that
    /// receives nothing more of this server.
    pub fn back_up(&self, name: &str, as_standby: bool) {
        let mut copy = as_servant(Command::new(program("pg_basebackup", PACKAGE)));
        copy.args(["--host=127.0.0.1", "--username=postgres", "--checkpoint=fast", "--no-sync"]);
        copy.args(["--port", &self.port.to_string(), "--wal-method=stream"]).current_dir(self.folder.path());
        if as_standby {
            copy.arg("--write-recovery-conf");
        }
        let made = copy.arg("--pgdata").arg(self.folder.path().join(name)).output().unwrap();
        assert!(made.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Ends it as a power cut would, and starts the copy of that name on its port, as the primary.
    pub fn fail_over_to(&mut self, name: &str, is_standby: bool) {
        self.kill();
        name.clone_into(&mut self.data);
        self.restart();
        if is_standby {
            let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
            assert_eq!(Self::psql(&url, "SELECT pg_promote()"), Ok("t".to_owned()));
        }
    }

    /// Ends it as a power cut would, for good: the segment of shared memory that it would look at when it starts again
    /// is removed. A machine has a fixed number of them, which killed servers would use up.
    fn kill(&mut self) {
        self.process.kill();
        let lock = self.folder.path().join(&self.data).join("postmaster.pid");
        // The seventh line is the key and the id of the segment; after an orderly stop there is no file and no segment.
        let lock = std::fs::read_to_string(lock).unwrap_or_default();
        let segment = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(segment) = segment {
            Command::new("ipcrm").args(["--shmem-id", segment]).output().ok();
        }
    }

    /// Starts it again, on the port and the data it had.
    pub fn restart(&mut self) {
        self.process.kill();
        // Sessions of the one before hold its memory until they have seen that it ended.
        self.process = crate::wait_for("PostgreSQL to be back", || {
            let mut process = Process::start(&mut command(self.port, self.folder.path(), &self.data));
            loop {
                if process.ended().is_some() {
                    return None;
                }
                if is_ready(self.port) {
                    return Some(process);
                }
            }
        });
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A session that is paused would not notice that its server ended, and stay.
        self.resume();
        self.kill();
    }
}

/// Whom PostgreSQL runs as when the tests run as root, which it refuses to.
fn servant() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:") || line.starts_with("nobody:"));
    let mut fields = user.unwrap().split(':').skip(2).map(|id| id.parse().unwrap());
    Some((fields.next().unwrap(), fields.next().unwrap()))
}

fn as_servant(mut command: Command) -> Command {
    if let Some((user, group)) = servant() {
        command.uid(user).gid(group);
    }
    command
}

fn command(port: u16, folder: &Path, data: &str) -> Command {
    let mut command = as_servant(Command::new(program("postgres", PACKAGE)));
    command.arg("-D").arg(folder.join(data)).args(["-p", &port.to_string()]).arg("-k").arg(folder);
    command.args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "max_connections=300",
        "-c",
        "shared_buffers=32MB",
        // In its folder, so that a killed one leaves nothing behind.
        "-c",
        "dynamic_shared_memory_type=mmap",
    ]);
    if let Some((cert, key)) = written(folder) {
        let file = |name: &str, file: &Path| format!("{name}={}", file.display());
        command.args([
            "-c",
            "ssl=on",
            "-c",
            &file("ssl_cert_file", &cert),
            "-c",
            &file("ssl_key_file", &key),
        ]);
    }
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn is_ready(port: u16) -> bool {
    let mut ask = Command::new(program("pg_isready", "postgresql-client"));
    ask.args(["--quiet", "--host=127.0.0.1", "--username=postgres", "--port", &port.to_string()]);
    ask.status().unwrap().success()
}
