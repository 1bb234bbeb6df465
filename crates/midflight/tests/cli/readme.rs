//! The README's tour, run as it is written: each block of commands, and each line that it says they answer.

use std::path::Path;
use std::process::Command;

use crate::harness::Server;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
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
    let server = Server::with_loans();
    let binary = Path::new(env!("CARGO_BIN_EXE_midflight")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    for (commands, lines) in blocks {
        let output = Command::new("bash")
            .args(["-euc", &commands])
            .current_dir(server.folder.path())
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
