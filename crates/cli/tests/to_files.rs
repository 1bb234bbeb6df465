//! Documents of a real server that the sidecar writes to a file, and a service that follows the file.
#![expect(clippy::unwrap_used, reason = "what does not work fails the test")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use midflight_testkit::{Daemon, Program, TOKEN, pause, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server, a service on a file, and the sidecar that keeps the file as the server says and the service as the file.
struct Scene {
    server: Daemon,
    service: Daemon,
    sidecar: Daemon,
    file: PathBuf,
    folder: TempDir,
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("token"), TOKEN).unwrap();
        fs::write(path("app.yaml"), "app:\n  name: before the server\n").unwrap();
        let (data, token, file) = (path("data"), path("token"), path("app.yaml"));
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data, "--admin-token-file", &token];
        let server = Daemon::start(binary(), &serve, &[]);
        let follow = ["--config", &file, "--listen", "127.0.0.1:0"];
        let service = Daemon::start(&Program::HOT_SERVICE.path(), &follow, &[]);
        put(&server, folder.path(), &json!({"app": {"name": "first"}}));
        let (document, at) = (format!("config/shop={file}"), service.url());
        let (reload, health) = (format!("{at}/-/reload"), format!("{at}/health/reload"));
        let from = ["--from", server.url(), "--document", &document, "--token-file", &token];
        let to = ["--watch", &file, "--reload-url", &reload, "--health-url", &health];
        let sidecar = Daemon::sidecar(&Program::SIDECAR.path(), &[from, to].concat());
        Self { server, service, sidecar, file: file.into(), folder }
    }

    fn put(&self, body: &Value) {
        put(&self.server, self.folder.path(), body);
    }

    fn run(&self, arguments: &[&str]) {
        run(&self.server, self.folder.path(), arguments);
    }

    /// Waits until the file says it, and the sidecar has seen the service serve it.
    #[track_caller]
    fn until_followed(&self, body: &Value, name: &str) {
        let text = format!("{body:#}\n");
        wait_for(name, || (fs::read_to_string(&self.file).ok()? == text).then_some(()));
        wait_for(name, || {
            let (status, reported) = self.service.get("/");
            (status == 200 && reported.contains(&format!("\"app\":\"{name}\""))).then_some(())
        });
        self.until_metrics("nothing pending", |metrics| {
            metrics.contains("state=\"verified\"") && !metrics.contains("state=\"pending\"")
        });
    }

    #[track_caller]
    fn until_logged(&self, text: &str) {
        wait_for(text, || self.sidecar.log().contains(text).then_some(()));
    }

    #[track_caller]
    fn until_metrics(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        wait_for(what, || is_so(&self.sidecar.get("/metrics").1).then_some(()));
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_midflight"))
}

/// Runs a command against a server, as people do.
fn run(server: &Daemon, folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(binary());
    command.args(arguments).env("MIDFLIGHT_URL", server.url()).env("MIDFLIGHT_TOKEN", TOKEN);
    let output = command.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn put(server: &Daemon, folder: &Path, body: &Value) {
    let document = json!({"kind": "config", "name": "shop", "body": body});
    fs::write(folder.join("shop.json"), document.to_string()).unwrap();
    run(server, folder, &["apply", "-f", "shop.json", "--reason", "a test"]);
}

/// Reads a file all the time: it is there, and always a whole document.
struct Reader {
    reading: JoinHandle<u64>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn start(file: &Path) -> Self {
        let (file, stop) = (file.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let reading = std::thread::spawn(move || {
            let mut reads = 0;
            while !stopped.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&file).unwrap();
                let document: Result<Value, _> = serde_json::from_str(&text);
                assert!(document.is_ok(), "half of a document: {text:?}");
                reads += 1;
                pause(Duration::from_micros(200));
            }
            reads
        });
        Self { reading, stop }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.reading.join().unwrap()
    }
}

#[test]
fn a_service_follows_a_document_through_edits_an_absence_a_refusal_and_a_way_back() {
    let mut scene = Scene::start();
    let first = json!({"app": {"name": "first"}});
    scene.until_followed(&first, "first");
    let reader = Reader::start(&scene.file);
    let inode = fs::metadata(&scene.file).unwrap().ino();

    let second = json!({"app": {"name": "second"}, "log": {"level": "debug"}});
    scene.put(&second);
    scene.until_followed(&second, "second");
    assert_ne!(fs::metadata(&scene.file).unwrap().ino(), inode, "it is replaced, not written into");

    scene.server.process().kill();
    scene.until_logged("not connected to the event stream");
    assert_eq!(fs::read_to_string(&scene.file).unwrap(), format!("{second:#}\n"));
    scene.server.restart();
    let third = json!({"app": {"name": "third"}});
    scene.put(&third);
    scene.until_followed(&third, "third");

    // The server knows no schema of it; the service knows better, and stays as it was.
    scene.put(&json!({"app": {"name": "fourth"}, "log": {"level": "info", "format": "smoke-signals"}}));
    scene.until_metrics("the refusal", |metrics| metrics.contains("{reason=\"rejected\"} 1\n"));
    let (status, health) = scene.service.get("/health/reload");
    assert!(status == 503 && health.contains("\"status\":\"validation_failed\""), "{health}");
    assert!(scene.service.get("/").1.contains("\"app\":\"third\""));

    scene.run(&["restore", "1", "--reason", "as it was"]);
    scene.until_followed(&first, "first");
    assert_eq!(scene.service.get("/health/reload").0, 200);
    assert!(reader.stop() > 0);
    assert!(scene.sidecar.stop().success() && scene.server.stop().success());
}
