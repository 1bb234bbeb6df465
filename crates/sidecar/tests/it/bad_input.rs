//! Files that do not read, and apps that misbehave.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::double::{Double, Manner};
use crate::process::DoubleProcess;
use crate::sidecar::Sidecar;
use crate::support::{CHANGED, COMMENTED, INITIAL, breathe, get, hash, numbered, rename_over, until};

struct Place {
    _dir: tempfile::TempDir,
    file: PathBuf,
    double: Double,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let double = Double::start(&file);
    Place { _dir: dir, file, double }
}

/// A sidecar that gives an app little time.
fn impatient(place: &Place) -> Sidecar {
    let sidecar = Sidecar::beside(&place.double, &place.file, &["--verify-timeout", "300ms"]);
    sidecar.until_verified(&hash(INITIAL));
    sidecar
}

#[test]
fn a_file_is_not_read_while_it_is_written() {
    let place = place();
    let sidecar = impatient(&place);
    let mut file = OpenOptions::new().write(true).truncate(true).open(&place.file).unwrap();
    // A slow writer.
    for piece in CHANGED.as_bytes().chunks(4) {
        file.write_all(piece).unwrap();
        breathe(15);
    }
    drop(file);
    sidecar.until_succeeded(1);
    assert_eq!(place.double.tried(), [hash(INITIAL), hash(CHANGED)]);
}

/// What is in the way of a file is reported, leaves the app alone, and is over when the file is back.
fn is_in_the_way(put: impl Fn(&Path), take_away: impl Fn(&Path), why: &str) {
    let place = place();
    let sidecar = impatient(&place);
    put(&place.file);
    sidecar.until("a watch error", |sidecar| sidecar.watch_errors() > 0);
    sidecar.until("its reason", |sidecar| sidecar.log().contains(why));
    assert_eq!((sidecar.attempts(), sidecar.get("/healthz").0), (0, 200));
    take_away(&place.file);
    rename_over(&place.file, CHANGED);
    sidecar.until_succeeded(1);
    assert_eq!(sidecar.log().matches(why).count(), 1, "said once: {}", sidecar.log());
    assert_eq!(place.double.tried(), [hash(INITIAL), hash(CHANGED)]);
}

#[test]
fn a_missing_file_leaves_the_app_alone() {
    is_in_the_way(|file| fs::remove_file(file).unwrap(), |_| {}, "does not exist");
}

#[test]
fn a_directory_in_its_place_leaves_the_app_alone() {
    let put = |file: &Path| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    };
    is_in_the_way(put, |file| fs::remove_dir(file).unwrap(), "is a directory now and was a file");
}

#[test]
fn a_loop_of_links_leaves_the_app_alone() {
    let put = |file: &Path| {
        fs::remove_file(file).unwrap();
        symlink("app.yaml", file).unwrap();
    };
    is_in_the_way(put, |_| {}, "symbolic links");
}

#[test]
fn a_file_that_is_too_large_leaves_the_app_alone() {
    let put =
        |file: &Path| OpenOptions::new().write(true).open(file).unwrap().set_len((64 << 20) + 1).unwrap();
    is_in_the_way(put, |_| {}, "is larger than 64 MiB");
}

#[test]
fn an_unreadable_file_leaves_the_app_alone() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: the superuser reads every file");
        return;
    }
    let put = |file: &Path| fs::set_permissions(file, Permissions::from_mode(0o000)).unwrap();
    is_in_the_way(put, |_| {}, "is not readable for this user");
}

#[test]
fn a_file_that_is_not_there_yet_is_awaited() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("not/yet/app.yaml");
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &["--interval", "1h"]);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, INITIAL).unwrap();
    sidecar.until_succeeded(1);
}

#[test]
fn a_page_is_no_confirmation() {
    let place = place();
    let sidecar = impatient(&place);
    place.double.behave(Manner::Html);
    rename_over(&place.file, CHANGED);
    sidecar.until("it unverified", |sidecar| sidecar.failures("unverified") > 0);
    assert!(sidecar.shows(&hash(INITIAL), "verified") && sidecar.shows(&hash(CHANGED), "pending"));
    assert_eq!(sidecar.successes(), 0);
    place.double.behave(Manner::Honest);
    sidecar.until_succeeded(1);
    assert!(sidecar.shows(&hash(CHANGED), "verified"));
}

#[test]
fn a_broken_hanging_or_stopped_app_is_unreachable_until_it_is_back() {
    let mut place = place();
    let sidecar = impatient(&place);
    for (time, manner) in [Manner::Broken, Manner::Hang].into_iter().enumerate() {
        let before = sidecar.failures("unreachable");
        place.double.behave(manner);
        rename_over(&place.file, &numbered(time as u32));
        sidecar.until("a failure", |sidecar| sidecar.failures("unreachable") > before);
        place.double.behave(Manner::Honest);
        sidecar.until_succeeded(time as u64 + 1);
    }
    let before = sidecar.failures("unreachable");
    place.double.die();
    rename_over(&place.file, CHANGED);
    sidecar.until("a failure", |sidecar| sidecar.failures("unreachable") > before);
    assert!(sidecar.shows(&hash(numbered(1)), "verified"), "what failed is not adopted");
    // It reads the file when it begins again, and is told all the same: who knows what it read.
    let address = place.double.address();
    place.double = Double::start_at(address, &place.file);
    sidecar.until_succeeded(3);
    assert_eq!(sidecar.failures("rejected") + sidecar.failures("unverified"), 0);
    assert_eq!(sidecar.attempts(), sidecar.successes() + sidecar.failures("unreachable"));
}

