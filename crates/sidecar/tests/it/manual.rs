//! The manual says all that there is to say, and nothing that is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::double::Double;
use crate::process::DoubleProcess;
use crate::server::Server;
use crate::sidecar::{Sidecar, program};
use crate::support::{INITIAL, hash, until};

fn manual() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sidecar.md")).unwrap()
}

/// Every `--flag` in a text.
fn flags(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
    words.filter(|word| word.len() > 3 && word.starts_with("--")).collect()
}

#[test]
fn it_has_every_flag_and_no_other() {
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    let manual = manual();
    // Cargo takes this one.
    let others = BTreeSet::from(["--features"]);
    let (known, message) = (flags(&help), flags(&manual));
    assert_eq!(known.difference(&message).collect::<Vec<_>>(), [&""; 0], "not in the manual");
    let made_up: Vec<_> = message.difference(&known).filter(|flag| !others.contains(*flag)).collect();
    assert_eq!(made_up, [&""; 0], "in the manual alone");
}

/// The commands of the manual, each in one line.
fn commands(manual: &str) -> Vec<String> {
    let joined = manual.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.strip_prefix("    midflight-sidecar "));
    lines.map(str::to_owned).collect()
}

#[test]
fn its_commands_work() {
    let dir = tempfile::tempdir().unwrap();
    let (file, token) = (dir.path().join("app.yaml"), dir.path().join("token"));
    fs::write(&file, INITIAL).unwrap();
    fs::write(&token, "s3cret").unwrap();
    let double = Double::start(&file);
    // Nobody else on this machine is signalled.
    let _named = DoubleProcess::start("double-of-the-manual", &file);
    let server = Server::start(Some("s3cret"));
    server.put("config/app", "{\"level\": \"debug\"}", 1);
    let commands = commands(&manual());
    assert_eq!(commands.len(), 3);
    let mut running = Vec::new();
    for command in commands {
        let command = command.replace("/etc/app/app.yaml", file.to_str().unwrap());
        let command = command.replace("127.0.0.1:8080", &double.address().to_string());
        let command = command.replace("--process-name app", "--process-name double-of-the-manual");
        let command = command.replace("http://midflight:8080", &server.url());
        let command = command.replace("/run/secrets/midflight", token.to_str().unwrap());
        let sidecar = Sidecar::start(&command.split_whitespace().collect::<Vec<_>>());
        sidecar.until(&command, |sidecar| sidecar.shows(&double.served(), "verified"));
        running.push(sidecar);
    }
    until("the document in the app", || double.served() == hash("{\n  \"level\": \"debug\"\n}\n"));
}

#[test]
fn it_has_every_metric() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let double = Double::start(&file);
    let (path, url) = (file.to_str().unwrap(), double.reload_url());
    let sidecar = Sidecar::start(&["--watch", path, "--reload-url", &url]);
    sidecar.until_succeeded(1);
    let (text, manual) = (sidecar.get("/metrics").1, manual());
    let metrics: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(metrics.len(), 6);
    for metric in metrics {
        assert!(manual.contains(&format!("`{metric}")), "{metric}");
    }
}
