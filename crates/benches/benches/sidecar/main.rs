//! The sidecar as it is shipped: how large it is, how much memory it has, and how long a swapped ConfigMap takes until
//! its app is known to serve it; beside a bare process that watches the same file and hashes it, in the same run. The
//! sidecar waits until nothing has happened for 5 ms, since a save is several events; the bare process does not.
//!
//! `SIDECAR_PROGRAM` measures another build; without it, `make sidecar` makes the one to measure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where it fails, and prints"
)]

mod reference;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use midflight_testkit::{ConfigMap, DEADLINE, Daemon, Program};

/// How many swaps of each.
const TIMES: usize = 300;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["reference", file, "--ready-file", ready] => reference::serve(Path::new(file), Path::new(ready)),
        _ => measure(),
    }
}

fn measure() {
    let program = sidecar();
    let bytes = std::fs::metadata(&program).unwrap().len();
    println!("{}: {bytes} bytes", program.file_name().unwrap().display());
    let bare = bare();
    println!("a bare watcher: swap until it has the hash: {bare}");
    by_http(&program).print("http", &bare);
    by_signal(&program).print("signal", &bare);
}

/// The program to measure.
fn sidecar() -> PathBuf {
    if let Some(program) = std::env::var_os("SIDECAR_PROGRAM") {
        return program.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = Command::new("make").arg("sidecar").current_dir(&root).output().unwrap();
    assert!(made.status.success(), "make sidecar: {}", String::from_utf8_lossy(&made.stderr));
    let reported = String::from_utf8(made.stdout).unwrap();
    let file = reported.lines().find_map(|line| line.strip_suffix(" bytes")?.rsplit_once(": "));
    root.join(file.unwrap().0)
}

fn bare() -> Times {
    let scene = Scene::new();
    let file = scene.map.file();
    let watcher =
        Daemon::start(&std::env::current_exe().unwrap(), &["reference", file.to_str().unwrap()], &[]);
    scene.swapped(|_, text| watcher.get("/").1 == reference::hash(text.as_bytes()))
}

fn by_http(program: &Path) -> Times {
    let scene = Scene::new();
    let (reload, health) = (format!("{}/-/reload", scene.app.url()), scene.health());
    scene.followed("http", program, &["--reload-url", &reload, "--health-url", &health])
}

fn by_signal(program: &Path) -> Times {
    let mut scene = Scene::new();
    let (pid, health) = (scene.app.process().id().to_string(), scene.health());
    scene.followed("signal", program, &["--pid", &pid, "--health-url", &health])
}

/// An app on a mounted ConfigMap.
struct Scene {
    app: Daemon,
    map: ConfigMap,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let map = ConfigMap::mount(folder.path(), "app.yaml", &numbered(0));
        let app = Daemon::start(&Program::DOUBLE.path(), &[map.file().to_str().unwrap()], &[]);
        Self { app, map, _folder: folder }
    }

    fn health(&self) -> String {
        format!("{}/health/reload", self.app.url())
    }

    /// Swaps many times, and says how long each took until it was so.
    fn swapped(mut self, is_so: impl Fn(usize, &str) -> bool) -> Times {
        let swap = |time| {
            let text = numbered(time);
            let began = Instant::now();
            self.map.write(&text);
            while !is_so(time, &text) {
                assert!(began.elapsed() < DEADLINE, "swap {time} was never followed");
            }
            began.elapsed()
        };
        let mut took: Vec<_> = (1..=TIMES).map(swap).collect();
        took.sort_unstable();
        Times(took)
    }

    fn followed(self, how: &str, program: &Path, arguments: &[&str]) -> Times {
        let file = self.map.file();
        let watch = ["--metrics-addr", "127.0.0.1:0", "--watch", file.to_str().unwrap()];
        let mut sidecar = Daemon::start(program, &[watch.as_slice(), arguments].concat(), &[]);
        let is_verified = |metrics: &str| metrics.contains("state=\"verified\"");
        midflight_testkit::wait_for("the first content", || {
            is_verified(&sidecar.get("/metrics").1).then_some(())
        });
        let before = sidecar.process().memory_kib();
        let successes = |times| sidecar.metric("config_reload_successes_total") == Some(times as u64);
        let times = self.swapped(|time, _| successes(time));
        println!("{how}: {before} KiB of memory, {} KiB after {TIMES} swaps", sidecar.process().memory_kib());
        times
    }
}

fn numbered(number: usize) -> String {
    format!("level: info\nworkers: {number}\n")
}

/// How long each time took, the shortest first.
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)].as_secs_f64() * 1e3
    }

    fn print(&self, how: &str, bare: &Self) {
        let times = self.at(50) / bare.at(50);
        println!("{how}: swap until it is verified: {self}; p50 is {times:.1} times the bare one's");
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms", self.at(50), self.at(95), self.at(99))
    }
}
