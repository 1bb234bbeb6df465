//! The contract: what the sidecar and an app that keeps to it say of four configs, told by HTTP and by a signal.

use std::fs;
use std::path::Path;

use crate::double::Double;
use crate::process::DoubleProcess;
use crate::sidecar::Sidecar;
use crate::support::{CHANGED, COMMENTED, INITIAL, INVALID, hash, rename_over};

/// Goes through the four configs. `word` asks the app itself.
fn contract(file: &Path, sidecar: &Sidecar, word: impl Fn() -> (u16, String)) {
    sidecar.until_verified(&hash(INITIAL));
    assert_eq!((sidecar.attempts(), sidecar.successes()), (0, 0), "what is served already is not triggered");
    assert_eq!(sidecar.metric("config_reload_last_success_timestamp"), None);

    rename_over(file, CHANGED);
    sidecar.until_succeeded(1);
    assert!(sidecar.shows(&hash(CHANGED), "verified"));
    assert!(sidecar.get("/metrics").1.contains("\nconfig_reload_last_success_timestamp "));

    rename_over(file, COMMENTED);
    sidecar.until_succeeded(2);
    let (status, output) = word();
    assert!(status == 200 && output.contains(r#""status":"unchanged""#), "{output}");

    rename_over(file, INVALID);
    sidecar.until("a refusal", |sidecar| sidecar.failures("rejected") == 1);
    let (status, output) = word();
    assert!(status == 503 && output.contains(r#""status":"validation_failed""#), "{output}");
    assert!(output.contains(&format!(r#""served_hash":"{}""#, hash(COMMENTED))), "{output}");
    assert!(sidecar.shows(&hash(COMMENTED), "verified") && sidecar.shows(&hash(INVALID), "refused"));

    rename_over(file, CHANGED);
    sidecar.until_succeeded(3);
    assert_eq!(sidecar.attempts(), 4, "what is invalid is not tried again");
    assert_eq!(sidecar.failures("unverified") + sidecar.failures("unreachable"), 0);
    assert!(!sidecar.shows(&hash(INVALID), "refused"));
}

#[test]
fn works_with_http() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &["--method", "http"]);
    contract(&file, &sidecar, || double.word());
}

#[test]
fn works_with_http_and_its_health_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let double = Double::start(&file);
    double.behave(crate::double::Manner::Mute);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    contract(&file, &sidecar, || double.word());
}

fn by_signal(name: &str, say: impl Fn(&DoubleProcess) -> Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let double = DoubleProcess::start(name, &file);
    let mut arguments = say(&double);
    arguments.extend(["--watch".into(), file.to_str().unwrap().into()]);
    arguments.extend(["--health-url".into(), double.health_url()]);
    let sidecar = Sidecar::start(&arguments);
    contract(&file, &sidecar, || double.word());
}

#[test]
fn works_with_a_signal_to_a_number() {
    by_signal("double-by-pid", |double| {
        ["--method", "signal", "--pid", &double.pid()].map(String::from).into()
    });
}

#[test]
fn works_with_a_signal_to_a_name() {
    // Longer than what the kernel keeps of a name.
    let name = "double-with-a-long-name";
    by_signal(name, |_| ["--process-name", name, "--signal", "USR1"].map(String::from).into());
}
