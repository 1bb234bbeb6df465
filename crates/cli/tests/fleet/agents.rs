//! Agents on one replica while another one is edited: with the SDKs of others, and with the conformance suite of the
//! protocol.
//!
//! They are installed by `make test` into the folder that `MIDFLIGHT_SDK` names; without it these tests are skipped.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use midflight_testkit::{DEADLINE, TOKEN};
use serde_json::{Value, json};

use crate::harness::{Fleet, Hints};

/// The folder of the installed programs.
fn sdk() -> Option<PathBuf> {
    let folder = std::env::var_os("MIDFLIGHT_SDK").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "SKIPPED: MIDFLIGHT_SDK does not name a folder of the programs under crates/mcp/tests/sdk, installed"
        );
    }
    folder
}

async fn describe(fleet: &Fleet, replica: usize, description: &str) -> u64 {
    let pattern = json!({"time_estimate_ms": 1, "cost_estimate": 1});
    let body = json!({"description": description, "capabilities": {"c": {"patterns": {"p": pattern}}}});
    let changes = json!([{"op": "put", "kind": "tools", "name": "changing", "body": body}]);
    let url = fleet.url(replica);
    let (status, reported) = fleet.ask.post(url, "/api/v1/apply", &json!({ "changes": changes })).await;
    assert!(matches!(status, 200 | 201), "{status}: {reported}");
    reported["revision"].as_u64().unwrap()
}

/// Starts a program at replica 1 and edits a tool at replica 0: the program has to hear of it, and to list the new
/// text.
async fn receives_a_change(program: &[&str], version: &str) {
    let Some(folder) = sdk() else { return };
    let fleet = Fleet::start(2, Hints::Postgres);
    let revision = describe(&fleet, 0, "old").await;
    fleet.ask.until_served(fleet.url(1), revision).await;
    let [a, b] = [0, 1].map(|replica| format!("{}/mcp", fleet.url(replica)));
    let mut child = Command::new(folder.join(program[0]))
        .args(&program[1..])
        .args([a.as_str(), b.as_str(), TOKEN])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (reported, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| reported.send(line)));
    let next = || -> Value {
        let line = tokio::task::block_in_place(|| lines.recv_timeout(DEADLINE)).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let ready = next();
    assert_eq!((&ready["ready"], &ready["version"]), (&json!(true), &json!(version)), "{ready}");
    let revision = describe(&fleet, 0, "new").await;
    let found = next();
    let expected = json!({"tool": "changing", "description": "new", "revision": revision, "at_a": "new"});
    assert_eq!(found, expected);
    assert!(tokio::task::block_in_place(|| child.wait()).unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_1_receives_a_change_of_another_replica() {
    receives_a_change(&["one/bin/python", "python1.py"], "2025-11-25").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_2_receives_a_change_of_another_replica() {
    receives_a_change(&["two/bin/python", "python2.py"], "2026-07-28").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_typescript_sdk_receives_a_change_of_another_replica() {
    receives_a_change(&["bin/node", "typescript2.mjs"], "2026-07-28").await;
}

/// The scenarios that need no tools of their own; the others are run on a catalogue that has those, in the crate `mcp`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_conformance_suite_passes_on_a_server() {
    let Some(folder) = sdk() else { return };
    let fleet = Fleet::start(1, Hints::Postgres);
    describe(&fleet, 0, "A tool.").await;
    let url = format!("{}/mcp", fleet.url(0));
    for scenario in
        ["server-initialize", "ping", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection"]
    {
        let mut suite = Command::new(folder.join("bin/node"));
        suite.args(["conformance.mjs", "server", "--url", &url, "--scenario", scenario]).current_dir(&folder);
        let output = tokio::task::block_in_place(|| suite.output()).unwrap();
        let reported =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scenario}\n{reported}");
    }
}
