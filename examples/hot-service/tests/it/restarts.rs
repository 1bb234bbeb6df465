//! A service that dies and comes back, and what does not let it come back.

use std::fs;
use std::process::Command;

use midflight_testkit::{Daemon, Program, rename_over};

use crate::support::{Method, Pair, binary, folder, numbered, service};

#[test]
fn a_killed_service_is_not_reloaded_with_what_it_read_itself() {
    let (_folder, file) = folder(&numbered(0));
    let mut pair = Pair::start(&file, Method::Http);
    pair.until("the first content verified", |pair| pair.is_verified(&numbered(0)));
    pair.service.process().kill();
    rename_over(&file, &numbered(1));
    pair.until("it is missed", |pair| pair.failures("unreachable") > 0);
    pair.service.restart();
    pair.until("the new content verified", |pair| pair.is_verified(&numbered(1)));
    assert_eq!(pair.revision(), 1, "what it began with is its first revision");
    assert_eq!(pair.failures("rejected") + pair.failures("unverified"), 0);
    assert!(pair.service.stop().success() && pair.sidecar.stop().success());
}

#[test]
fn a_service_killed_after_a_bad_edit_restarts_with_the_last_good_content() {
    let (_folder, file) = folder(&numbered(0));
    let service = service(&file);
    let (reload, health) =
        (format!("{}/-/reload", service.url()), format!("{}/health/reload", service.url()));
    let path = file.to_str().unwrap();
    let what =
        ["--watch", path, "--restore-last-good", path, "--reload-url", &reload, "--health-url", &health];
    let sidecar = Daemon::sidecar(&Program::SIDECAR.path(), &what);
    let mut pair = Pair { service, sidecar };
    pair.until("the first content verified", |pair| pair.is_verified(&numbered(0)));
    rename_over(&file, "log:\n  format: smoke-signals\n");
    pair.until("the last good content", |_| fs::read_to_string(&file).unwrap() == numbered(0));
    pair.service.restart();
    assert_eq!(pair.service.get("/health/reload").0, 200);
}

#[test]
fn a_service_does_not_begin_on_a_config_that_is_not_valid() {
    let (_folder, file) = folder("log:\n  format: smoke-signals\nserver:\n  prot: 80\n");
    let output = Command::new(binary()).arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let reported = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(
        reported.contains("app.yaml:2:11: at /log/format: unknown variant `smoke-signals`"),
        "{reported}"
    );
    assert!(reported.contains("app.yaml:4:9: at /server/prot: unknown key"), "{reported}");
}
