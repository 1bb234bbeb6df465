//! A hundred changes of each sort are a hundred reloads: none missed, none made up.

use std::fs;
use std::os::unix::fs::symlink;

use midflight_app::App;
use midflight_core::{Digest, Outcome};

use crate::support::{Place, Settings, until};

const CHANGES: u64 = 100;

fn text(n: u64) -> String {
    format!("n: {n}\n")
}

/// Changes the file again and again, each time waiting until the content is in effect; then counts.
async fn walk(app: &App<Settings>, mut change: impl FnMut(u64, &str)) {
    let before = app.report().revision.get();
    for n in 1..=CHANGES {
        let text = text(n);
        change(n, &text);
        let hash = Some(Digest::of_bytes(text.as_bytes()));
        let report = until(app, |report| report.served_hash == hash).await;
        assert_eq!((report.status, app.config().load().n), (Outcome::Success, n));
    }
    assert_eq!(app.report().revision.get() - before, CHANGES);
    let reloads = app.engine().history().statistics(|_| true);
    let successes = reloads.by_outcome.get(&Outcome::Success.into()).copied().unwrap_or_default();
    assert_eq!(successes as u64, CHANGES + 1, "with the start");
    app.stop().await;
}

#[tokio::test]
async fn a_hundred_saves_by_rename_are_a_hundred_reloads() {
    let place = Place::new(&text(0));
    let app = place.start().await;
    walk(&app, |_, text| place.rename_over(text)).await;
}

#[tokio::test]
async fn a_hundred_writes_in_place_are_a_hundred_reloads() {
    let place = Place::new(&text(0));
    let app = place.start().await;
    walk(&app, |_, text| fs::write(place.file(), text).unwrap()).await;
}

/// Puts a ConfigMap's files where kubelet puts them: a folder of this content, reached by one link that is swapped.
fn publish(place: &Place, n: u64, text: &str) {
    let version = format!("..2026_01_01.{n}");
    fs::create_dir(place.at(&version)).unwrap();
    fs::write(place.at(&version).join("app.yaml"), text).unwrap();
    let old = fs::read_link(place.at("..data")).ok();
    symlink(&version, place.at("..data_tmp")).unwrap();
    fs::rename(place.at("..data_tmp"), place.at("..data")).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(place.dir.path().join(old)).unwrap();
    }
}

#[tokio::test]
async fn a_hundred_swaps_of_a_config_map_are_a_hundred_reloads() {
    let place = Place::new("");
    fs::remove_file(place.file()).unwrap();
    publish(&place, 0, &text(0));
    symlink("..data/app.yaml", place.file()).unwrap();
    let app = place.start().await;
    walk(&app, |n, text| publish(&place, n, text)).await;
}

#[tokio::test]
async fn a_touch_and_the_same_content_again_are_nothing() {
    let place = Place::new(&text(0));
    let app = place.start().await;
    for _ in 0..20 {
        place.rename_over(&text(0));
    }
    place.rename_over(&text(1));
    until(&app, |report| report.revision.get() == 2).await;
    let reloads = app.engine().history().statistics(|_| true);
    assert_eq!(reloads.by_outcome.get(&Outcome::Success.into()), Some(&2));
    app.stop().await;
}
