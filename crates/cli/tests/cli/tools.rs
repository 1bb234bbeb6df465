//! Tools by the command line: the guide as it is written, files that are imported, and what is said of bad ones.

use serde_json::Value;

use crate::harness::{Ran, Server};
use crate::transcripts::follow;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/operations");

const GREP: &str = "tool_name: grep
description: Finds lines that match a pattern.
platform: linux
capabilities: {text_search: {patterns: {one_file: {time_estimate_ms: '40 + 2 * N', cost_estimate: 1}}}}
";

fn ran(server: &Server, args: &[&str]) -> Ran {
    Ran::of(server.command(args).output().unwrap())
}

#[test]
fn the_guide_runs() {
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    follow("docs/tools.md", &server, &[]);
}

#[test]
fn invalid_imports_are_reported_with_file_and_line_and_change_nothing() {
    let server = Server::start(&[]);
    let folder = server.folder.path().join("catalogue");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("good.yaml"), GREP).unwrap();
    let bad = "# two\n---\nname: not a tool\ntags: []\n---\ntool_name: '{{ name }}'\ncapabilities: {}\n";
    std::fs::write(folder.join("bad.yml"), bad).unwrap();
    let refused = ran(&server, &["tool", "import", "catalogue"]);
    assert_eq!(
        (refused.code, refused.stdout.trim()),
        (Some(1), "1 tool would be imported"),
        "{}",
        refused.stderr
    );
    for message in
        ["catalogue/bad.yml:3:", "catalogue/bad.yml:6:", "2 items cannot be imported; nothing was changed"]
    {
        assert!(refused.stderr.contains(message), "{message} is not in {}", refused.stderr);
    }
    assert_eq!(server.run(&["tool", "list", "--output", "json"]).trim(), "[]");
    let taken = ran(&server, &["tool", "import", "catalogue", "--skip-bad"]);
    assert_eq!((taken.code, taken.stdout.trim()), (Some(0), "1 tool imported"), "{}", taken.stderr);
    assert!(taken.stderr.contains("revision 1 is live"), "{}", taken.stderr);

    // A file that cannot be read at all is told with its own line, not with that of what was sent.
    std::fs::write(folder.join("broken.yaml"), "a: 1\nb: [1\n").unwrap();
    let refused = ran(&server, &["tool", "validate", "catalogue"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("catalogue/broken.yaml:"),
        "{}",
        refused.stderr
    );
    std::fs::remove_file(folder.join("broken.yaml")).unwrap();

    let again = ran(&server, &["tool", "import", "catalogue/good.yaml"]);
    assert!(again.code == Some(1) && again.stderr.contains("overwrite"), "{}", again.stderr);
    let again = ran(&server, &["tool", "import", "catalogue/good.yaml", "--overwrite"]);
    assert!(again.code == Some(0) && again.stderr.contains("unchanged"), "{}", again.stderr);
    // Without waiting, the answer is that of every write.
    let sent = ran(&server, &["tool", "import", "catalogue/good.yaml", "--overwrite", "--wait", "none"]);
    assert!(sent.code == Some(0) && sent.stderr.contains("still running"), "{} {}", sent.stdout, sent.stderr);
}

#[test]
fn an_export_imports_as_the_same_tools() {
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    let exported = server.run(&["tool", "export"]);
    server.write("all.yaml", &exported);
    // The names of the example's documents are written out, once.
    assert!(server.run(&["tool", "import", "all.yaml", "--overwrite"]).contains("4 tools imported"));
    assert_eq!(server.run(&["tool", "export"]), exported);
    let again = ran(&server, &["tool", "import", "all.yaml", "--overwrite"]);
    assert!(
        again.stdout.contains("4 tools imported") && again.stderr.contains("unchanged"),
        "{}",
        again.stderr
    );
    let one: Value =
        serde_json::from_str(&server.run(&["tool", "export", "ticket-lookup", "--output", "json"])).unwrap();
    assert_eq!(one["tool_count"], 1);
    assert!(server.refused(&["tool", "export", "nobody"]).contains("nobody"));
}

