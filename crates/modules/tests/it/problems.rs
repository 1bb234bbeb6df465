use std::sync::Arc;

use midflight_modules::Manifest;
use serde_json::{Value, json};

use super::{manifest, name};

/// What is wrong with the members, as `code path`.
fn problems(members: Value) -> Vec<String> {
    match manifest(members) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            problems.iter().map(|problem| format!("{} {}", problem.code, problem.path)).collect()
        }
    }
}

#[test]
fn every_problem_has_its_path_and_its_cure() {
    let table: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (json!({"colour": 1}), &["unknown_field /colour"]),
        (json!({"native": null}), &["wrong_type /native"]),
        (json!({"component": "sha256:00"}), &["conflict /native"]),
        (json!({"version": ""}), &["bad_word /version"]),
        (json!({"version": "1 0"}), &["bad_word /version"]),
        (json!({"schema": -1}), &["out_of_bounds /schema"]),
        (json!({"schema": "1"}), &["wrong_type /schema"]),
        (json!({"capabilities": ["log", "log"]}), &["duplicate /capabilities/1"]),
        (json!({"capabilities": ["network"]}), &["unknown_value /capabilities/0"]),
        (json!({"capabilities": ["call"]}), &["missing_field /capabilities"]),
        (json!({"calls": ["a"]}), &["missing_capability /calls"]),
        (
            json!({"capabilities": ["call"], "calls": ["counter"]}),
            &["self_reference /calls/0", "missing_field /capabilities"],
        ),
        (
            json!({"limits": {"call_ms_max": 0, "call_s": 1}}),
            &["unknown_field /limits/call_s", "out_of_bounds /limits/call_ms_max"],
        ),
        (json!({"limits": []}), &["wrong_type /limits"]),
        (json!({"downgrade": "maybe"}), &["unknown_value /downgrade"]),
        (json!({"probes": {}}), &["wrong_type /probes"]),
        (json!({"probes": [{}]}), &["missing_field /probes/0"]),
        (json!({"probes": [{"operation": "a", "expect": {}}]}), &["missing_field /probes/0/expect"]),
        (json!({"group": "billing"}), &["wrong_type /group"]),
        (json!({"group": {"after": []}}), &["missing_field /group"]),
        (json!({"schema": 0, "group": {"name": "a"}}), &["no_state /group"]),
        (json!({"config": "x".repeat(2 << 20)}), &["too_long /config"]),
    ];
    for (members, expected) in table {
        let short: String = members.to_string().chars().take(100).collect();
        assert_eq!(problems(members.clone()), *expected, "{short}");
    }
}

#[test]
fn every_problem_of_a_migration_has_its_path() {
    let of =
        |step: Value| problems(json!({"schema": 2, "migrations": [{"from": 1, "to": 2, "steps": [step]}]}));
    let table: &[(Value, &[&str])] = &[
        (json!({"add": "/a", "default": null}), &[]),
        (json!({"add": "/a"}), &["missing_field /migrations/0/steps/0"]),
        (json!({"add": "a", "default": 1}), &["bad_path /migrations/0/steps/0/add"]),
        (json!({}), &["unknown_step /migrations/0/steps/0"]),
        (json!({"add": "/a", "remove": "/b"}), &["unknown_step /migrations/0/steps/0"]),
        (json!({"remove": "/a", "to": "b"}), &["unknown_field /migrations/0/steps/0/to"]),
        (json!({"rename": "/a", "to": "a"}), &["bad_path /migrations/0/steps/0/to"]),
        (json!({"move": "/a", "to": "/a/b"}), &["bad_path /migrations/0/steps/0/to"]),
        (json!({"convert": "/a", "into": "date"}), &["unknown_value /migrations/0/steps/0/into"]),
        (
            json!({"split": "/a", "separator": "", "into": ["b", "c"]}),
            &["missing_field /migrations/0/steps/0"],
        ),
        (
            json!({"split": "/a", "separator": ",", "into": ["b", "b"]}),
            &["bad_parts /migrations/0/steps/0/into"],
        ),
        (json!({"merge": ["/a"], "separator": ",", "to": "/b"}), &["bad_parts /migrations/0/steps/0/merge"]),
        (
            json!({"merge": ["/a", "b"], "separator": ",", "to": "/c"}),
            &["bad_path /migrations/0/steps/0/merge/1", "bad_parts /migrations/0/steps/0/merge"],
        ),
    ];
    for (step, expected) in table {
        assert_eq!(of(step.clone()), *expected, "{step}");
    }
    let of = |migration: Value| problems(json!({"schema": 2, "migrations": [migration]}));
    assert_eq!(
        of(json!({"from": 1, "to": 3, "steps": []})),
        ["no_hop /migrations/0/to", "unused_migration /migrations/0"]
    );
    assert_eq!(of(json!({"from": 0, "to": 1, "steps": []})), ["out_of_bounds /migrations/0/from"]);
    assert_eq!(of(json!({"from": 1, "to": 2})), ["missing_field /migrations/0"]);
    assert_eq!(
        of(json!({"from": 1, "to": 2, "steps": [], "before": {"type": "colour"}})),
        ["invalid_schema /migrations/0/before"]
    );
    let remote = json!({"$ref": "http://127.0.0.1/schema.json"});
    assert_eq!(
        of(json!({"from": 1, "to": 2, "steps": [], "after": remote})),
        ["invalid_schema /migrations/0/after"]
    );
}

#[test]
fn a_manifest_reports_its_problems() {
    let problems = Manifest::read(&name("a/b"), &Arc::new(json!({}))).unwrap_err();
    let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "at the root: invalid name of a module \"a/b\": write it without a slash",
            "at the root: a manifest needs \"component\": the digest of a component, as \"sha256:...\", or \"native\": a \
         registered type",
            "at the root: a manifest needs \"version\": the version that the code describes itself with, as \"1.0.0\"",
            "at the root: a manifest needs \"schema\": the number of the state's schema, 0 for a module without state",
        ]
    );
    assert!(Manifest::read(&name("a"), &Arc::new(json!([]))).is_err());
}
