//! Patterns by the command line: the guide as it is written, and what is imported from the original system.

use midflight_testkit::{LlmDoes, LlmDouble, Postgres};
use serde_json::{Value, json};

use crate::harness::{Ran, Server, wait_for};
use crate::transcripts::follow;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/helpdesk");

#[test]
fn the_guide_runs() {
    let llm = LlmDouble::start();
    llm.classify_by(|_| ("ORDER_STATUS", 0.97));
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    follow("docs/patterns.md", &server, &[("LLM_URL", &llm.base_url()), ("LLM_MODEL", "double")]);
    assert_eq!(llm.chats(), 2, "only what nothing matched was asked, and once");
}

#[test]
fn a_server_is_there_before_its_llm_and_asks_it_once_it_is() {
    let llm = LlmDouble::start();
    llm.classify_by(|_| ("OTHER", 0.5));
    // Whether it is there, a server asks before it uses it.
    llm.next(std::iter::repeat_n(LlmDoes::Says(503, "", String::new()), 10_000));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, format!("llm: {{base_url: '{}', model: double}}\n", llm.base_url())).unwrap();
    let server = Server::start(&["--apply-if-empty", EXAMPLE, "--config", config.to_str().unwrap()]);
    let ask = || server.run(&["classify", "is there a moon", "--output", "json"]);
    let first = ask();
    assert!(first.contains("\"source\": \"none\"") && first.contains("available yet"), "{first}");
    llm.next([]);
    wait_for("the LLM", || ask().contains("\"source\": \"llm\"").then_some(()));
}

/// Rows of which three cannot be patterns, each for a reason of its own.
fn rows() -> Value {
    let good = (0..20).map(|n| json!({"id": n, "pattern": format!("question {n}"), "category": "METRIC"}));
    let bad = [
        json!({"id": 100, "pattern": "without a category"}),
        json!({"id": 901, "pattern": "Question 7!", "category": "OTHER"}),
        json!({"id": 102, "pattern": "?!", "category": "OTHER"}),
    ];
    good.chain(bad).collect()
}

fn ran(server: &Server, args: &[&str]) -> Ran {
    Ran::of(server.command(args).output().unwrap())
}

#[test]
fn rows_are_imported_all_or_none_unless_what_is_bad_is_to_be_left_out() {
    let server = Server::start(&[]);
    server.write("rows.json", &rows().to_string());
    let import = ["import", "--format", "pattern-rows", "rows.json"];
    let refused = server.refused(&import);
    assert!(refused.contains("\"without a category\" has no category"), "{refused}");
    assert_eq!(server.run(&["pattern", "list", "--output", "json"]).trim(), "[]", "nothing was changed");

    let taken = ran(&server, &[import.as_slice(), &["--skip-bad"]].concat());
    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    for message in [
        "excluded: patterns/901 at /pattern: the pattern \"7\" matches \"question 7\" already",
        "excluded: patterns/102 at /pattern: it is empty after",
        "has no category",
    ] {
        assert!(taken.stderr.contains(message), "{message} is not in {}", taken.stderr);
    }
    let listed: Value = serde_json::from_str(&server.run(&["pattern", "list", "--output", "json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 20);
    assert!(server.run(&["classify", "Question 7?"]).contains("METRIC"));
}

#[test]
fn a_table_is_imported_from_its_database() {
    let postgres = Postgres::shared();
    let (database, server) = (postgres.database(), Server::start(&[]));
    let table = "CREATE TABLE learned (id int, pattern text, normalized_pattern text, category text, confidence numeric,
            created_by text, enabled boolean, times_used int);
        INSERT INTO learned VALUES (3, 'Quanti workflow?', 'quanti workflow', 'METRIC', 0.97, 'llm', true, 2),
            (4, 'tutto ok', 'tutto ok', 'STATUS', 1, 'manual', false, 0)";
    Postgres::psql(&database, table).unwrap();
    let import = ["import", "--format", "pattern-rows", "--from", &database, "--table"];
    server.run(&[import.as_slice(), &["learned"]].concat());
    let answer = server.run(&["classify", "quanti workflow", "--output", "json"]);
    assert!(answer.contains("\"source\": \"learned\"") && answer.contains("0.97"), "{answer}");
    assert!(server.run(&["classify", "tutto ok"]).contains("no pattern matches"));
    server.write("learning.yaml", "{kind: patterns, name: learning/default, body: {order: 4}}");
    server.run(&["apply", "-f", "learning.yaml"]);
    server.run(&[import.as_slice(), &["learned"]].concat());
    let listed = server.run(&["pattern", "learned", "--output", "json"]);
    assert!(listed.contains("\"order\": 4"), "rows stand where the policy puts what is learned: {listed}");
    let refused = server.refused(&[import.as_slice(), &["nothing"]].concat());
    assert!(refused.contains("cannot read nothing"), "{refused}");
    let usage = ran(&server, &["import", "--from", "mysql://db/x", "--table", "learned"]);
    assert_eq!(usage.code, Some(2), "{}", usage.stderr);
}

#[test]
fn what_was_counted_is_there_after_a_stop() {
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    for _ in 0..3 {
        assert!(server.run(&["classify", "hello"]).contains("GREETING"));
    }
    let (code, folder) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    let server = Server::start_in(folder, &[]);
    let listed: Value =
        serde_json::from_str(&server.run(&["pattern", "list", "greeting", "--output", "json"])).unwrap();
    assert_eq!(listed[0]["times_used"], 3, "a stop writes what was counted");
}

#[test]
fn labelled_queries_are_compared_and_become_checks() {
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    server.write("queries.tsv", "query\texpected_category\nhello\tGREETING\nwhat is this\tOTHER\n");
    let compared = ran(&server, &["classify", "--labelled", "queries.tsv"]);
    assert!(
        compared.code == Some(1) && compared.stderr.contains("1 of 2 labelled queries"),
        "{}",
        compared.stderr
    );
    assert!(compared.stdout.contains("greeting (exact \"hello\")"), "{}", compared.stdout);
    let taken = ran(&server, &["import", "--format", "labelled-queries", "queries.tsv", "--skip-bad"]);
    let left_out = taken.stderr.contains("excluded: patterns/checks/what-is-this");
    assert!(taken.code == Some(0) && left_out, "{}", taken.stderr);
    let refused = server.refused(&["delete", "patterns/greeting"]);
    assert!(refused.contains("checks/hello"), "{refused}");
}

#[test]
fn a_pattern_is_made_once_and_a_second_of_its_text_is_refused() {
    let server = Server::start(&[]);
    let add = ["pattern", "add", "Good night!", "--category", "GREETING", "--response", "Sleep well."];
    server.run(&add);
    assert!(server.refused(&add).contains("precondition_failed"));
    let second = ["pattern", "add", "good night", "--category", "OTHER", "--id", "second"];
    let refused = server.refused(&second);
    assert!(refused.contains("duplicate_pattern") && refused.contains("Good-night-"), "{refused}");
    server.run(&[second.as_slice(), &["--pending"]].concat());
    assert!(server.refused(&["pattern", "approve", "second"]).contains("duplicate_pattern"));
    assert!(server.run(&["classify", "GOOD NIGHT"]).contains("Sleep well."));
    assert!(
        server.refused(&["pattern", "approve", "nobody"]).contains("document patterns/nobody does not exist")
    );
}