#[test]
fn a_refusal_that_may_pass_is_tried_again() {
    let place = place();
    let sidecar = impatient(&place);
    place.double.behave(Manner::Refuse);
    rename_over(&place.file, CHANGED);
    sidecar.until("a second refusal", |sidecar| sidecar.failures("rejected") >= 2);
    place.double.behave(Manner::Honest);
    sidecar.until_succeeded(1);
}

#[test]
fn newer_content_is_wanted_instead_of_what_is_not_confirmed_yet() {
    let place = place();
    let sidecar = Sidecar::beside(&place.double, &place.file, &["--verify-timeout", "24h"]);
    sidecar.until_verified(&hash(INITIAL));
    place.double.behave(Manner::Html);
    rename_over(&place.file, CHANGED);
    until("the first is tried", || place.double.tried().contains(&hash(CHANGED)));
    rename_over(&place.file, COMMENTED);
    until("the second is tried", || place.double.tried().contains(&hash(COMMENTED)));
    place.double.behave(Manner::Honest);
    sidecar.until_succeeded(1);
    assert!(sidecar.shows(&hash(COMMENTED), "verified"));
    assert_eq!((sidecar.attempts(), place.double.tried().len()), (2, 3));
}

#[test]
fn an_app_that_hangs_does_not_keep_it_from_stopping() {
    let place = place();
    let mut sidecar = Sidecar::beside(&place.double, &place.file, &["--verify-timeout", "24h"]);
    sidecar.until_verified(&hash(INITIAL));
    place.double.behave(Manner::Hang);
    rename_over(&place.file, CHANGED);
    sidecar.until("an attempt", |sidecar| sidecar.attempts() == 1);
    assert_eq!(sidecar.stop().code(), Some(0));
}

#[test]
fn dead_processes_and_unknown_names_are_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let mut double = DoubleProcess::start("double-that-dies", &file);
    let pid = double.pid();
    let who: [&[&str]; 2] = [&["--pid", &pid], &["--process-name", "double-that-dies"]];
    let sidecars = who.map(|who| {
        let more = ["--watch", file.to_str().unwrap(), "--verify", "none", "--interval", "200ms"];
        Sidecar::start(&[who, &more].concat())
    });
    for sidecar in &sidecars {
        sidecar.until("the start", |sidecar| sidecar.log().contains("the next change reloads it"));
    }
    rename_over(&file, CHANGED);
    sidecars.iter().for_each(|sidecar| sidecar.until_succeeded(1));
    let health = double.health_url();
    until("the double has it", || get(&health).is_some_and(|(_, word)| word.contains(&hash(CHANGED))));
    double.die();
    rename_over(&file, COMMENTED);
    for (sidecar, why) in sidecars.iter().zip(["no process", "no process is named"]) {
        sidecar.until("a failure", |sidecar| sidecar.failures("unreachable") > 0);
        assert!(sidecar.log().contains(why), "{}", sidecar.log());
    }
    // Under its name it is found again, whatever its number.
    let double = DoubleProcess::start("double-that-dies", &file);
    sidecars[1].until_succeeded(2);
    drop(double);
}

#[test]
fn of_two_processes_with_one_name_none_is_signalled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let doubles = [DoubleProcess::start("double-twice", &file), DoubleProcess::start("double-twice", &file)];
    let health = doubles[0].health_url();
    let sidecar = Sidecar::start(&[
        "--watch",
        file.to_str().unwrap(),
        "--process-name",
        "double-twice",
        "--health-url",
        &health,
    ]);
    sidecar.until_verified(&hash(INITIAL));
    rename_over(&file, CHANGED);
    sidecar.until("a failure", |sidecar| sidecar.failures("unreachable") == 1);
    let log = sidecar.log();
    assert!(log.contains("2 processes are named") && log.contains(&doubles[0].pid()), "{log}");
    assert!(log.contains(&doubles[1].pid()) && log.contains("--pid"), "{log}");
}

#[test]
fn a_process_that_a_signal_would_end_is_not_signalled_and_neither_is_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    let mut deaf = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pause = DoubleProcess::start("pause", &file);
    let pids = [(deaf.id().to_string(), "does not listen for that signal"), (pause.pid(), "is `pause`")];
    // Not HUP: whatever is started by `nohup`, as a long run of tests may be, does not mind that.
    let watch = ["--watch", file.to_str().unwrap(), "--verify", "none", "--signal", "USR1"];
    let sidecars = pids.map(|(pid, why)| (Sidecar::start(&[&watch[..], &["--pid", &pid]].concat()), why));
    for (sidecar, _) in &sidecars {
        sidecar.until("the start", |sidecar| sidecar.log().contains("the next change reloads it"));
    }
    rename_over(&file, CHANGED);
    for (sidecar, why) in &sidecars {
        sidecar.until("a failure", |sidecar| sidecar.failures("unreachable") == 1);
        assert!(sidecar.log().contains(why), "{}", sidecar.log());
    }
    assert!(deaf.try_wait().unwrap().is_none(), "it lives");
    assert!(pause.word().1.contains(&hash(INITIAL)), "it was not told");
    deaf.kill().unwrap();
    deaf.wait().unwrap();
}
