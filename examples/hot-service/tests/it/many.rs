//! Many changes: each is one revision and one verified reload, however it is saved.

use std::fs;
use std::path::Path;

use midflight_testkit::{ConfigMap, rename_over, wait_for};

use crate::support::{Method, Pair, folder, hash, health, numbered, service};

const TIMES: u32 = 100;

/// Saves many times, each time waiting for the one before.
fn each_is_one(file: &Path, mut save: impl FnMut(&str)) {
    let pair = Pair::start(file, Method::Http);
    pair.until("the first content verified", |pair| pair.is_verified(&numbered(0)));
    for time in 1..=TIMES {
        save(&numbered(time));
        pair.until_succeeded(time.into());
        assert_eq!(pair.revision(), u64::from(time) + 1, "the first content is a revision too");
    }
    assert!(pair.is_verified(&numbered(TIMES)));
    assert_eq!((pair.attempts(), pair.successes()), (TIMES.into(), TIMES.into()));
}

#[test]
fn each_swap_of_a_config_map_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::mount(folder.path(), "app.yaml", &numbered(0));
    each_is_one(&map.file(), |text| map.write(text));
}

#[test]
fn each_save_by_renaming_is_one() {
    let (_folder, file) = folder(&numbered(0));
    each_is_one(&file, |text| rename_over(&file, text));
}

#[test]
fn each_save_in_place_is_one() {
    let (_folder, file) = folder(&numbered(0));
    each_is_one(&file, |text| fs::write(&file, text).unwrap());
}

#[test]
fn of_signals_all_at_once_the_last_state_is_served() {
    let (_folder, file) = folder(&numbered(0));
    let mut service = service(&file);
    for time in 1..=TIMES {
        rename_over(&file, &numbered(time));
        service.process().hang_up();
    }
    let last = hash(&numbered(TIMES));
    let output = wait_for("the last state to be served", || {
        let (status, output) = health(&service);
        // It follows its file by itself too; a signal makes it look whether or not that was first.
        (status == 200 && output["served_hash"] == *last && output["trigger"] == "signal").then_some(output)
    });
    assert!(output["revision"].as_u64().unwrap() <= u64::from(TIMES) + 1, "{output}");
    let (_, about) = service.get("/");
    assert!(about.contains(&format!("\"number {TIMES}\"")), "{about}");
    assert!(service.stop().success());
}
