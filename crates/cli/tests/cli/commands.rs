//! Every command that succeeds.

use serde_json::Value;

use crate::harness::{Ran, Server, binary, condition};

const SOUND: &str =
    r#"{"amount": 20000, "applicant": {"income": 28000, "years_employed": 6, "defaults": 0}}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a diff that finds differences prints: it ends with exit code 1 and says nothing of an error.
#[track_caller]
fn different(server: &Server, args: &[&str]) -> String {
    let ran = Ran::of(server.command(args).output().unwrap());
    assert_eq!((ran.code, ran.stderr.contains("error")), (Some(1), false), "{args:?}: {}", ran.stderr);
    ran.stdout
}

#[test]
fn the_day_of_an_editor() {
    let server = Server::with_loans();
    let kinds = server.run(&["get"]);
    assert!(kinds.contains("rules      9") && kinds.contains("schedules  0"), "{kinds}");
    assert!(server.run(&["get", "rules"]).contains("loans/1-income"));
    assert_eq!(
        json(&server.run(&["get", "rules", "--prefix", "loans/", "-o", "json"])).as_array().unwrap().len(),
        3
    );
    let rule = server.run(&["get", "rules/loans/1-income"]);
    assert!(rule.starts_with("kind: rules\nname: loans/1-income\nbody:\n"), "{rule}");

    let executed = json(&server.run(&["execute", "loans", "--data", SOUND, "--explain", "-o", "json"]));
    assert_eq!(executed["pattern_result"], "-YY");
    assert_eq!(executed["rule_evaluations"].as_array().unwrap().len(), 3);
    assert!(server.run(&["execute", "--data", SOUND]).contains("ask for a guarantor"));
    server.write("input.json", SOUND);
    assert!(server.run(&["execute", "--data", "@input.json"]).contains("-YY"));
    assert!(Ran::with_input(server.command(&["execute", "--data", "-"]), SOUND).stdout.contains("-YY"));

    server.write("c.yaml", &condition("earns-enough", 25000));
    let diff = different(&server, &["diff", "-f", "c.yaml"]);
    assert!(diff.contains("-  constant: 30000") && diff.contains("+  constant: 25000"), "{diff}");
    assert!(server.run(&["apply", "-f", "c.yaml", "--dry-run"]).contains("+  constant: 25000"));
    let applied =
        Ran::of(server.command(&["apply", "-f", "c.yaml", "--reason", "generous"]).output().unwrap());
    assert_eq!(applied.stdout, "rules/conditions/earns-enough changed\n");
    assert_eq!(applied.stderr, "revision 2 is live\n");
    let again = Ran::of(server.command(&["apply", "-f", "c.yaml"]).output().unwrap());
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""));
    assert_eq!(again.stderr, "unchanged\n");
    assert!(server.run(&["execute", "--data", SOUND]).contains("YYY"));

    assert!(server.run(&["get", "rules/conditions/earns-enough"]).contains("constant: 25000"));
    assert!(server.run(&["get", "rules/conditions/earns-enough", "--at", "1"]).contains("constant: 30000"));

    let history = server.run(&["history"]);
    assert!(history.contains("generous") && history.contains("startup"), "{history}");
    assert_eq!(json(&server.run(&["history", "--limit", "1", "-o", "json"])).as_array().unwrap().len(), 1);
    assert!(server.run(&["history", "rules/conditions/earns-enough"]).contains("generous"));
    assert!(different(&server, &["diff", "2"]).contains("+  constant: 25000"));
    assert_eq!(
        json(&different(&server, &["diff", "2", "--against", "0", "-o", "json"]))["documents"]
            .as_array()
            .unwrap()
            .len(),
        9
    );
    assert_eq!(server.run(&["restore", "1"]), "rules/conditions/earns-enough changed\n");
    assert!(server.run(&["execute", "--data", SOUND]).contains("-YY"));
    let check = "rules/checks/a-sound-application-is-approved";
    assert_eq!(server.run(&["delete", check, "--reason", "old"]), format!("{check} deleted\n"));
    assert_eq!(
        server.run(&["restore", "1", "--kind", "rules", "--name", "checks/a-sound-application-is-approved"]),
        format!("{check} added\n")
    );
    assert!(server.run(&["reload"]).starts_with("unchanged: revision 5 is served"));
    assert_eq!(json(&server.run(&["reload", "--force", "-o", "json"]))["outcome"], "success");
    assert_eq!(json(&server.run(&["status", "-o", "json"]))["served_revision"], 5);
    assert!(server.run(&["status"]).contains("served revision   5"));
    assert!(server.run(&["replicas"]).contains(&server.url));
    assert!(server.run(&["status", "--all"]).contains(&server.url));
    assert_eq!(server.run(&["version"]), server.run(&["--version"]));
    assert_eq!(server.run(&["help", "apply"]), server.run(&["apply", "--help"]));
    assert_eq!(server.run(&["ls", "rules"]), server.run(&["get", "rules"]));
    let doctor = server.run(&["doctor", "--data-dir", "data"]);
    assert!(
        doctor.contains("revision 5 is desired and served") && doctor.contains("is in use by a server"),
        "{doctor}"
    );
    assert!(server.run(&["completions", "bash"]).contains("midflight"));
}

