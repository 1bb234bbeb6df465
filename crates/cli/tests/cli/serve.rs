//! A server's life: the first start, signals, crashes, a folder that it keeps in step with.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;

use crate::harness::{Ran, Server, binary, condition, read, serve, wait_for};

#[test]
fn a_start_prints_its_address_and_keeps_its_token_private() {
    let server = Server::start(&["--replica-id", "r1", "--label", "zone=a", "--label", "rack=b"]);
    let log = read(&server.folder.path().join("stderr"));
    assert!(log.contains(&format!("midflight is listening on {}", server.url)), "{log}");
    assert!(!log.contains(&server.token));
    let mode = std::fs::metadata(server.folder.path().join("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let replicas = server.run(&["replicas", "-o", "json"]);
    assert!(replicas.contains("\"id\": \"r1\"") && replicas.contains("\"zone\": \"a\""), "{replicas}");

    // Without a file, and with nobody at a terminal who reads it, the token is kept at the first start.
    let folder = tempfile::tempdir().unwrap();
    for start in 0..2 {
        let stderr = folder.path().join("log");
        let mut command = binary();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
        let mut child = command.stderr(std::fs::File::create(&stderr).unwrap()).spawn().unwrap();
        wait_for("the address", || read(&stderr).contains("midflight is listening on").then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        let (log, kept) = (read(&stderr), folder.path().join("data/admin-token"));
        assert_eq!(log.contains(&format!("the admin token is in {}", kept.display())), start == 0, "{log}");
        let token = read(&kept);
        assert!(token.starts_with("mf_") && !log.contains("mf_"), "{log}");
        let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn foreign_texts_forge_no_line_of_the_log_nor_of_a_command() {
    const FORGED: &str = "2026-11-26T00:00:00.000000Z ERROR all is lost";
    for format in ["text", "json"] {
        let server = Server::start(&["--log-format", format]);
        let key = format!("a\n{FORGED}\u{1b}[2K\u{9b}31m\u{202e}");
        let body = serde_json::json!({"kind": "config", "name": "midflight", "body": {"log": {key: 1}}});
        server.write("forged.json", &body.to_string());
        let message = server.refused(&["apply", "-f", "forged.json"]);
        let log = read(&server.folder.path().join("stderr"));
        assert!(log.contains("reload rejected; keeping current revision"), "{log}");
        for reported in [&message, &log] {
            assert!(reported.contains("all is lost"), "{reported}");
            assert!(!reported.lines().any(|line| line.starts_with(FORGED)), "{reported}");
            assert!(!reported.contains(['\u{1b}', '\u{9b}']), "{reported:?}");
        }
        assert!(!log.contains('\u{202e}'), "{log:?}");
        let lines = log.lines().filter(|line| line.starts_with('{'));
        let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.is_empty(), format == "text", "{log}");
    }
}

#[test]
fn no_secret_is_in_a_log_line() {
    const CANARY: &str = "canary-of-a-secret-4711";
    let (secrets, double) = (tempfile::tempdir().unwrap(), midflight_testkit::LlmDouble::start());
    std::fs::write(secrets.path().join("key"), CANARY).unwrap();
    let server = Server::start(&["--log", "trace", "--reference-dir", secrets.path().to_str().unwrap()]);
    double.next([midflight_testkit::LlmDoes::Says(400, "", String::new())]);
    let key = format!("llm.api_key=${{file:{}/key}}", secrets.path().display());
    // What it is told is not said by the one who keeps the secret.
    let url = format!("llm.base_url={}", double.base_url().replace("/v1", &format!("/{CANARY}/v1")));
    let message = server.refused(&["config", "set", "midflight", "llm.model=m", &url, &key]);
    let log = read(&server.folder.path().join("stderr"));
    for reported in [message, log] {
        assert!(reported.contains("/***/v1") && !reported.contains(CANARY), "{reported}");
    }
    let mut tried = server.command(&["config", "set", "midflight", "llm.model=m", &url, &key, "--dry-run"]);
    let tried = Ran::of(tried.output().unwrap());
    assert!(tried.stderr.contains("components not tried: logger, llm"), "{}", tried.stderr);
    assert_eq!(double.asked().len(), 1, "a dry run asks nobody");
}

#[test]
fn a_forbidden_reference_is_reported_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, value, expected) in [
        ("--reference-dir", "/nowhere/at/all", "cannot allow references to files in /nowhere/at/all"),
        ("--reference-env", "", "give the common prefix"),
    ] {
        let ended = serve(folder.path()).args([flag, value]).status().unwrap();
        assert_eq!(ended.code(), Some(2));
        let message = read(&folder.path().join("stderr"));
        assert!(message.contains(&format!("{flag}: ")) && message.contains(expected), "{message}");
    }
}

#[test]
fn signals_stop_it_and_what_was_acknowledged_is_there_after_a_crash() {
    let server = Server::with_loans();
    let (code, folder) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(!folder.path().join("ready").exists());
    assert!(!read(&folder.path().join("stderr")).contains("ERROR"));

    let server = Server::start_in(folder, &[]);
    server.write("c.yaml", &condition("earns-enough", 26000));
    server.run(&["apply", "-f", "c.yaml"]);
    let (code, folder) = server.signal("-KILL");
    assert_eq!(code, None);
    let loans = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/loans");
    let server = Server::start_in(folder, &["--apply-if-empty", loans]);
    assert!(server.run(&["get", "rules/conditions/earns-enough"]).contains("constant: 26000"));
    assert!(server.run(&["status", "-o", "json"]).contains("\"served_revision\": 2"));
    assert_eq!(server.signal("-INT").0, Some(0));
}

#[test]
fn the_first_documents_are_of_every_kind_and_stay_what_they_became() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.yaml");
    let first =
        "kind: config\nname: shop\nbody:\n  greeting: ciao\n---\nkind: rules\nname: loans\nbody: {}\n";
    std::fs::write(&file, first).unwrap();
    let flags = ["--apply-if-empty", file.to_str().unwrap()];
    let server = Server::start(&flags);
    assert!(server.run(&["get", "config/shop"]).contains("greeting: ciao"));
    assert!(read(&server.folder.path().join("stderr")).contains(
        "applied 2 initial documents to the empty \
                                                                 log"
    ));
    assert!(server.run(&["status", "-o", "json"]).contains("\"served_revision\": 1"));
    server.run(&["delete", "config/shop"]);
    let (_, of_server) = server.signal("-TERM");
    let server = Server::start_in(of_server, &flags);
    assert!(server.run(&["status", "-o", "json"]).contains("\"served_revision\": 2"));
}

#[test]
fn an_impossible_start_is_reported() {
    let server = Server::with_loans();
    let folder = server.folder.path();
    let second = serve(folder).status().unwrap();
    assert_eq!(second.code(), Some(1));
    assert!(read(&folder.join("stderr")).contains("in use"), "{}", read(&folder.join("stderr")));

    let other = tempfile::tempdir().unwrap();
    let bad = other.path().join("bad.yaml");
    std::fs::write(&bad, "kind: rules\nname: loans/x\nbody:\n  rule_pint: 1\n").unwrap();
    let ended = serve(other.path()).arg("--apply-if-empty").arg(&bad).status().unwrap();
    assert_eq!(ended.code(), Some(1));
    let message = read(&other.path().join("stderr"));
    assert!(message.contains("bad.yaml:4:14: rules/loans/x at /rule_pint"), "{message}");

    std::fs::write(other.path().join("token"), "short").unwrap();
    assert_eq!(serve(other.path()).status().unwrap().code(), Some(1));
    assert!(read(&other.path().join("stderr")).contains("token file"));
    std::fs::remove_file(other.path().join("token")).unwrap();
    let taken = server.url.trim_start_matches("http://");
    let mut command = binary();
    command.args(["serve", "--data-dir"]).arg(other.path().join("data")).env("MIDFLIGHT_LISTEN", taken);
    let ended = Ran::of(command.output().unwrap());
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot listen on") && ended.stderr.contains("in use"), "{}", ended.stderr);

    std::fs::write(other.path().join("data/midflight.db"), "not a database, but long enough to be looked at")
        .unwrap();
    let ended = serve(other.path()).status().unwrap();
    assert_eq!(ended.code(), Some(1));
    let doctor = binary().args(["doctor", "--data-dir"]).arg(other.path().join("data")).output().unwrap();
    assert!(Ran::of(doctor).stdout.contains("wrong  data"));
}

#[test]
fn a_watched_directory_is_served_and_owns_its_documents() {
    let folder = tempfile::tempdir().unwrap();
    let watched = folder.path().join("watched");
    std::fs::create_dir(&watched).unwrap();
    std::fs::write(watched.join("a.yaml"), condition("watched", 1)).unwrap();
    let server = Server::start_in(folder, &["--watch", watched.to_str().unwrap()]);
    let constant = |n: u64| {
        let found = format!("constant: {n}\n");
        wait_for("the directory", || {
            server.run(&["get", "rules/conditions/watched"]).contains(&found).then_some(())
        });
    };
    constant(1);
    std::fs::create_dir(watched.join("..v2")).unwrap();
    std::fs::write(watched.join("..v2/a.yaml"), condition("watched", 2)).unwrap();
    symlink("..v2/a.yaml", watched.join(".new")).unwrap();
    std::fs::rename(watched.join(".new"), watched.join("a.yaml")).unwrap();
    constant(2);
    assert!(server.run(&["history", "-o", "json"]).contains("\"trigger\": \"file_watch\""));

    server.write("mine.yaml", &condition("watched", 3));
    let message = server.refused(&["apply", "-f", "mine.yaml"]);
    assert!(message.contains("belongs to file:") && message.contains("--take-over"), "{message}");
    server.run(&["apply", "-f", "mine.yaml", "--take-over"]);
    constant(3);
    assert!(server.run(&["get", "rules", "-o", "json"]).contains("\"owner\": null"));
}

#[test]
fn a_watched_directory_that_lost_its_files_is_confirmed_by_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let watched = folder.path().join("watched");
    std::fs::create_dir(&watched).unwrap();
    std::fs::write(watched.join("a.yaml"), condition("watched", 1)).unwrap();
    let dir = watched.to_str().unwrap().to_owned();
    let server = Server::start_in(folder, &["--watch", &dir]);
    std::fs::remove_file(watched.join("a.yaml")).unwrap();
    wait_for("the loss", || {
        server.run(&["status"]).contains("kept 1 of 1 documents that it would delete").then_some(())
    });
    assert!(server.run(&["get", "rules/conditions/watched"]).contains("constant: 1"));
    let doctor = Ran::of(server.command(&["doctor"]).output().unwrap());
    assert!(
        doctor.stdout.contains("wrong  directory  watched (") && doctor.code == Some(1),
        "{}",
        doctor.stdout
    );
    assert!(server.run(&["reload", "--confirm-loss", "watched"]).contains("0 documents"));
    server.refused(&["get", "rules/conditions/watched"]);
}
