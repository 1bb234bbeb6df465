//! How the command line behaves: its guide, formats, tokens in files, diffs, completion, manual pages.

use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Ran, Server, binary, condition, read};
use crate::transcripts::follow;

#[test]
fn the_guide_of_the_command_line_goes_as_it_says() {
    let server = Server::with_loans();
    follow("docs/cli.md", &server, &[]);
}

#[test]
fn names_are_for_scripts_and_wide_tables_have_more_columns() {
    let server = Server::with_loans();
    let names = server.run(&["get", "rules", "--prefix", "loans/", "-o", "name"]);
    assert_eq!(names, "rules/loans/1-income\nrules/loans/2-security\nrules/loans/3-history\n");
    let plain = server.run(&["history"]);
    let wide = server.run(&["history", "-o", "wide"]);
    assert!(!plain.contains("DIGEST") && wide.contains("TRIGGER") && wide.contains("DIGEST"), "{wide}");
    assert_eq!(server.run(&["history", "-o", "name"]), "1\n");
    assert_eq!(server.run(&["get", "rules/loans/1-income", "-o", "name"]), "rules/loans/1-income\n");
    server.write("c.yaml", &condition("earns-enough", 25_000));
    let applied = server.run(&["apply", "-f", "c.yaml", "-o", "name"]);
    assert_eq!(applied, "rules/conditions/earns-enough\n");
}

#[test]
fn json_is_the_answer_of_the_server_with_all_its_members() {
    let server = Server::with_loans();
    let status: Value = serde_json::from_str(&server.run(&["status", "-o", "json"])).unwrap();
    let url = format!("{}/api/v1/status", server.url);
    let (_, sent) = midflight_testkit::http::get(&url).unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&status), members(&sent));
    let log: Value = serde_json::from_str(&server.run(&["history", "-o", "json"])).unwrap();
    assert_eq!(log[0]["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn a_token_may_be_in_a_file_and_a_flag_takes_precedence_over_a_variable() {
    let server = Server::with_loans();
    server.write("good", &format!("{}\n", server.token));
    server.write("empty", "\n");
    let ran = |args: &[&str], token: &str| {
        let mut command = server.command(args);
        Ran::of(command.env("MIDFLIGHT_TOKEN", token).output().unwrap())
    };
    for token in ["", "wrong"] {
        let listed = ran(&["token", "list", "--token-file", "good"], token);
        assert!(listed.stdout.contains("admin"), "{}", listed.stderr);
    }
    let wrong = ran(&["token", "list", "--token-file", "good", "--token", "wrong"], "");
    assert!(wrong.stderr.contains("unauthenticated"), "{}", wrong.stderr);
    for (file, why) in [("empty", "is empty"), ("none", "cannot read the token file none")] {
        let refused = ran(&["token", "list", "--token-file", file], "");
        assert!(refused.code == Some(2) && refused.stderr.contains(why), "{}", refused.stderr);
    }
    let mut command = server.command(&["token", "list"]);
    command.env_remove("MIDFLIGHT_TOKEN").env("MIDFLIGHT_TOKEN_FILE", "good");
    assert_eq!(Ran::of(command.output().unwrap()).code, Some(0));
}

#[test]
fn a_diff_is_of_the_format_of_its_files_and_has_colors_only_where_they_are_wanted() {
    let server = Server::with_loans();
    let yaml = condition("earns-enough", 25_000);
    server.write("c.yaml", &yaml);
    server.write(
        "c.json",
        r#"{"kind": "rules", "name": "conditions/earns-enough",
        "body": {"attribute": "applicant.income", "operator": "greater_than_or_equal", "constant": 25000}}"#,
    );
    let diff = |file: &str, variables: &[(&str, &str)]| {
        let mut command = server.command(&["diff", "-f", file]);
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR").envs(variables.iter().copied());
        Ran::of(command.output().unwrap()).stdout
    };
    let plain = diff("c.yaml", &[]);
    assert!(
        plain.contains("-  constant: 30000\n+  constant: 25000\n") && !plain.contains('\u{1b}'),
        "{plain}"
    );
    assert!(diff("c.json", &[]).contains("+  \"constant\": 25000"));
    let colored = diff("c.yaml", &[("CLICOLOR_FORCE", "1")]);
    assert!(colored.contains("\u{1b}[32m+  constant: 25000\u{1b}[0m"), "{colored:?}");
    assert!(!diff("c.yaml", &[("NO_COLOR", "1")]).contains('\u{1b}'));
}

#[test]
fn names_of_documents_are_completed_by_the_server() {
    let server = Server::with_loans();
    let complete = |words: &[&str]| {
        let mut command = server.command(&["--", "midflight"]);
        command.args(words).env("MIDFLIGHT_COMPLETE", "bash").env("_CLAP_IFS", "\n");
        command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        Ran::of(command.output().unwrap()).stdout
    };
    assert!(complete(&["get", "rul"]).contains("rules"));
    let documents = complete(&["get", "rules/loans/"]);
    assert!(documents.contains("rules/loans/1-income") && !documents.contains("conditions"), "{documents}");
    assert!(complete(&["edit", "rul"]).contains("rules/"));
    assert!(complete(&["his"]).contains("history"));
    let script = Ran::of(binary().args(["completions", "bash"]).output().unwrap()).stdout;
    assert!(script.contains("MIDFLIGHT_COMPLETE"), "{script}");
    // Without a server there are no names, and nothing is said.
    let mut command = binary();
    command.args(["--", "midflight", "get", "rul"]).env("MIDFLIGHT_COMPLETE", "bash");
    command.env("_CLAP_COMPLETE_INDEX", "2").env("MIDFLIGHT_URL", "127.0.0.1:1");
    let quiet = Ran::of(command.output().unwrap());
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let made = Ran::of(binary().arg("man").arg(&pages).stdin(Stdio::null()).output().unwrap());
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{}", made.stderr);
    assert!(read(&pages.join("midflight.1")).contains("midflight\\-apply(1)"));
    assert!(read(&pages.join("midflight-config-set.1")).contains("KEY=VALUE"));
}

#[test]
fn the_doctor_looks_at_the_fleet() {
    let server = Server::with_loans();
    let doctor = crate::harness::wait_for("the replica's first report", || {
        let told = server.run(&["doctor"]);
        told.contains("the only replica serves revision 1").then_some(told)
    });
    assert!(doctor.starts_with("ok") && doctor.contains("ok  fleet"), "{doctor}");
    let findings: Value = serde_json::from_str(&server.run(&["doctor", "-o", "json"])).unwrap();
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["what"] == "fleet"));
}

#[test]
fn a_flag_of_another_format_names_the_format_that_takes_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for (args, why) in [
        (&["--conditions", "x"][..], "--conditions goes with --format rule-engine"),
        (&["--on-conflict", "prefix"], "--on-conflict goes with --format rule-engine"),
    ] {
        let ran = Ran::of(binary().args(["import", path]).args(args).output().unwrap());
        assert!(ran.code == Some(2) && ran.stderr.contains(why), "{}", ran.stderr);
    }
}