#[test]
fn an_apply_without_a_reason_is_known_by_its_files() {
    let server = Server::start(&[]);
    server.write("c.yaml", &condition("earns-enough", 25000));
    server.write("d.yaml", &condition("is-old", 70));
    server.run(&["apply", "-f", "c.yaml", "d.yaml"]);
    let history = server.run(&["history", "--limit", "1"]);
    assert!(history.contains("apply c.yaml d.yaml"), "{history}");
    let tried = Ran::of(server.command(&["diff", "-f", "c.yaml"]).output().unwrap());
    let tried = (tried.code, tried.stdout.as_str(), tried.stderr.as_str());
    assert_eq!(tried, (Some(0), "", "nothing would change\n"));
}

#[test]
fn many_documents_are_told_in_few_lines() {
    let server = Server::start(&[]);
    let many: String = (0..60).map(|n| condition(&format!("c{n}"), n) + "---\n").collect();
    server.write("many.yaml", &many);
    let lines = server.run(&["apply", "-f", "many.yaml"]);
    assert_eq!((lines.lines().count(), lines.lines().last()), (51, Some("and 10 more")));
}

#[test]
fn a_name_that_is_no_document_shows_those_below_it_or_the_nearest() {
    let server = Server::with_loans();
    let below = server.run(&["get", "rules/conditions"]);
    assert!(below.contains("conditions/earns-enough") && !below.contains("loans/1-income"), "{below}");
    let near = server.refused(&["get", "rules/conditions/earn-enough"]);
    assert!(near.contains("did you mean \"conditions/earns-enough\"?"), "{near}");
    assert!(server.refused(&["get", "rules/zzz"]).contains("not_found"));
}

#[test]
fn an_address_needs_no_scheme_and_a_port_is_enough_to_listen() {
    let server = Server::start(&[]);
    let address = server.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    assert!(server.run(&["get", "--url", &address]).contains("rules"));
    let port = address.rsplit(':').next().unwrap();
    let mut taken = binary();
    taken
        .args(["serve", "--listen", &format!(":{port}"), "--data-dir"])
        .arg(server.folder.path().join("other"));
    let taken = Ran::of(taken.output().unwrap());
    assert!(taken.code == Some(1) && taken.stderr.contains(&format!("127.0.0.1:{port}")), "{}", taken.stderr);
}

#[test]
fn what_is_exported_imports_elsewhere_and_is_the_same() {
    let (one, other) = (Server::with_loans(), Server::start(&[]));
    let exported = one.run(&["export"]);
    other.write("all.yaml", &exported);
    assert_eq!(other.run(&["import", "all.yaml"]).lines().count(), 9);
    assert_eq!(other.run(&["export", "--kind", "rules"]), exported);
    other.write("all.json", &one.run(&["export", "-o", "json"]));
    assert_eq!(json(&other.run(&["import", "all.json", "-o", "json"]))["outcome"], "unchanged");
    let piped = Ran::with_input(other.command(&["apply", "-f", "-", "-o", "json"]), &exported);
    assert_eq!(json(&piped.stdout)["outcome"], "unchanged");
    // Directories, several files, and what is written as YAML for people.
    let folder = other.folder.path().join("folder/deeper");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), other.run(&["get", "rules/loans", "-o", "yaml"])).unwrap();
    std::fs::write(folder.join(".hidden.yaml"), "no: [").unwrap();
    std::fs::write(folder.join("b.json"), r#"{"kind": "rules", "name": "conditions/new", "body": {"attribute": "a", "operator": "equal", "constant": 1}}"#).unwrap();
    let twice = other.refused(&["apply", "-f", "folder", "all.yaml"]);
    assert!(twice.contains("rules/loans is at folder/deeper/a.yaml:1 already"), "{twice}");
    std::fs::remove_file(folder.join("a.yaml")).unwrap();
    assert_eq!(other.run(&["apply", "-f", "folder", "-f", "all.yaml"]), "rules/conditions/new added\n");
}

