//! Everything that goes wrong: the exit code, and what is said about it.

use std::process::Stdio;

use crate::harness::{Ran, Server, binary, condition};

#[test]
fn usage_is_exit_code_2() {
    for args in [
        &["nonsense"][..],
        &["apply"],
        &["diff"],
        &["diff", "1", "-f", "x"],
        &["restore", "x"],
        &["get", "Rules"],
        &["get", "--at", "1"],
        &["get", "rules/x", "--prefix", "x"],
        &["delete", "no-slash"],
        &["delete", "rules/.."],
        &["history", "--limit", "0"],
        &["execute", "--data", "{"],
        &["import", "x", "--conditions", "y"],
        &["get", "--url", "ftp://host"],
        &["get", "--url", "https://host", "--ca-file", "none.pem"],
        &["get", "--token", "a b"],
        &["get", "--output", "xml"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--store", "mysql://x"],
        &["serve", "--store", "postgres://anna:hunter2@db:port/log"],
        &["serve", "--bus", "kafka://x"],
        &["serve", "--redis-legacy-channel", "x"],
        &["serve", "--label", "x"],
        &["serve", "--log", "a=b=c"],
    ] {
        let ran = Ran::of(binary().args(args).stdin(Stdio::null()).output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn an_unreachable_server_is_reported_with_what_to_do() {
    let ran = Ran::of(binary().args(["get", "--url", "http://127.0.0.1:1"]).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    assert!(
        ran.stderr.contains("cannot connect to http://127.0.0.1:1") && ran.stderr.contains("midflight serve")
    );
    let ran = Ran::of(binary().args(["doctor", "--url", "http://127.0.0.1:1"]).output().unwrap());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("cannot connect"));
}

#[test]
fn errors_are_json_where_the_output_is() {
    let server = Server::with_loans();
    let ran = Ran::of(server.command(&["get", "rules/none", "-o", "json"]).output().unwrap());
    let message: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    let error = &message["error"];
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        (&error["code"], &error["status"], &error["exit_code"]),
        (&"not_found".into(), &404.into(), &1.into())
    );
    let unavailable = Ran::of(binary().args(["get", "--url", "127.0.0.1:1", "-o", "json"]).output().unwrap());
    let message: serde_json::Value = serde_json::from_str(&unavailable.stderr).unwrap();
    assert_eq!((unavailable.code, &message["error"]["exit_code"]), (Some(3), &3.into()));
}

#[test]
fn a_kind_that_the_server_does_not_have_is_an_error_everywhere() {
    let server = Server::with_loans();
    for args in [
        &["get", "rulez"][..],
        &["history", "rulez"],
        &["export", "--kind", "rulez"],
        &["watch", "--kind", "rulez"],
        &["restore", "1", "--kind", "rulez"],
        &["reload", "rulez"],
    ] {
        let message = server.refused(args);
        assert!(message.contains("unknown kind \"rulez\"; expected one of: "), "{args:?}: {message}");
    }
}

#[test]
fn what_is_refused_names_its_file_and_line_and_changes_nothing() {
    let server = Server::with_loans();
    server.write("c.yaml", &condition("earns-enough", 99000));
    let message = server.refused(&["apply", "-f", "c.yaml"]);
    assert!(message.contains("rules/checks/a-sound-application-is-approved at /expect/"), "{message}");
    server.write(
        "r.yaml",
        &format!("{}---\nkind: rules\nname: loans/x\nbody:\n  rule_pint: 1\n", condition("a", 1)),
    );
    let message = server.refused(&["apply", "-f", "r.yaml"]);
    assert!(message.contains("r.yaml:11:14: rules/loans/x at /rule_pint:"), "{message}");
    for (text, place) in [
        ("kind: rules\nname: a\nbody: [", "r.yaml:3:7: unclosed"),
        ("kind: rules\nname: a\nbody: {n: .nan}", "r.yaml:3:11: .nan is not a finite number"),
        ("{\"kind\": \"rules\",", "r.yaml:"),
        ("just text", "r.yaml:1:1: a document is a map"),
        ("", "no documents given"),
        ("\u{0}", "r.yaml:1:1"),
    ] {
        server.write("r.yaml", text);
        let message = server.refused(&["apply", "-f", "r.yaml"]);
        assert!(message.contains(place), "{text:?}: {message}");
    }
    std::fs::write(server.folder.path().join("r.yaml"), b"\xff").unwrap();
    assert!(server.refused(&["apply", "-f", "r.yaml"]).contains("not UTF-8"));
    assert!(server.refused(&["apply", "-f", "gone.yaml"]).contains("cannot read"));
    server.write("one.yaml", &condition("a", 1));
    server.write("two.yaml", &condition("a", 2));
    assert!(server.refused(&["apply", "-f", "one.yaml", "two.yaml"]).contains("is at one.yaml:1 already"));

    assert!(server.refused(&["get", "rules/none"]).contains("not_found"));
    assert!(server.refused(&["delete", "rules/loans/1-income", "rules/none"]).contains("rules/none"));
    assert!(server.refused(&["delete", "rules/conditions/earns-enough"]).contains("earns-enough"));
    assert!(server.refused(&["restore", "99"]).contains("no revision 99"));
    assert!(server.refused(&["diff", "99"]).contains("no revision 99"));
    assert!(server.refused(&["execute", "none", "--data", "{}"]).contains("none"));
    assert!(server.refused(&["execute", "--data", "[]"]).contains("invalid_"));
    for token in ["", "wrong"] {
        let message = Ran::of(
            server.command(&["apply", "-f", "one.yaml"]).env("MIDFLIGHT_TOKEN", token).output().unwrap(),
        );
        assert_eq!(message.code, Some(1));
        assert!(message.stderr.contains("MIDFLIGHT_TOKEN"), "{}", message.stderr);
    }
    let doctor = Ran::of(server.command(&["doctor"]).env("MIDFLIGHT_TOKEN", "wrong").output().unwrap());
    assert_eq!(doctor.code, Some(1));
    assert!(
        doctor.stdout.contains("ok     server") && doctor.stdout.contains("wrong  token"),
        "{}",
        doctor.stdout
    );
    assert!(server.run(&["status", "-o", "json"]).contains("\"served_revision\": 1"));
}

#[test]
fn a_reader_that_closes_the_output_is_not_a_failure() {
    let server = Server::with_loans();
    let mut child =
        server.command(&["export"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
