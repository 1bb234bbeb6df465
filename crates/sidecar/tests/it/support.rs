//! What the tests wait with, write with and ask with.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// How long anything may take before a test has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what} never came to be");
        breathe(1);
    }
}

/// Lets others run for some milliseconds.
pub(crate) fn breathe(ms: u64) {
    std::thread::park_timeout(Duration::from_millis(ms));
}

pub(crate) fn hash(text: impl AsRef<[u8]>) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks by HTTP; the status and the body. None when nothing answers.
pub(crate) fn get(url: &str) -> Option<(u16, String)> {
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Saves as careful programs do: beside, and renamed over.
pub(crate) fn rename_over(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

/// A mounted ConfigMap, changed as kubelet's atomic writer does: a new folder with a time as its name, a link to it
/// beside, and that link renamed over `..data`.
pub(crate) struct ConfigMap {
    dir: PathBuf,
    written: u64,
}

impl ConfigMap {
    pub(crate) fn new(dir: &Path, text: &str) -> Self {
        let mut map = Self { dir: dir.to_owned(), written: 0 };
        map.write(text);
        symlink("..data/app.yaml", map.file()).unwrap();
        map
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("app.yaml")
    }

    pub(crate) fn write(&mut self, text: &str) {
        let old = fs::read_link(self.dir.join("..data")).ok();
        self.written += 1;
        let new = format!("..2026_11_21_15_00_00.{:09}", self.written);
        fs::create_dir(self.dir.join(&new)).unwrap();
        fs::write(self.dir.join(&new).join("app.yaml"), text).unwrap();
        symlink(&new, self.dir.join("..data_tmp")).unwrap();
        fs::rename(self.dir.join("..data_tmp"), self.dir.join("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.dir.join(old)).unwrap();
        }
    }
}

/// Configs of the double.
pub(crate) const INITIAL: &str = "level: info\nworkers: 4\n";
pub(crate) const CHANGED: &str = "level: debug\nworkers: 8\n";
pub(crate) const COMMENTED: &str = "# Only this line is new.\nlevel: debug\nworkers: 8\n";
pub(crate) const INVALID: &str = "level: loud\nworkers: 8\n";

pub(crate) fn numbered(number: u32) -> String {
    format!("level: info\nworkers: {number}\n")
}
