//! The README's tour, run as it is written: each block of commands, and each line that it says they answer.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with its test.
struct Server {
    child: Child,
    url: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Starts the server as `make run` does, on a free port.
fn serve(folder: &Path) -> Server {
    let (ready, token) = (folder.join("ready"), folder.join("admin-token"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_midflight"))
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.join("data"))
        .arg("--ready-file")
        .arg(&ready)
        .arg("--admin-token-file")
        .arg(&token)
        .arg("--apply-if-empty")
        .arg(root().join("examples/loans"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let url = loop {
        match std::fs::read_to_string(&ready) {
            Ok(url) if !url.trim().is_empty() => break url.trim().to_owned(),
            _ if child.try_wait().unwrap().is_some() => panic!("the server ended before it answered"),
            _ => assert!(Instant::now() < deadline, "the server did not say that it is ready"),
        }
        std::thread::yield_now();
    };
    let token = std::fs::read_to_string(&token).unwrap().trim().to_owned();
    Server { child, url, token }
}

/// The tour's blocks: commands, and the lines that they must answer with.
fn tour(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut fenced = readme.split("```");
    fenced.next();
    while let (Some(block), after) = (fenced.next(), fenced.next()) {
        if let Some(commands) = block.strip_prefix("sh\n") {
            blocks.push((commands.to_owned(), Vec::new()));
        } else if let (Some(text), Some((_, lines))) = (block.strip_prefix("text\n"), blocks.last_mut()) {
            lines.extend(text.lines().map(str::to_owned));
        }
        if after.is_none() {
            break;
        }
    }
    blocks
}

#[test]
fn the_tour_goes_as_the_readme_says() {
    let blocks = tour(&std::fs::read_to_string(root().join("README.md")).unwrap());
    assert!(blocks.len() >= 4, "the tour has its steps");
    let folder = tempfile::TempDir::new().unwrap();
    let server = serve(folder.path());
    let binary = Path::new(env!("CARGO_BIN_EXE_midflight")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    for (commands, lines) in blocks {
        let output = Command::new("bash")
            .args(["-euc", &commands])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("MIDFLIGHT_URL", &server.url)
            .env("MIDFLIGHT_TOKEN", &server.token)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{commands}\nfailed:\n{said}");
        for line in lines.iter().filter(|line| !line.is_empty()) {
            assert!(said.contains(line.as_str()), "{commands}\ndid not say {line}, but:\n{said}");
        }
    }
}
