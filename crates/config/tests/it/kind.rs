//! The kind as the engine sees it.

use std::sync::Arc;

use midflight_config::{Config, ConfigDocument, Configs};
use midflight_core::DocumentName;
use midflight_engine::testing::try_kind;
use midflight_engine::{DocumentWriter, EnvironmentInput, InputName, Kind, KindChange, Work};
use serde_json::{Value, json};

use crate::support::{Around, Settings, lines, shape};

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap()
}

fn kind() -> Config {
    Config::new().with(name("shop"), shape())
}

#[test]
fn it_is_the_pure_function_it_must_be() {
    let documents = [
        (name("schemas/other"), json!({"properties": {"a": {"type": "integer"}}})),
        (name("other"), json!({"a": 1})),
        (name("free"), json!({"x": [1, {"y": "${env:NONE}"}]})),
    ];
    let inputs = [
        json!({"config": "other"}),
        json!({"config": "other", "path": "/a"}),
        json!({"config": "free", "path": "/x/1"}),
        json!({"config": "fre"}),
        json!({}),
    ];
    try_kind(&Config::new(), &documents, &inputs).unwrap();
}

#[test]
fn a_declared_config_exists_without_a_document_and_after_its_deletion() {
    let work = Work::unbounded();
    let kind = kind();
    let empty = kind.empty();
    assert!(kind.is_stale(&empty, &()));
    let configs = kind.compile(&empty, Vec::new(), &work).unwrap();
    assert!(!kind.is_stale(&configs, &()));
    let port = |configs: &Configs| configs.typed::<Settings>(&name("shop")).unwrap().server.port;
    assert_eq!(port(&configs), 8080);
    let put = |body| KindChange { name: name("shop"), document: body };
    let document = kind.validate(&name("shop"), &Arc::new(json!({"server": {"port": 9000}})), &work).unwrap();
    let configs = kind.compile(&configs, vec![put(Some(document))], &work).unwrap();
    assert_eq!(port(&configs), 9000);
    let configs = kind.compile(&configs, vec![put(None)], &work).unwrap();
    assert_eq!(port(&configs), 8080);
    assert!(configs.typed::<String>(&name("shop")).is_none());
    let refused = kind.validate(&name("schemas/shop"), &Arc::new(json!({})), &work);
    assert!(matches!(refused, Err(problems) if problems.to_string().contains("has a built-in schema")));
}

#[test]
fn a_config_without_overrides_is_in_memory_once() {
    let (kind, work) = (kind(), Work::unbounded());
    let body = Arc::new(json!({"text": "long"}));
    let change = |at: &str, body: &Arc<Value>| KindChange {
        name: name(at),
        document: Some(kind.validate(&name(at), body, &work).unwrap()),
    };
    let schema = Arc::new(json!({"type": "object", "properties": {"text": {"type": "string"}}}));
    let changes = vec![change("free", &body), change("held", &body), change("schemas/held", &schema)];
    let configs = kind.compile(&kind.empty(), changes, &work).unwrap();
    for at in ["free", "held"] {
        let entry = configs.get(&name(at)).unwrap();
        assert!(std::ptr::eq(entry.effective(), &*body), "{at}");
        assert!(Arc::ptr_eq(entry.document().unwrap(), &body), "{at}");
    }
}

#[test]
fn a_snapshot_is_stale_when_a_referenced_value_changed() {
    let environment = Around::default();
    let kind = kind();
    environment.set("/key", "one");
    let body = json!({"api_key": "${file:/key}"});
    let work = environment.work();
    let Ok(ConfigDocument::Values(values)) = kind.validate(&name("shop"), &Arc::new(body.clone()), &work)
    else {
        panic!()
    };
    let change = KindChange { name: name("shop"), document: Some(ConfigDocument::Values(values)) };
    let configs = kind.compile(&kind.empty(), vec![change], &work).unwrap();
    let inputs = kind.inputs(&configs);
    assert_eq!(
        inputs,
        [EnvironmentInput::new(InputName::File("/key".to_owned()), DocumentWriter::Log, "one")]
    );
    assert!(!kind.is_stale(&configs, &environment));
    environment.set("/key", "two");
    assert!(kind.is_stale(&configs, &environment));
    // A reload sees what it saw when it first asked.
    let again = kind.compile(&configs, Vec::new(), &work).unwrap();
    assert_eq!(kind.inputs(&again), inputs);
    let configs = kind.compile(&configs, Vec::new(), &environment.work()).unwrap();
    let settings = configs.typed::<Settings>(&name("shop")).unwrap();
    assert_eq!((settings.api_key.expose(), kind.is_stale(&configs, &environment)), ("two", false));
}

#[test]
fn an_invalid_document_is_named() {
    let work = Work::unbounded();
    let kind = kind();
    let document = kind.validate(&name("shop"), &Arc::new(json!({"prot": 1})), &work).unwrap();
    let change = KindChange { name: name("shop"), document: Some(document) };
    let problems = lines(&kind.compile(&kind.empty(), vec![change], &work).unwrap_err());
    assert_eq!(problems, ["unknown_key config/shop at /prot: unknown key \"prot\""]);
}
