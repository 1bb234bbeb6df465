//! The last good content: it comes back when the app refuses another, and is known after a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::double::{Double, Manner};
use crate::sidecar::Sidecar;
use crate::support::{CHANGED, COMMENTED, INITIAL, INVALID, hash, rename_over, until};

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config/app.yaml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, INITIAL).unwrap();
    (dir, file)
}

fn restoring(double: &Double, file: &Path, more: &[&str]) -> Sidecar {
    let path = file.to_str().unwrap();
    let sidecar = Sidecar::beside(double, file, &[&["--restore-last-good", path], more].concat());
    sidecar.until("the start", |sidecar| sidecar.log().contains("watching"));
    sidecar
}

#[test]
fn recovers_when_the_app_refuses_repeatedly() {
    let (_dir, file) = folder();
    let double = Double::start(&file);
    let sidecar = restoring(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    rename_over(&file, CHANGED);
    sidecar.until_succeeded(1);
    for time in 1..=2 {
        rename_over(&file, INVALID);
        sidecar.until_succeeded(1 + time);
        assert_eq!(sidecar.failures("rejected"), time);
        assert_eq!(fs::read_to_string(&file).unwrap(), CHANGED);
        let (status, stated) = double.word();
        assert!(status == 200 && stated.contains("unchanged"), "the app's status recovers: {stated}");
    }
    assert_eq!(sidecar.attempts(), 5);
}

#[test]
fn recovers_also_from_a_refusal_that_might_have_passed() {
    let (_dir, file) = folder();
    let double = Double::start(&file);
    let sidecar = restoring(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    double.behave(Manner::Refuse);
    rename_over(&file, CHANGED);
    until("the old content", || fs::read_to_string(&file).unwrap() == INITIAL);
    double.behave(Manner::Honest);
    sidecar.until_succeeded(1);
    assert!(sidecar.shows(&hash(INITIAL), "verified"));
}

#[test]
fn where_nothing_can_be_written_the_file_is_kept_and_that_is_reported_once() {
    let (_dir, file) = folder();
    let double = Double::start(&file);
    let sidecar = restoring(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    let folder = file.parent().unwrap();
    if rustix::process::geteuid().is_root() {
        // The superuser writes everywhere but where something else is.
        fs::create_dir_all(folder.join("..app.yaml.sidecar/in the way")).unwrap();
    } else {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
    }
    double.behave(Manner::Refuse);
    fs::write(&file, CHANGED).unwrap();
    sidecar.until("three refusals", |sidecar| sidecar.failures("rejected") >= 3);
    assert_eq!(
        sidecar.log().matches("cannot restore the last verified content").count(),
        1,
        "{}",
        sidecar.log()
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), CHANGED);
    double.behave(Manner::Honest);
    sidecar.until_succeeded(1);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn is_known_after_a_restart_that_found_a_bad_edit() {
    let (dir, file) = folder();
    let state = dir.path().join("state");
    let state = ["--state-dir", state.to_str().unwrap()];
    let double = Double::start(&file);
    let mut sidecar = restoring(&double, &file, &state);
    sidecar.until_verified(&hash(INITIAL));
    rename_over(&file, COMMENTED);
    sidecar.until_succeeded(1);
    assert!(sidecar.stop().success());
    // The app reads it by itself, and refuses, while nobody watches.
    rename_over(&file, INVALID);
    double.reload();

    let sidecar = restoring(&double, &file, &state);
    sidecar.until_succeeded(1);
    assert_eq!(fs::read_to_string(&file).unwrap(), COMMENTED);
    assert_eq!((sidecar.attempts(), sidecar.failures("rejected")), (1, 0));
}

#[test]
fn what_was_verified_before_a_restart_is_not_triggered_again() {
    let (dir, file) = folder();
    let state = dir.path().join("state");
    let double = Double::start(&file);
    let url = double.reload_url();
    let arguments =
        ["--watch", file.to_str().unwrap(), "--reload-url", &url, "--state-dir", state.to_str().unwrap()];
    let mut sidecar = Sidecar::start(&arguments);
    sidecar.until_succeeded(1);
    assert!(sidecar.stop().success());
    let mut sidecar = Sidecar::start(&arguments);
    sidecar.until_verified(&hash(INITIAL));
    assert!(sidecar.stop().success());
    assert_eq!(double.tried().len(), 2, "once as it began, once as it was told");
    rename_over(&file, CHANGED);
    let sidecar = Sidecar::start(&arguments);
    sidecar.until_succeeded(1);
    assert_eq!(double.served(), hash(CHANGED));
}

#[test]
fn a_directory_of_states_that_cannot_be_made_is_no_start() {
    let output = crate::sidecar::program()
        .args(["--watch", "/a", "--reload-url", "http://127.0.0.1:1/", "--metrics-addr", "off"])
        .args(["--state-dir", "/dev/null/state"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--state-dir /dev/null/state"));
}
