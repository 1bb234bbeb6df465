//! Everything that can be wrong with a config file, at the start and later.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use midflight_app::{AppBuilder, References};
use midflight_core::{Change, Digest, Edit, Outcome, Trigger};
use serde_json::json;

use crate::support::{Place, shape, started, until};

#[tokio::test]
async fn a_bad_config_stops_the_start_with_its_place() {
    for (text, expected) in [
        (
            "log: {format: carrier-pigeon}\n",
            "app.yaml:1:15: at /log/format: unknown variant `carrier-pigeon`",
        ),
        ("log: {levle: info}\n", "at /log/levle: unknown key \"levle\"; did you mean \"level\"?"),
        ("n: [1\n", "app.yaml:1:4: "),
        ("", "app.yaml: is empty; write {}"),
        ("- 1\n", "a config is a map of keys, not a list"),
        ("n: ${env:MIDFLIGHT_TEST_UNSET}\n", "the variable MIDFLIGHT_TEST_UNSET is not set"),
    ] {
        let place = Place::new(text);
        let error = started(&place.file()).await.unwrap_err().to_string();
        assert!(error.starts_with("the config is not valid:") && error.contains(expected), "{text}: {error}");
    }
    let place = Place::new("");
    for (name, expected) in [("missing.yaml", "No such file"), (".", "it is not a file but a directory")] {
        let error = started(&place.at(name)).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_unreadable_change_changes_nothing_and_has_the_reason() {
    let place = Place::new("n: 1\n");
    let app = place.start().await;
    let file = place.file();
    let bomb: String =
        (1..9).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","))).collect();
    type Spoil<'a> = Box<dyn Fn() + 'a>;
    let spoils: Vec<(&str, Spoil<'_>)> = vec![
        ("No such file", Box::new(|| fs::remove_file(place.file()).unwrap())),
        ("a directory", Box::new(|| fs::create_dir(place.file()).unwrap())),
        (
            "symbolic links",
            Box::new(|| {
                fs::remove_dir(place.file()).unwrap();
                symlink("app.yaml", place.file()).unwrap();
            }),
        ),
        (
            "not UTF-8",
            Box::new(|| {
                fs::remove_file(place.file()).unwrap();
                fs::write(place.file(), b"\xff\xfe").unwrap();
            }),
        ),
        ("more than 1048576 bytes", Box::new(|| fs::write(place.file(), vec![b'#'; (1 << 20) + 1]).unwrap())),
        ("is empty", Box::new(|| place.rename_over("# nothing\n"))),
        ("aliases", Box::new(move || place_bomb(&file, &bomb))),
    ];
    for (expected, spoil) in spoils {
        spoil();
        let report = app.reload(Trigger::Manual, "anna").await;
        assert_eq!((report.status, app.config().load().n), (Outcome::LoadFailed, 1), "{expected}");
        let problem = report.problems[0].to_string();
        assert!(problem.contains(expected), "{problem}");
        assert_eq!(report.served_hash, Some(Digest::of_bytes(b"n: 1\n")));
    }
    place.rename_over("n: 2\n");
    let report = until(&app, |report| report.is_live()).await;
    assert_eq!((report.problems.len(), app.config().load().n), (0, 2));
    app.stop().await;
}

fn place_bomb(file: &std::path::Path, bomb: &str) {
    fs::write(file, format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{bomb}")).unwrap();
}

#[tokio::test]
async fn a_file_that_is_half_written_is_waited_for() {
    let place = Place::new("n: 1\n");
    let app = place.start().await;
    let mut writer = fs::File::create(place.file()).unwrap();
    writer.write_all(b"n: 4").unwrap();
    // What is there in the middle is a config too, and must not be taken for one.
    let quiet = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(quiet, app.next_report()).await.is_err());
    writer.write_all(b"2\n").unwrap();
    drop(writer);
    until(&app, |report| report.hash == Some(Digest::of_bytes(b"n: 42\n"))).await;
    assert_eq!(app.config().load().n, 42);
    let reloads = app.engine().history().statistics(|_| true);
    assert_eq!(reloads.by_outcome.get(&Outcome::Success.into()), Some(&2), "the start and the whole file");
    app.stop().await;
}

#[tokio::test]
async fn a_document_past_the_file_refers_to_what_the_program_allows_and_the_file_to_anything() {
    let secrets = tempfile::tempdir().unwrap();
    let key = secrets.path().join("key");
    fs::write(&key, "info-of-a-secret").unwrap();
    let reference = format!("${{file:{}}}", key.display());
    let place = Place::new(&format!("log: {{level: \"{reference}\"}}\n"));
    let edit = || Edit {
        take_over: true,
        ..Edit::new(
            "anna",
            Trigger::Manual,
            [Change::put("config/app".parse().unwrap(), json!({"token": reference}))],
        )
    };
    for (references, expected) in [
        (References::none(), Err("--reference-dir")),
        (References::none().directory(secrets.path()).unwrap(), Ok("info-of-a-secret")),
    ] {
        let mut builder = AppBuilder::referring("app", shape(), references).unwrap();
        builder.file(place.file());
        let app = builder.start().await.unwrap();
        assert_eq!(app.config().load().log.level, "info-of-a-secret");
        match (app.engine().apply(edit()).await, expected) {
            (Ok(_), Ok(token)) => assert_eq!(app.config().load().token.expose(), token),
            (Err(refused), Err(cure)) => assert!(refused.to_string().contains(cure), "{refused}"),
            (other, _) => panic!("{other:?}"),
        }
        app.stop().await;
    }
}
