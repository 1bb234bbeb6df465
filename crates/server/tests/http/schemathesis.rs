//! Requests that schemathesis makes of the served OpenAPI document, authenticated as each role: no answer is a server
//! error, has an undeclared status or violates its schema, no request that violates its schema is accepted, and none that is
//! valid by it is malformed.
//!
//! `make test` and `make schemathesis` install it; the variable `MIDFLIGHT_SCHEMATHESIS` names its program, and without it
//! these tests are skipped. How it is run is in `schemathesis/`; what it sends is the same each time.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::server_with;
use crate::tokens::token;

/// Streams that do not end, and protocols that OpenAPI does not describe.
const EXCLUDED: &str = r"^/(ws/|mcp)|/watch$";

/// A number of the summary, as that of `Tested: 141`.
fn number(output: &str, name: &str) -> Option<u32> {
    let rest = output.lines().find_map(|line| line.trim().strip_prefix(name))?;
    rest.trim().split('/').next()?.parse().ok()
}

/// What is sent: the examples of the document, random values, and with `coverage` each bound of each value.
const PHASES: &str = "examples,fuzzing";
const ALL_PHASES: &str = "examples,coverage,fuzzing";

/// Asks every operation as a role, with at most so many random requests each.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn check(role: &str, phases: &str, examples: u32) {
    let Ok(program) = std::env::var("MIDFLIGHT_SCHEMATHESIS") else {
        eprintln!(
            "SKIPPED: MIDFLIGHT_SCHEMATHESIS does not name the program of schemathesis (make schemathesis)"
        );
        return;
    };
    let server = server_with(|_| ()).await.with_loans().await;
    let token = token(&server, json!({"name": "schemathesis", "role": role})).await;
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let mut command = Command::new(&program);
    command
        .arg("--config-file")
        .arg(files.join("schemathesis.toml"))
        .args(["run", &server.url("/openapi.json"), "--header", &format!("Authorization: Bearer {token}")])
        .args(["--exclude-path-regex", EXCLUDED, "--no-color"])
        .args(["--phases", phases, "--max-examples", &examples.to_string()])
        .env("SCHEMATHESIS_HOOKS", files.join("hooks.py"))
        .current_dir(server.dir.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = format!("as {role}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{report}");
    // It ends with success too when a part of it ended early, or when it asked nothing.
    let (selected, tested) = (number(&text, "Selected:"), number(&text, "Tested:"));
    assert!(selected > Some(100) && selected == tested, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_viewer_is_as_declared() {
    check("viewer", PHASES, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_executor_is_as_declared() {
    check("executor", PHASES, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_editor_is_as_declared() {
    check("editor", PHASES, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_operator_is_as_declared() {
    check("operator", PHASES, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_admin_is_as_declared() {
    check("admin", ALL_PHASES, 20).await;
}
