//! The conformance suite of the protocol, on the catalogue of `examples/serve.rs`, which has the tools that its
//! scenarios call.
//!
//! It is installed by `make test` into the folder that `MIDFLIGHT_SDK` names; without it this test is skipped.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Those that apply to a server that has tools only.
const SCENARIOS: [&str; 12] = [
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "json-schema-2020-12",
    "server-sse-multiple-streams",
    "server-sse-polling",
    "dns-rebinding-protection",
];

/// The example, which ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

#[test]
fn every_scenario_of_the_suite_that_applies_passes() {
    let Some(folder) = std::env::var_os("MIDFLIGHT_SDK").map(PathBuf::from) else {
        eprintln!("SKIPPED: MIDFLIGHT_SDK does not name a folder of the programs under tests/sdk, installed");
        return;
    };
    let test = std::env::current_exe().unwrap();
    let example = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/serve");
    let mut child = Command::new(&example).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut urls = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut urls).unwrap();
    let _served = Served(child);
    let url = urls.split_whitespace().next().unwrap();
    for scenario in SCENARIOS {
        let mut suite = Command::new(folder.join("bin/node"));
        suite.args(["conformance.mjs", "server", "--url", url, "--scenario", scenario]);
        let output = suite.current_dir(&folder).output().unwrap();
        let reported =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scenario}\n{reported}");
    }
}
