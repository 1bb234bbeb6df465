//! What users read, held against the committed transcripts, so that a change of a text is seen as one.
//!
//! `INSTA_UPDATE=always cargo test ...` writes them anew; read the difference before it is committed.

use std::path::Path;

use midflight_testkit::tour;

use crate::harness::{Ran, Server, binary, read};

/// What differs from run to run, and what stands for it in a transcript.
const VARYING: [(&str, &str); 13] = [
    // A long answer in one line has counts and times of its own.
    (r"(?m)^\{.{400,}\}$", "{LONG ANSWER}"),
    // The metrics of a kind have no order.
    (r"(?m)^((# (HELP|TYPE) )?midflight_.*\n)+", "METRICS\n"),
    (r"\b(took_ms +)\d+(\.\d+)?", "${1}DURATION"),
    // How many files a process may open here.
    (r"(?m)^.*RLIMIT_NOFILE.*\n", ""),
    (r"/\S*/crates/cli/\.\./\.\./", "REPOSITORY/"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "TIME"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"/[^\s:]*/\.tmp\w+", "FOLDER"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r#"("?\w+_(?:ms|us)"?[:=] ?)\d+(\.\d+)?"#, "${1}DURATION"),
    (r"\b\d+(\.\d+)? ?(ms|µs|us)\b", "DURATION"),
    (r"\b(\d+(\.\d+)?|a|an) ?(s|seconds?|minutes?|min) ago\b", "AGE"),
];

/// Holds a text against the committed one of that name.
#[track_caller]
pub(crate) fn check_transcript(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (varying, stands_for_it) in VARYING {
        settings.add_filter(varying, stands_for_it);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Runs the commands of a document, named from the root of the repository, against a server; what they say has to be as
/// the document says, and as the committed transcript.
#[track_caller]
pub(crate) fn follow(document: &str, server: &Server, more: &[(&str, &str)]) {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(document);
    let mut variables = vec![("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    variables.extend(more);
    let binary = Path::new(env!("CARGO_BIN_EXE_midflight"));
    let reported = tour(&path, server.folder.path(), binary, &variables);
    check_transcript(&document.trim_end_matches(".md").replace('/', "_"), &reported);
}

/// The names below `Commands:` in a help.
fn subcommands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = listed.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  "));
    lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()).collect()
}

fn add_help(path: &[String], all: &mut String) {
    let mut command = binary();
    let output = command.args(path).arg("--help").env("COLUMNS", "100").output().unwrap();
    let ran = Ran::of(output);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{path:?}");
    all.extend(["$ midflight ", &path.join(" "), " --help\n", &ran.stdout, "\n"]);
    for name in subcommands(&ran.stdout).into_iter().filter(|name| *name != "help") {
        add_help(&[path, &[name.to_owned()]].concat(), all);
    }
}

#[test]
fn the_help_of_every_command() {
    let mut all = String::new();
    add_help(&[], &mut all);
    assert!(all.contains("$ midflight apply --help\n") && all.contains("$ midflight config set --help\n"));
    check_transcript("help", &all);
}

/// A start, an edit, a refused one, one that is taken back, a reload and a stop.
#[test]
fn the_log_of_a_server() {
    let server = Server::start(&["--replica-id", "replica-1"]);
    server.write("good.yaml", "kind: rules\nname: loans\nbody: {default: true}\n");
    server.run(&["apply", "-f", "good.yaml", "--reason", "a first ruleset"]);
    server.write("bad.yaml", "kind: rules\nname: loans/R1\nbody: {conditions: [unknown]}\n");
    server.refused(&["apply", "-f", "bad.yaml"]);
    server.run(&["restore", "1", "--reason", "as it was"]);
    server.run(&["reload", "--force"]);
    let (code, folder) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    check_transcript("server_log", &read(&folder.path().join("stderr")));
}
