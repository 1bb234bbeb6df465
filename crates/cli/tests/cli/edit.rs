//! `edit`, with scripts for editors.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Ran, Server};

const DOCUMENT: &str = "rules/conditions/earns-enough";

/// Edits with a script that gets the file as `$1`, and keeps what it saw as `seen`.
fn edit(server: &Server, document: &str, script: &str) -> Ran {
    let path = server.write("editor", &format!("#!/bin/sh\ncp \"$1\" \"$0.seen\"\n{script}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = server.command(&["edit", document]);
    Ran::of(command.env("EDITOR", &path).output().unwrap())
}

fn seen(server: &Server) -> String {
    std::fs::read_to_string(server.folder.path().join("editor.seen")).unwrap()
}

#[test]
fn an_edit_is_saved_or_leaves_everything_as_it_was() {
    let server = Server::with_loans();
    let saved = edit(&server, DOCUMENT, "sed -i 's/30000/26000/' \"$1\"");
    assert_eq!((saved.code, saved.stdout.as_str()), (Some(0), "rules/conditions/earns-enough changed\n"));
    assert!(server.run(&["get", DOCUMENT]).contains("constant: 26000"));
    let unchanged = edit(&server, DOCUMENT, "");
    assert_eq!((unchanged.code, unchanged.stderr.as_str()), (Some(0), "nothing was changed\n"));
    let created = edit(
        &server,
        "rules/conditions/new",
        "sed -i 's/body: {}/body: {attribute: a, operator: equal, constant: 1}/' \"$1\"",
    );
    assert_eq!(created.stdout, "rules/conditions/new added\n", "{}", created.stderr);
    let failed = edit(&server, DOCUMENT, "exit 3");
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("nothing was changed"));
    assert!(server.run(&["status", "-o", "json"]).contains("\"served_revision\": 3"));
}

#[test]
fn a_refused_edit_is_shown_again_with_the_reason_and_its_text() {
    let server = Server::with_loans();
    // Refused the first time; mended the second time, where the reason stands at the top.
    let script = "if grep -q 'no field' \"$1\"; then sed -i 's/constnt/constant/' \"$1\"; \
                  else sed -i 's/constant: 30000/constnt: 27000/' \"$1\"; fi";
    let saved = edit(&server, DOCUMENT, script);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    assert!(seen(&server).contains("constnt: 27000"));
    assert!(server.run(&["get", DOCUMENT]).contains("constant: 27000"));
    // Saved again as it was refused: given up, and the text is kept.
    let given_up = edit(&server, DOCUMENT, "sed -i 's/27000/[/' \"$1\"");
    assert_eq!(given_up.code, Some(1));
    let kept = given_up.stderr.split("saved in ").nth(1).unwrap().trim();
    assert!(std::fs::read_to_string(kept).unwrap().contains("constant: ["));
    std::fs::remove_file(kept).unwrap();
    let renamed = edit(&server, DOCUMENT, "sed -i 's/name: .*enough/name: other/' \"$1\"");
    assert!(renamed.stderr.contains("Expected rules/conditions/earns-enough"), "{}", renamed.stderr);
    std::fs::remove_file(renamed.stderr.split("saved in ").nth(1).unwrap().trim()).unwrap();
}

#[test]
fn without_a_token_that_may_edit_no_editor_is_opened() {
    let server = Server::with_loans();
    let token = server.run(&["token", "create", "reader", "--role", "viewer"]);
    for (token, why) in [("", "an edit needs a token"), (token.trim(), "which may not edit")] {
        let path = server.write("editor", "#!/bin/sh\necho opened > \"$0.opened\"\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = server.command(&["edit", DOCUMENT]);
        let ran = Ran::of(command.env("EDITOR", &path).env("MIDFLIGHT_TOKEN", token).output().unwrap());
        assert!(ran.code == Some(1) && ran.stderr.contains(why), "{}", ran.stderr);
        assert!(!server.folder.path().join("editor.opened").exists());
    }
}

#[test]
fn comments_stay_from_round_to_round_and_are_reported_when_they_are_dropped() {
    let server = Server::with_loans();
    let script = "if grep -q 'no field' \"$1\"; then sed -i 's/constnt/constant/' \"$1\"; \
                  else sed -i 's/constant: 30000/# fewer refusals\\n  constnt: 27000 # for now/' \"$1\"; fi";
    let saved = edit(&server, DOCUMENT, script);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    assert!(seen(&server).contains("# fewer refusals") && seen(&server).contains("# for now"));
    assert!(saved.stderr.contains("2 lines had comments, which the log does not keep"), "{}", saved.stderr);
    assert!(server.run(&["get", DOCUMENT]).contains("constant: 27000"));
}

#[test]
fn a_late_edit_is_shown_the_changes_in_between() {
    let server = Server::with_loans();
    let midflight = env!("CARGO_BIN_EXE_midflight");
    server.write("theirs.yaml", "kind: rules\nname: conditions/earns-enough\nbody: {attribute: applicant.income, operator: greater_than, constant: 1}\n");
    let script = format!(
        "if grep -q 'changed meanwhile' \"$1\"; then exit 0; fi\n\
         {midflight} apply -f theirs.yaml >/dev/null 2>&1\nsed -i 's/30000/29000/' \"$1\""
    );
    let saved = edit(&server, DOCUMENT, &script);
    assert_eq!(saved.code, Some(0), "{}", saved.stderr);
    let seen = seen(&server);
    assert!(seen.contains("#:   constant: 1\n") && seen.contains("  constant: 29000\n"), "{seen}");
    assert!(server.run(&["get", DOCUMENT]).contains("constant: 29000"));
    assert_eq!(server.run(&["history", DOCUMENT, "-o", "json"]).matches("\"version\"").count(), 3);
}
