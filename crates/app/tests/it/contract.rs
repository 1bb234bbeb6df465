//! The walk that every sidecar's contract asks for: a change, a comment, something invalid.

use midflight_core::{Digest, JsonPointer, Outcome};

use crate::support::{Format, Place, until};

const INITIAL: &str =
    "app: {name: e2e}\nserver: {host: localhost, port: 8080}\nlog: {level: info, format: json}\n";

#[tokio::test]
async fn changes_comments_and_invalid_texts_have_a_status_and_a_hash() {
    let place = Place::new(INITIAL);
    let app = place.start().await;
    let report = app.report();
    let hash = |text: &str| Some(Digest::of_bytes(text.as_bytes()));
    assert_eq!(
        (report.status, report.hash, report.served_hash),
        (Outcome::Success, hash(INITIAL), hash(INITIAL))
    );

    let changed = INITIAL.replace("info", "debug");
    place.rename_over(&changed);
    let report = until(&app, |report| report.hash == hash(&changed)).await;
    assert_eq!((report.status, report.served_hash), (Outcome::Success, hash(&changed)));
    assert_eq!(app.config().load().log.level, "debug");

    let touched = format!("# touched\n{changed}");
    place.rename_over(&touched);
    let report = until(&app, |report| report.hash == hash(&touched)).await;
    assert_eq!((report.status, report.served_hash), (Outcome::Unchanged, hash(&touched)));

    let invalid = "app: {name: e2e}\nlog:\n  level: info\n  format: carrier-pigeon\n";
    place.rename_over(invalid);
    let report = until(&app, |report| report.hash == hash(invalid)).await;
    assert_eq!((report.status, report.served_hash), (Outcome::ValidationFailed, hash(&touched)));
    let problem = report.problems[0].to_string();
    let expected = ":4:11: at /log/format: unknown variant `carrier-pigeon`, expected `text` or `json`";
    assert!(problem.ends_with(expected), "{problem}");
    let log = &app.config().load().log;
    assert_eq!((log.level.as_str(), log.format), ("debug", Format::Json));

    let moved = INITIAL.replace("8080", "9090");
    place.rename_over(&moved);
    let report = until(&app, |report| report.hash == hash(&moved)).await;
    assert_eq!(
        (report.status, report.restart_required),
        (Outcome::Success, vec![JsonPointer::parse("/server/port")])
    );
    place.rename_over(INITIAL);
    let report = until(&app, |report| report.hash == hash(INITIAL)).await;
    assert_eq!(report.restart_required, []);
    app.stop().await;
}

#[tokio::test]
async fn every_change_of_the_file_is_a_revision_that_can_be_rolled_back() {
    let place = Place::new("n: 1\n");
    let app = place.start().await;
    place.rename_over("n: 2\n");
    until(&app, |report| report.revision.get() == 2).await;
    let versions =
        app.engine().store().versions(&"config/app".parse().unwrap(), None, 10, None).await.unwrap();
    assert_eq!(versions.items.len(), 2);
    assert_eq!(versions.items[0].author, format!("file:{}", place.file().display()));
    app.stop().await;
}