#[test]
fn an_edit_that_breaks_a_selection_check_is_refused() {
    let server = Server::start(&["--apply-if-empty", EXAMPLE]);
    let refused = server.refused(&["tool", "disable", "log-search"]);
    assert!(refused.contains("checks/a-quick-look-at-logs-is-the-last-hour"), "{refused}");
    assert!(server.run(&["select", "find an error in the logs"]).contains("log-search"));
}

#[test]
fn an_invalid_formula_is_reported_with_its_place() {
    let server = Server::start(&[]);
    for (formula, message) in [
        ("200 + 5 * n", "did you mean \"N\"?"),
        ("1 / 0", "division by zero"),
        ("10 ** 1000", "exponent"),
        (&*format!("{}1{}", "(".repeat(200), ")".repeat(200)), "levels"),
    ] {
        let refused = server.refused(&["tool", "evaluate", formula]);
        assert!(refused.contains(message), "{formula:.40}: {message} is not in {refused}");
    }
    assert_eq!(server.run(&["tool", "evaluate", "N // 7", "--set", "N=250"]).trim(), "35");
    let missing = ran(&server, &["tool", "evaluate", "N + pages"]);
    assert!(missing.stderr.contains("N was not given; its default is 0"), "{}", missing.stderr);
    let usage = ran(&server, &["tool", "evaluate", "N", "--set", "N=many"]);
    assert!(usage.code == Some(2) && usage.stderr.contains("write N=250"), "{}", usage.stderr);
}

#[test]
fn openapi_documents_of_a_directory_become_drafts() {
    let server = Server::start(&[]);
    let folder = server.folder.path().join("apis");
    std::fs::create_dir(&folder).unwrap();
    let operation = r#"{"operationId": "list_pets", "summary": "Lists pets.", "tags": ["pets"]}"#;
    let pets = format!(
        r#"{{"openapi": "3.0.3", "info": {{"title": "Pets", "version": "1"}}, "servers": [{{"url": "https://pets.example.com"}}],
            "paths": {{"/pets": {{"get": {operation}, "head": {{}}}}}}}}"#
    );
    std::fs::write(folder.join("pets.json"), pets).unwrap();
    std::fs::write(folder.join("grep.yaml"), GREP).unwrap();
    let valid = ran(&server, &["tool", "validate", "apis"]);
    assert_eq!((valid.code, valid.stdout.trim()), (Some(0), "2 tools valid"), "{}", valid.stderr);
    let taken = ran(&server, &["tool", "import", "apis"]);
    assert_eq!((taken.code, taken.stdout.trim()), (Some(0), "2 tools imported"), "{}", taken.stderr);
    assert!(taken.stderr.contains("warning: /pets: HEAD /pets is skipped"), "{}", taken.stderr);
    assert!(server.run(&["tool", "list", "--status", "draft"]).contains("list_pets"));
    assert!(!server.run(&["select", "pets", "--capability", "pets"]).contains("list_pets"));
    server.run(&["tool", "enable", "list_pets"]);
    assert!(server.run(&["select", "pets", "--capability", "pets"]).contains("list_pets"));

    let tree = r##"{"openapi": "3.1.0", "paths": {"/trees": {"post": {"operationId": "plant", "requestBody": {"content":
        {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}}}}},
        "components": {"schemas": {"Tree": {"allOf": [{"$ref": "#/components/schemas/Tree"}]}}}}"##;
    std::fs::write(folder.join("trees.json"), tree).unwrap();
    let refused = ran(&server, &["tool", "import", "apis/trees.json"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for message in [
        "plant: POST /trees: at /components/schemas/Tree/allOf/0/$ref: ",
        "leads back to itself",
        "nothing was changed",
    ] {
        assert!(refused.stderr.contains(message), "{message} is not in {}", refused.stderr);
    }
}
