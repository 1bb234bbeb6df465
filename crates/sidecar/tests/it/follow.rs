//! Documents of a Midflight server in files.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::double::Double;
use crate::server::{Answer, Server};
use crate::sidecar::Sidecar;
use crate::support::{hash, until};

const FIRST: &str = "{\n  \"level\": \"info\",\n  \"workers\": 4\n}\n";
const SECOND: &str = "{\n  \"level\": \"debug\",\n  \"workers\": 4\n}\n";

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    (dir, file)
}

fn following(server: &Server, file: &Path, interval: &str, more: &[&str]) -> Sidecar {
    let (url, document) = (server.url(), format!("config/app={}", file.display()));
    Sidecar::start(&[&["--from", &url, "--document", &document, "--interval", interval], more].concat())
}

fn until_reports(file: &Path, text: &str) {
    until(&format!("{text:?} in the file"), || fs::read_to_string(file).is_ok_and(|stated| stated == text));
}

#[test]
fn a_file_follows_the_document_of_the_server() {
    let (_dir, file) = folder();
    let server = Server::start(None);
    server.put("config/app", FIRST, 1);
    // Only the stream tells of changes within the time of a test.
    let sidecar = following(&server, &file, "24h", &[]);
    until_reports(&file, FIRST);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    until("a listener", || server.listeners() == 1);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for version in 2..=20 {
        let text = if version % 2 == 0 { SECOND } else { FIRST };
        server.put("config/app", text, version);
        until_reports(&file, text);
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "the mode is kept");
    assert_eq!(sidecar.get("/healthz").0, 200);
}

#[test]
fn a_file_is_not_changed_while_the_document_is_unchanged() {
    let (_dir, file) = folder();
    let server = Server::start(None);
    server.put("config/app", FIRST, 1);
    fs::write(&file, FIRST).unwrap();
    let written = fs::metadata(&file).unwrap().ino();
    let _sidecar = following(&server, &file, "20ms", &[]);
    let looks = |times: usize| {
        let before = server.reads();
        until("looks", || server.reads() >= before + times);
    };
    looks(5);
    assert_eq!(fs::metadata(&file).unwrap().ino(), written, "the same bytes are not written again");
    // As a last good content that was restored.
    fs::write(&file, "local").unwrap();
    looks(5);
    assert_eq!(fs::read_to_string(&file).unwrap(), "local");
    server.put("config/app", SECOND, 2);
    until_reports(&file, SECOND);
    fs::remove_file(&file).unwrap();
    until_reports(&file, SECOND);
}

#[test]
fn a_document_deleted_on_the_server_keeps_its_file_and_is_reported_once() {
    let (_dir, file) = folder();
    let server = Server::start(None);
    server.put("config/app", FIRST, 1);
    let sidecar = following(&server, &file, "20ms", &[]);
    until_reports(&file, FIRST);
    server.delete("config/app");
    let before = server.reads();
    until("looks", || server.reads() > before + 5);
    assert_eq!(fs::read_to_string(&file).unwrap(), FIRST);
    assert_eq!(sidecar.log().matches("document not found on the server").count(), 1, "{}", sidecar.log());
    server.put("config/app", SECOND, 2);
    until_reports(&file, SECOND);
}

#[test]
fn a_server_that_was_unavailable_is_caught_up_with() {
    let (_dir, file) = folder();
    let mut server = Server::start(None);
    server.put("config/app", FIRST, 1);
    let sidecar = following(&server, &file, "24h", &[]);
    until_reports(&file, FIRST);
    until("a listener", || server.listeners() == 1);
    let address = server.address();
    server.die();
    sidecar.until("the loss is heard", |sidecar| sidecar.log().contains("not connected to the event stream"));
    assert_eq!(fs::read_to_string(&file).unwrap(), FIRST);
    let server = Server::start_at(address, None);
    server.put("config/app", SECOND, 2);
    until_reports(&file, SECOND);
}

#[test]
fn invalid_answers_leave_the_file_and_are_reported() {
    let (_dir, file) = folder();
    let server = Server::start(None);
    server.put("config/app", FIRST, 1);
    let sidecar = following(&server, &file, "20ms", &[]);
    until_reports(&file, FIRST);
    for (answer, why) in [
        (Answer::Redirect, "it redirects to another URL"),
        (Answer::Page, "does not answer with JSON"),
        (Answer::Giant, "larger than 16 MiB"),
        (Answer::Forbidden, "--token-file needs a token"),
    ] {
        server.answer_with(answer);
        sidecar.until(why, |sidecar| sidecar.log().contains(why));
        assert_eq!(fs::read_to_string(&file).unwrap(), FIRST);
    }
    server.answer_with(Answer::Document);
    server.put("config/app", SECOND, 2);
    until_reports(&file, SECOND);
}

#[test]
fn a_token_is_shown_only_once() {
    let (dir, file) = folder();
    let server = Server::start(Some("s3cret"));
    server.put("config/app", FIRST, 1);
    let token = dir.path().join("token");
    fs::write(&token, "wrong\n").unwrap();
    let sidecar = following(&server, &file, "20ms", &["--token-file", token.to_str().unwrap()]);
    sidecar.until("the refusal", |sidecar| sidecar.log().contains("it answers 401"));
    // Tokens are renewed while it runs.
    fs::write(&token, "s3cret\n").unwrap();
    until_reports(&file, FIRST);
    assert!(!sidecar.log().contains("s3cret") && !sidecar.log().contains("wrong\n"));

    let line = ["--from", "http://127.0.0.1:1", "--document", "config/app=/f", "--token-file", "/none"];
    let output = crate::sidecar::program().args(line).args(["--metrics-addr", "off"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--token-file /none"));
}

#[test]
fn a_written_file_that_is_watched_is_brought_to_the_app_and_back() {
    let (_dir, file) = folder();
    let server = Server::start(None);
    server.put("config/app", FIRST, 1);
    let double = Double::start(&file);
    let (path, reload, health) = (file.to_str().unwrap(), double.reload_url(), double.health_url());
    let more =
        ["--watch", path, "--reload-url", &reload, "--health-url", &health, "--restore-last-good", path];
    let sidecar = following(&server, &file, "50ms", &more);
    sidecar.until_verified(&hash(FIRST));
    server.put("config/app", SECOND, 2);
    sidecar.until_verified(&hash(SECOND));
    assert_eq!(double.served(), hash(SECOND));

    let succeeded = sidecar.successes();
    server.put("config/app", r#"{"level": "loud"}"#, 3);
    sidecar.until_succeeded(succeeded + 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), SECOND);
    // The server goes on saying what was refused, and it is not written again.
    let before = server.reads();
    until("looks", || server.reads() > before + 5);
    assert_eq!((fs::read_to_string(&file).unwrap(), sidecar.failures("rejected")), (SECOND.into(), 1));
}
