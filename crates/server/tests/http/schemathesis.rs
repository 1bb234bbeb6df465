//! Requests that schemathesis makes of the served OpenAPI document, authenticated as each role: no answer is a server
//! error, has an undeclared status or violates its schema.
//!
//! `make schemathesis` installs it and runs this; the variable `MIDFLIGHT_SCHEMATHESIS` names its program. What it sends is
//! determined by a seed.

use std::process::Command;

use serde_json::json;

use crate::support::server_with;
use crate::tokens::token;

/// Streams that do not end, and protocols that OpenAPI does not describe.
const EXCLUDED: &str = r"^/(ws/|mcp)|/watch$";
/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Asks every operation as a role, at most so many times each.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
async fn check(role: &str, examples: u32) {
    let Ok(program) = std::env::var("MIDFLIGHT_SCHEMATHESIS") else {
        eprintln!(
            "SKIPPED: the OpenAPI document is not tried: MIDFLIGHT_SCHEMATHESIS is not set (make schemathesis)"
        );
        return;
    };
    let server = server_with(|_| ()).await.with_loans().await;
    let token = token(&server, json!({"name": "schemathesis", "role": role})).await;
    let mut command = Command::new(program);
    command
        .args(["run", &server.url("/openapi.json"), "--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--phases", "examples,fuzzing", "--exclude-path-regex", EXCLUDED])
        .args(["--max-examples", &examples.to_string(), "--seed", "18", "--generation-deterministic"])
        .args(["--workers", "2", "--no-color", "--warnings", "off"])
        .args(["--suppress-health-check", "all", "--request-timeout", "60", "--continue-on-failure"])
        .current_dir(server.dir.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "as {role}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // A run that asked nothing would pass too.
    assert!(text.contains("Test cases:") || text.contains("test cases"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_viewer_is_as_declared() {
    check("viewer", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_executor_is_as_declared() {
    check("executor", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_editor_is_as_declared() {
    check("editor", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_operator_is_as_declared() {
    check("operator", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_an_admin_is_as_declared() {
    check("admin", 20).await;
}
