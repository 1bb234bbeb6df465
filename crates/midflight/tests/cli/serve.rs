//! A server's life: the first start, signals, crashes, a folder that it keeps in step with.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;

use crate::harness::{Ran, Server, binary, condition, read, serve, wait_for};

#[test]
fn a_start_tells_where_it_listens_and_keeps_its_token_private() {
    let server = Server::start(&["--replica-id", "r1", "--label", "zone=a", "--label", "rack=b"]);
    let log = read(&server.folder.path().join("stderr"));
    assert!(log.contains(&format!("midflight is listening on {}", server.url)), "{log}");
    assert!(!log.contains(&server.token));
    let mode = std::fs::metadata(server.folder.path().join("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let replicas = server.run(&["replicas", "-o", "json"]);
    assert!(replicas.contains("\"id\": \"r1\"") && replicas.contains("\"zone\": \"a\""), "{replicas}");

    // Without a file the token is told once, at the first start.
    let folder = tempfile::tempdir().unwrap();
    for start in 0..2 {
        let stderr = folder.path().join("log");
        let mut command = binary();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
        let mut child = command.stderr(std::fs::File::create(&stderr).unwrap()).spawn().unwrap();
        wait_for("the address", || read(&stderr).contains("midflight is listening on").then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read(&stderr).contains("    mf_"), start == 0);
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
fn what_it_cannot_start_on_is_told() {
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
    let told = read(&other.path().join("stderr"));
    assert!(told.contains("bad.yaml:4:14: rules/loans/x at /rule_pint"), "{told}");

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
fn a_watched_directory_is_served_and_owns_what_it_says() {
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
    let told = server.refused(&["apply", "-f", "mine.yaml"]);
    assert!(told.contains("belongs to file:") && told.contains("--take-over"), "{told}");
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
    assert!(server.run(&["reload", "--confirm-loss", &dir]).contains("0 documents"));
    server.refused(&["get", "rules/conditions/watched"]);
}
