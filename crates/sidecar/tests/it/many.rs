//! Many changes: each is one verified reload, and of those that come all at once the last is what holds.

use std::fs;
use std::path::Path;

use crate::double::Double;
use crate::sidecar::Sidecar;
use crate::support::{ConfigMap, INITIAL, hash, numbered, rename_over};

const TIMES: u32 = 100;

/// Changes the config many times, each time waiting for the one before.
fn each_is_one_reload(file: &Path, double: &Double, mut change: impl FnMut(&str)) {
    let sidecar = Sidecar::beside(double, file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    for time in 1..=TIMES {
        change(&numbered(time));
        sidecar.until_succeeded(time.into());
        assert_eq!(double.served(), hash(numbered(time)));
    }
    assert_eq!(sidecar.attempts(), u64::from(TIMES));
    assert_eq!(double.tried().len(), TIMES as usize + 1, "the app read each content once");
    assert_eq!(sidecar.watch_errors(), 0);
}

#[test]
fn each_swap_of_a_config_map_is_one_reload() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let file = map.file();
    each_is_one_reload(&file, &Double::start(&file), |text| map.write(text));
}

#[test]
fn each_save_by_renaming_is_one_reload() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    each_is_one_reload(&file, &Double::start(&file), |text| rename_over(&file, text));
}

#[test]
fn each_save_in_place_is_one_reload() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    fs::write(&file, INITIAL).unwrap();
    each_is_one_reload(&file, &Double::start(&file), |text| fs::write(&file, text).unwrap());
}

#[test]
fn of_simultaneous_changes_the_last_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let file = map.file();
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    for time in 1..=TIMES {
        map.write(&numbered(time));
    }
    sidecar.until_verified(&hash(numbered(TIMES)));
    assert_eq!(double.served(), hash(numbered(TIMES)));
    assert!(sidecar.attempts() <= u64::from(TIMES));
}

#[test]
fn a_touch_is_no_change_and_going_back_unnoticed_is_none_either() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let file = map.file();
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    for _ in 0..10 {
        fs::File::open(&file).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
        map.write(INITIAL);
    }
    map.write(&numbered(1));
    sidecar.until_succeeded(1);
    assert_eq!((sidecar.attempts(), double.tried().len()), (1, 2));
}

#[test]
fn a_directory_is_verified_by_the_hash_of_what_changed_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let file = map.file();
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, dir.path(), &[]);
    sidecar.until("the app in step", |sidecar| sidecar.get("/metrics").1.contains("state=\"verified\""));
    for time in 1..=3 {
        map.write(&numbered(time));
        sidecar.until_succeeded(time.into());
    }
    assert_eq!(sidecar.attempts(), 3);
}