#[test]
fn a_second_import_leaves_the_conditions_of_the_first_as_they_are() {
    let server = Server::start(&[]);
    let rules =
        r#"{"rules_set": [{"id": "R1", "conditions": {"item": "C1"}, "weight": 1, "action_result": "Y"}]}"#;
    server.write("rules.json", rules);
    let conditions = |constant: u32| {
        format!(
            r#"{{"conditions_set": [{{"condition_id": "C1", "attribute": "age", "equation": "greater_than", "constant": {constant}}}]}}"#
        )
    };
    server.write("first.json", &conditions(30));
    server.write("second.json", &conditions(40));
    let import = |file, ruleset, more: &[&'static str]| {
        let flags =
            ["import", "rules.json", "--format", "rule-engine", "--conditions", file, "--ruleset", ruleset];
        [flags.as_slice(), more].concat()
    };
    server.run(&import("first.json", "first", &[]));
    assert!(server.run(&import("first.json", "same", &[])).contains("rules/same/R1 added"));
    let refused = server.refused(&import("second.json", "second", &[]));
    assert!(
        refused.contains(
            "second.json: at /conditions_set: condition C1: the catalogue has another one of this id"
        ) && refused.contains("used by first, same")
            && refused.contains("--on-conflict prefix"),
        "{refused}"
    );
    let tried = ["--on-conflict", "prefix", "--dry-run"];
    let tried = Ran::of(server.command(&import("second.json", "second", &tried)).output().unwrap());
    assert!(tried.stderr.contains("this one is imported as second-C1"), "{}", tried.stderr);
    assert!(server.refused(&["get", "rules/second"]).contains("rules/second"));
    server.run(&import("second.json", "second", &["--on-conflict", "prefix"]));
    let pattern = |ruleset| server.run(&["execute", ruleset, "--data", r#"{"age": 35}"#, "-o", "json"]);
    assert!(pattern("first").contains(r#""pattern_result": "Y""#));
    assert!(pattern("second").contains(r#""pattern_result": "-""#));
    server.run(&import("second.json", "second", &["--on-conflict", "replace"]));
    assert!(pattern("first").contains(r#""pattern_result": "-""#));
    let usage =
        Ran::of(server.command(&["import", "rules.json", "--on-conflict", "prefix"]).output().unwrap());
    assert_eq!(usage.code, Some(2), "{}", usage.stderr);
}

#[test]
fn the_original_engines_files_are_imported() {
    let server = Server::start(&[]);
    server.write(
        "rules.json",
        r#"{"rules_set": [{"id": "R1", "rule_name": "old", "type": "simple", "conditions": {"item": "C1"},
            "description": "d", "rule_point": 2, "weight": 1, "priority": 1, "action_result": "Y"}],
            "patterns": {"Y": "yes"}}"#,
    );
    server.write(
        "conditions.json",
        r#"{"conditions_set": [{"condition_id": "C1", "condition_name": "c", "attribute": "age", "equation": "greater_than", "constant": "30"}]}"#,
    );
    let flags = [
        "import",
        "rules.json",
        "--format",
        "rule-engine",
        "--conditions",
        "conditions.json",
        "--ruleset",
        "old",
    ];
    assert!(server.run(&flags).contains("rules/old/R1 added"));
    assert!(server.run(&["execute", "old", "--data", r#"{"age": 31}"#]).contains("yes"));
    let unnamed = ["import", "rules.json", "--format", "rule-engine", "--conditions", "conditions.json"];
    assert!(server.run(&unnamed).contains("rules/default/R1 added"));
    assert!(server.run(&["execute", "--data", r#"{"age": 31}"#]).contains("yes"));
    // A rule whose attribute, operator and constant stand on it: matched to the conditions of the file, or written out.
    server.write(
        "first.json",
        r#"{"rules_set": [{"id": "R1", "attribute": "age", "condition": "equal", "constant": 1}]}"#,
    );
    let first = ["import", "first.json", "--format", "rule-engine", "--ruleset", "first"];
    let refused = server.refused(&[first.as_slice(), &["--conditions", "conditions.json"]].concat());
    assert!(
        refused
            .contains("first.json: at /rules_set/0/condition: rule R1: the conditions file has no condition"),
        "{refused}"
    );
    let taken = Ran::of(server.command(&first).output().unwrap());
    assert!(taken.stdout.contains("rules/first/R1 added"), "{}", taken.stderr);
    assert!(taken.stderr.contains("rule R1: without a weight a match gives 0 points"), "{}", taken.stderr);
    assert!(server.run(&["execute", "first", "--data", r#"{"age": 1}"#]).contains('Y'));
}
