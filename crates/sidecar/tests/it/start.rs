//! Starting, stopping, being asked, and being asked for what is not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::double::{Double, Manner};
use crate::sidecar::{Sidecar, program};
use crate::support::{CHANGED, DEADLINE, INITIAL, INVALID, hash, rename_over, until};

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, text).unwrap();
    (dir, file)
}

#[test]
fn an_app_that_begins_later_is_awaited_and_no_attempt_is_counted() {
    let (_dir, file) = file(INITIAL);
    let mut double = Double::start(&file);
    double.die();
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until("the wait", |sidecar| sidecar.log().contains("waiting for the app"));
    let double = Double::start_at(double.address(), &file);
    sidecar.until_verified(&hash(INITIAL));
    assert_eq!((sidecar.attempts(), double.tried().len()), (0, 1));
}

#[test]
fn a_late_app_without_a_status_is_notified() {
    let (_dir, file) = file(INITIAL);
    let mut double = Double::start(&file);
    double.die();
    let (path, url) = (file.to_str().unwrap(), double.reload_url());
    let sidecar = Sidecar::start(&["--watch", path, "--reload-url", &url]);
    sidecar.until("the wait", |sidecar| sidecar.log().contains("waiting for the app"));
    let _double = Double::start_at(double.address(), &file);
    sidecar.until_succeeded(1);
    assert_eq!((sidecar.attempts(), sidecar.failures("unreachable")), (1, 0));
}

#[test]
fn an_app_that_serves_another_content_at_the_start_is_notified() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    rename_over(&file, CHANGED);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_succeeded(1);
    assert_eq!((sidecar.attempts(), double.served()), (1, hash(CHANGED)));
}

#[test]
fn a_start_after_a_bad_edit_triggers_nothing_and_reports_the_refusal() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    let mut sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    rename_over(&file, INVALID);
    sidecar.until("a refusal", |sidecar| sidecar.failures("rejected") == 1);
    assert!(sidecar.stop().success());

    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until("the refusal", |sidecar| sidecar.shows(&hash(INVALID), "refused"));
    assert_eq!((sidecar.attempts(), sidecar.failures("rejected"), double.tried().len()), (0, 0, 2));
    assert!(!sidecar.shows(&hash(INVALID), "verified"));
    rename_over(&file, CHANGED);
    sidecar.until_succeeded(1);
}

#[test]
fn an_app_without_hashes_is_believed_by_its_http_status() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    double.behave(Manner::Html);
    let (path, url) = (file.to_str().unwrap(), double.reload_url());
    let arguments = ["--watch", path, "--reload-url", &url, "--verify", "status", "--interval", "200ms"];
    let sidecar = Sidecar::start(&arguments);
    sidecar.until_succeeded(1);
    double.behave(Manner::Broken);
    rename_over(&file, CHANGED);
    sidecar.until("a refusal", |sidecar| sidecar.failures("rejected") > 0);
    double.behave(Manner::Html);
    sidecar.until_succeeded(2);
    assert!(sidecar.shows(&hash(CHANGED), "verified"));
}

#[test]
fn the_environment_is_as_good_as_flags() {
    let (dir, file) = file(INITIAL);
    let double = Double::start(&file);
    let ready = dir.path().join("ready");
    let mut command = program();
    command.env("SIDECAR_WATCH", &file).env("SIDECAR_RELOAD_URL", double.reload_url());
    command.env("SIDECAR_METRICS_ADDR", "off").env("SIDECAR_READY_FILE", &ready);
    command.env("SIDECAR_LOG_LEVEL", "error");
    let mut child = command.spawn().unwrap();
    until("it is ready", || fs::read_to_string(&ready).is_ok_and(|ready| ready == "off\n"));
    rename_over(&file, CHANGED);
    until("the app has it", || double.served() == hash(CHANGED));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_makes_no_sense_ends_with_2_and_what_cannot_start_with_1() {
    let output = program().args(["--wach", "/a"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stated = String::from_utf8(output.stderr).unwrap();
    assert!(stated.contains("did you mean --watch?") && stated.contains("--help"), "{stated}");
    assert!(output.stdout.is_empty());

    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--verify-poll TIME"));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = ["--watch", "/a", "--reload-url", "http://127.0.0.1:1/", "--metrics-addr", &address];
    let output = program().args(line).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stated = String::from_utf8(output.stderr).unwrap();
    assert!(stated.contains("cannot start: --metrics-addr") && stated.contains(&address), "{stated}");
}

#[test]
fn slow_and_faulty_clients_delay_no_other() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    let address = sidecar.url().strip_prefix("http://").unwrap();
    let mut silent: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut endless = TcpStream::connect(address).unwrap();
    endless.set_read_timeout(Some(DEADLINE)).unwrap();
    // It may be cut off before all of it is taken.
    drop(endless.write_all(&[b'x'; 64 << 10]));
    assert_eq!(sidecar.get("/metrics").0, 200);
    assert_eq!(sidecar.get("/healthz"), (200, "watching\n".into()));
    assert!(sidecar.get("/").1.contains("/metrics"));
    assert_eq!(sidecar.get("/other").0, 404);
    let mut last = silent.pop().unwrap();
    last.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!(last.read(&mut [0]), Ok(0) | Err(_)), "whoever says nothing is hung up on");
}

#[test]
fn lines_of_the_log_can_be_json() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &["--log-format", "json"]);
    sidecar.until_verified(&hash(INITIAL));
    for line in sidecar.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string());
    }
}

#[test]
fn it_is_small() {
    let (_dir, file) = file(INITIAL);
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    // The build that is made to be small needs less than 4 MiB.
    assert!(sidecar.memory_kib() < 16 << 10, "{} KiB", sidecar.memory_kib());
}
