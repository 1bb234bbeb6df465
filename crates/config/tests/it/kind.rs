//! The kind as the engine sees it.

use std::sync::Arc;

use midflight_config::{Config, ConfigDocument, Configs};
use midflight_core::DocumentName;
use midflight_engine::testing::try_kind;
use midflight_engine::{Input, InputName, Kind, KindChange, Work, Writer};
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
fn a_declared_config_is_there_without_a_document_and_again_when_its_document_goes() {
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
    assert!(matches!(refused, Err(problems) if problems.to_string().contains("has its schema built in")));
}

#[test]
fn a_config_of_which_no_layer_says_anything_else_is_in_memory_once() {
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
fn a_snapshot_is_stale_when_what_it_refers_to_says_something_else() {
    let around = Around::default();
    let kind = kind();
    around.set("/key", "one");
    let body = json!({"api_key": "${file:/key}"});
    let work = around.work();
    let Ok(ConfigDocument::Values(values)) = kind.validate(&name("shop"), &Arc::new(body.clone()), &work)
    else {
        panic!()
    };
    let change = KindChange { name: name("shop"), document: Some(ConfigDocument::Values(values)) };
    let configs = kind.compile(&kind.empty(), vec![change], &work).unwrap();
    let inputs = kind.inputs(&configs);
    assert_eq!(inputs, [Input::new(InputName::File("/key".to_owned()), Writer::Log, "one")]);
    assert!(!kind.is_stale(&configs, &around));
    around.set("/key", "two");
    assert!(kind.is_stale(&configs, &around));
    // A reload sees what it saw when it first asked.
    let again = kind.compile(&configs, Vec::new(), &work).unwrap();
    assert_eq!(kind.inputs(&again), inputs);
    let configs = kind.compile(&configs, Vec::new(), &around.work()).unwrap();
    let settings = configs.typed::<Settings>(&name("shop")).unwrap();
    assert_eq!((settings.api_key.expose(), kind.is_stale(&configs, &around)), ("two", false));
}

#[test]
fn what_does_not_hold_names_its_document() {
    let work = Work::unbounded();
    let kind = kind();
    let document = kind.validate(&name("shop"), &Arc::new(json!({"prot": 1})), &work).unwrap();
    let change = KindChange { name: name("shop"), document: Some(document) };
    let problems = lines(&kind.compile(&kind.empty(), vec![change], &work).unwrap_err());
    assert_eq!(problems, ["unknown_key config/shop at /prot: there is no key \"prot\" here"]);
}
