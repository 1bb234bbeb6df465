//! Large configs, and what ends their compilation.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use midflight_config::{Config, ConfigDocument, ConfigSchema, ConfigValues, Configs, Secret};
use midflight_core::{DocumentName, Problems};
use midflight_engine::{DocumentWriter, Environment, EnvironmentInputs, Kind, KindChange, Work};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::lines;

/// As many keys as a document of one mebibyte may have.
const KEYS: usize = 130_000;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Labelled {
    key: Secret,
    labels: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
}

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap()
}

fn many(count: usize, value: &Value) -> Value {
    Value::Object((0..count).map(|n| (format!("k{n}"), value.clone())).collect())
}

fn compile(
    kind: &Config,
    previous: &Configs,
    documents: &[(&str, &Value)],
    work: &Work,
) -> Result<Configs, Problems> {
    let document = |body: &Value| ConfigDocument::Values(ConfigValues::new(Arc::new(body.clone())));
    let change = |of: &(&str, &Value)| KindChange { name: name(of.0), document: Some(document(of.1)) };
    kind.compile(previous, documents.iter().map(change).collect(), work)
}

#[test]
fn a_config_with_as_many_keys_as_fit_is_compiled() {
    let work = Work::unbounded();
    let kind = Config::new().with(name("own"), ConfigSchema::<Labelled>::new());
    let schema = kind
        .validate(&name("schemas/held"), &Arc::new(json!({"additionalProperties": true})), &work)
        .unwrap();
    let schema = KindChange { name: name("schemas/held"), document: Some(schema) };
    let configs = kind.compile(&kind.empty(), vec![schema], &work).unwrap();
    let (keys, labels) = (many(KEYS, &json!(1)), json!({"labels": many(KEYS, &json!("x"))}));
    let all = [("free", &keys), ("held", &keys), ("own", &labels)];
    let configs = compile(&kind, &configs, &all, &work).unwrap();
    let origins = |config: &str| configs.get(&name(config)).unwrap().origins().count();
    assert_eq!([origins("free"), origins("held"), origins("own")], [KEYS, KEYS, KEYS + 2]);
}

#[test]
fn as_many_secrets_and_as_many_unknown_keys_as_fit_are_refused_in_the_end() {
    let work = Work::unbounded();
    let kind = Config::new().with(name("own"), ConfigSchema::<Labelled>::new());
    let properties: Map<_, _> = (0..8_000).map(|n| (format!("key{n}"), json!({}))).collect();
    let schema = json!({ "properties": properties });
    let schema = kind.validate(&name("schemas/held"), &Arc::new(schema), &work).unwrap();
    let schema = KindChange { name: name("schemas/held"), document: Some(schema) };
    let configs = kind.compile(&kind.empty(), vec![schema], &work).unwrap();
    let (unknown, literals) = (many(KEYS, &json!(1)), json!({"secrets": many(50_000, &json!("x"))}));
    for (document, count) in
        [(("held", &unknown), KEYS), (("own", &unknown), KEYS), (("own", &literals), 50_000)]
    {
        let problems = compile(&kind, &configs, &[document], &work).unwrap_err();
        assert_eq!((problems.count(), problems.iter().count()), (count, Problems::LISTED_MAX));
    }
}

/// Ends the work when it is asked.
struct Ending(Weak<Work>);

impl Environment for Ending {
    fn variable(&self, _: &str, _: DocumentWriter) -> Result<Option<String>, String> {
        self.0.upgrade().unwrap().cancel();
        Ok(Some("canary".to_owned()))
    }

    fn file(&self, _: &str, _: DocumentWriter) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

#[test]
fn a_compilation_that_is_not_wanted_any_more_ends_within_a_config() {
    let work = Arc::new_cyclic(|work: &Weak<Work>| {
        Work::unbounded().with_inputs(Arc::new(EnvironmentInputs::new(Arc::new(Ending(Weak::clone(work))))))
    });
    let kind = Config::new().with(name("own"), ConfigSchema::<Labelled>::new());
    let document = json!({"key": "${env:KEY}", "labels": many(2_000, &json!("x"))});
    let problems = compile(&kind, &kind.empty(), &[("own", &document)], &work).unwrap_err();
    assert!(lines(&problems)[0].starts_with("cancelled "), "{problems}");
}

#[test]
fn a_schema_is_read_within_the_budget() {
    let (kind, schema) = (Config::new(), json!({"properties": {"a": {"pattern": "^[a-z]+[0-9]{3}x$"}}}));
    let cancelled = Work::unbounded();
    cancelled.cancel();
    let brief = Work::new(Instant::now() + Duration::from_secs(600), 100);
    for (work, code) in [(cancelled, "cancelled"), (brief, "memory_exceeded")] {
        let refused =
            kind.validate(&name("schemas/s"), &Arc::new(schema.clone()), &work).map(drop).unwrap_err();
        assert!(refused.iter().all(|problem| problem.code == code), "{refused}");
    }
    assert!(kind.validate(&name("schemas/s"), &Arc::new(schema), &Work::unbounded()).is_ok());
}

#[test]
fn long_keys_above_many_values_are_refused_by_their_bound() {
    let body = json!({"k".repeat(70_000): many(1_000, &json!(1))});
    let refused =
        Config::new().validate(&name("large"), &Arc::new(body), &Work::unbounded()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("(config_paths_bytes_max)"), "{refused}");
}
