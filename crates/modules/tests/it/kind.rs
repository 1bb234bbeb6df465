use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_testkit::schemas::{SchemaComparison, codes_of};
use serde_json::{Value, json};

use super::{compile, manifest, name};
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_modules::{ModuleCapability, Modules};

#[test]
fn a_manifest_has_defaults() {
    let manifest = manifest(json!({})).unwrap();
    assert_eq!(manifest.limits.call_ms_max, 1_000);
    assert_eq!(manifest.limits.memory_bytes_max, 64 << 20);
    assert_eq!(&*manifest.config, "null");
    assert!(!manifest.grants(ModuleCapability::Log) && !manifest.is_stateless());
}

#[test]
fn the_digest_is_that_of_the_whole_manifest() {
    let digest = |members| manifest(members).unwrap().digest;
    let plain = digest(json!({}));
    let changes = [
        json!({"config": {"a": 1}}),
        json!({"limits": {"call_ms_max": 7}}),
        json!({"capabilities": ["log"]}),
        json!({"migrations": [{"from": 2, "to": 1, "steps": []}]}),
        json!({"probes": [{"operation": "ping"}]}),
    ];
    for change in changes {
        assert_ne!(digest(change.clone()), plain, "{change}");
    }
    assert_eq!(digest(json!({})), plain);
}

#[test]
fn a_module_that_is_named_must_be_there() {
    let call = json!({"capabilities": ["call"], "calls": ["storage"]});
    let problems = compile(&[("api", call.clone())]).unwrap_err();
    let problem = problems.iter().next().unwrap();
    assert_eq!((problem.code.as_ref(), problem.path.as_str()), ("unknown_module", "/calls/0"));
    assert_eq!(problem.because_of.as_ref().unwrap().name, name("storage"));
    let snapshot = compile(&[("api", call), ("storage", json!({}))]).unwrap();
    let removed = KindChange { name: name("storage"), document: None };
    let problems = Modules.compile(&snapshot, vec![removed], &Work::unbounded()).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().document.as_ref().unwrap().name, name("api"));
}

#[test]
fn a_group_is_drained_callers_first_and_may_not_have_a_cycle() {
    let group = |after: &[&str]| json!({"name": "billing", "after": after});
    let snapshot = compile(&[
        ("a", json!({"group": group(&["c"])})),
        ("b", json!({"group": group(&[])})),
        ("c", json!({"group": group(&[]), "capabilities": ["call"], "calls": ["b"]})),
        ("d", json!({})),
    ]);
    let order = snapshot.unwrap().group_order("billing").unwrap();
    assert_eq!(order, [name("c"), name("a"), name("b")]);
    let cyclic = compile(&[
        ("a", json!({"group": group(&["b"])})),
        ("b", json!({"group": group(&[]), "capabilities": ["call"], "calls": ["a"]})),
        ("c", json!({"group": group(&["a"])})),
    ]);
    assert!(cyclic.is_ok(), "a after b, and b calls a: one order for both");
    let cyclic = compile(&[
        ("a", json!({"group": group(&["b"])})),
        ("b", json!({"group": group(&["a"])})),
        ("c", json!({"group": group(&["a"])})),
    ]);
    let problems = cyclic.unwrap_err();
    let named: Vec<_> = problems.iter().map(|problem| problem.document.clone().unwrap().name).collect();
    assert_eq!(named, [name("a"), name("b")]);
    assert!(problems.iter().all(|problem| problem.code == "group_cycle"), "{problems:?}");
}

#[test]
fn a_check_can_ask_for_a_migration() {
    let steps = json!([{"rename": "/n", "to": "count"}]);
    let snapshot = compile(&[(
        "counter",
        json!({
            "schema": 2,
            "migrations": [{"from": 1, "to": 2, "steps": steps, "after": {"required": ["count"]}}],
        }),
    )]);
    let snapshot = snapshot.unwrap();
    let ask = |schema, state| {
        Modules
            .answer(&snapshot, &json!({"module": "counter", "migrate": {"schema": schema, "state": state}}))
    };
    assert_eq!(ask(1, json!({"n": 3})), Ok(json!({"schema": 2, "state": {"count": 3}})));
    let problem = ask(1, json!({})).unwrap_err();
    assert_eq!(problem.path.as_str(), "/migrate/state");
    assert!(problem.message.contains("after the migration from schema 1"), "{}", problem.message);
    assert!(ask(7, json!({})).unwrap_err().message.contains("no migration from schema 7 to 6"));
    let summary = Modules.answer(&snapshot, &json!({"module": "counter"})).unwrap();
    assert_eq!(summary["version"], "1.0.0");
    assert!(Modules.answer(&snapshot, &json!({"module": "absent"})).is_err());
}

#[test]
fn the_kind_is_a_pure_function() {
    assert_eq!(Modules.name().as_str(), "modules");
    let validator = jsonschema::validator_for(&Modules.schemas()[0].schema).unwrap();
    let manifest = json!({"native": "counter", "version": "1", "schema": 1, "limits": {"call_ms_max": 5}});
    assert!(validator.is_valid(&manifest));
    assert!(!validator.is_valid(&json!({"native": "counter", "schema": 1})));
}

/// What the schema of a manifest leaves to the reader.
const READER_ONLY: &[&str] = &[
    // The capability `call` and the list of modules to call need each other.
    "missing_capability calls",
    "missing_field capabilities",
    // A group is for modules with state, which the number of the schema tells.
    "no_state group",
    // Whether a schema of a state is one.
    "invalid_schema after",
    "invalid_schema before",
    // A migration is from a number to the next or the one before, and not beyond the manifest's own.
    "no_hop to",
    "unused_migration",
    // Two migrations of the same hop, which are compared by their numbers alone.
    "duplicate",
];

#[test]
fn the_schema_and_the_reader_agree_on_broken_and_generated_documents() {
    let steps = json!([
        {"add": "/a", "default": 1}, {"remove": "/b"}, {"rename": "/c", "to": "d"}, {"move": "/e", "to": "/f/g"},
        {"each": "/items", "convert": "/n", "into": "integer"}, {"split": "/s", "separator": " ", "into": ["x", "y"]},
        {"merge": ["/x", "/y"], "separator": " ", "to": "/s"}
    ]);
    let documents = [
        json!({"native": "counter", "version": "1", "schema": 1, "limits": {"call_ms_max": 5}}),
        json!({"component": format!("sha256:{}", "0".repeat(64)), "version": "1.0", "schema": 2, "config": {"a": 1},
            "description": "d", "capabilities": ["log", "call"], "calls": ["storage"], "downgrade": "refuse",
            "migrations": [{"from": 1, "to": 2, "steps": steps, "before": true, "after": {"type": "object"}}],
            "probes": [{"operation": "ping", "payload": "p", "expect": {"result": 1}}],
            "group": {"name": "billing", "after": ["storage"]}}),
    ];
    let name = DocumentName::new("counter").unwrap();
    let read = |body: &Value| {
        let read = Modules.validate(&name, &Arc::new(body.clone()), &Work::unbounded());
        read.map(drop).map_err(|problems| codes_of(&problems))
    };
    let schema = &Modules.schemas()[0].schema;
    let comparison =
        SchemaComparison { schema, documents: &documents, read: &read, reader_only: READER_ONLY };
    let compared = comparison.run();
    assert!(compared.refused * 2 > compared.broken, "{compared:?}");
    assert!(compared.generated > 200 && compared.read > 50, "{compared:?}");
}
