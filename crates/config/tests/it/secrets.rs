//! Which secrets are kept out of messages: those that are used, and none that a refused document has written out.

use std::sync::Arc;

use midflight_config::limits::CONFIG_SECRETS_MAX;
use midflight_config::{ConfigSchema, OperatorContents, Origin, Secret};
use midflight_core::{JsonPointer, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Around, Settings, build, lines, shape};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Many {
    keys: Vec<Secret>,
}

fn secret_url() -> ConfigSchema<Settings> {
    shape().secret("/database/url")
}

#[test]
fn what_a_refused_document_has_written_out_is_not_hidden_from_then_on() {
    let (shape, environment) = (secret_url(), Around::default());
    for document in [
        json!({"database": {"url": "postgres://u:e@h"}}),
        json!({"database": {"url": "postgres://u:info@h"}, "api_key": "level"}),
        json!({"api_key": "error"}),
    ] {
        let refused = build(&shape, document, &environment).unwrap_err();
        assert!(refused[0].starts_with("literal_secret"), "{refused:?}");
        let line = "level info: an error of the level e";
        assert_eq!(shape.redactor().redact(line), line);
    }
}

#[test]
fn it_is_hidden_in_the_messages_of_that_refusal() {
    let shape = shape().check(|settings: &Settings| {
        let message = format!("{} and {} fit nothing", settings.api_key.expose(), settings.name);
        Problem::new("unfit", JsonPointer::root(), message).into()
    });
    let refused =
        build(&shape, json!({"api_key": "hunter2", "name": "hunter"}), &Around::default()).unwrap_err();
    assert_eq!(refused[1], "unfit at the root: *** and hunter fit nothing");
    let refused = build(&shape, json!({"name": "hunter2"}), &Around::default()).unwrap_err();
    assert_eq!(refused, ["unfit at the root:  and hunter2 fit nothing"]);
}

#[test]
fn refused_documents_do_not_evict_a_secret_in_use() {
    let (shape, environment) = (shape(), Around::default());
    environment.set("CANARY", "canary-4711");
    let entry = build(&shape, json!({"api_key": "${env:CANARY}"}), &environment).unwrap();
    let text: Vec<_> = (0..3_000).map(|n| format!("a line of a literal {n}")).collect();
    assert!(build(&shape, json!({"api_key": text.join("\n")}), &environment).is_err());
    for n in 0..1_100 {
        environment.set("OTHER", &format!("other-{n}"));
        assert!(
            build(&shape, json!({"api_key": "${env:OTHER}", "server": {"port": 80}}), &environment).is_err()
        );
    }
    let output = "canary-4711, other-0, other-1099, a line of a literal 7";
    assert_eq!(shape.redactor().redact(output), "***, other-0, ***, a line of a literal 7");
    drop(entry);
}

#[test]
fn of_a_text_with_a_reference_in_it_only_what_the_reference_gives_is_hidden() {
    let (shape, environment) = (secret_url(), Around::default());
    environment.set("PW", "p%40ssword");
    let document = json!({"database": {"url": "postgres://info:level${env:PW}@error/db"}});
    let entry = build(&shape, document, &environment).unwrap();
    let url = entry.typed::<Settings>().unwrap().database.as_ref().unwrap().url.clone();
    assert_eq!(url, "postgres://info:levelp%40ssword@error/db");
    let output = format!("info level error {url} p@ssword");
    let expected = "info level error postgres://info:level***@error/db ***";
    assert_eq!(shape.redactor().redact(&output), expected);
}

#[test]
fn a_secret_that_looks_like_a_number_is_hidden_as_it_is_written() {
    let environment = Around::default();
    for (reference, flag) in
        [("83920e17", "4711.00"), ("123456789012345678901234567890", "98765432109876543210987")]
    {
        environment.set("PW", reference);
        let shape = shape().cover("/api_key", flag, Origin::Flag("--key".into()));
        let document = json!({"database": {"url": "postgres://h/x", "password": "${env:PW}"}});
        let entry = build(&shape, document, &environment).unwrap();
        let settings = entry.typed::<Settings>().unwrap();
        let password = settings.database.as_ref().unwrap().password.clone().unwrap();
        assert_eq!((password.as_str(), settings.api_key.expose()), (reference, flag));
        assert_eq!(shape.redactor().redact(&format!("{password} {flag}")), "*** ***");
    }
    let shape = shape().cover("/database/url", "x", Origin::Default);
    let shape = shape.cover("/database/password", "83920e18", Origin::Flag("--password".into()));
    shape.build(None, &environment).unwrap();
    assert_eq!(shape.redactor().redact("83920e18"), "***");
}

#[test]
fn what_the_operator_has_written_out_is_hidden_although_it_is_refused() {
    let document = json!({"api_key": "hunter2"});
    let contents = OperatorContents::default();
    contents.read(&document);
    let shape = shape().operated_by(contents);
    let refused = build(&shape, document, &Around::default()).unwrap_err();
    assert!(refused[0].starts_with("literal_secret"), "{refused:?}");
    assert_eq!(shape.redactor().redact("hunter2"), "***");
}

#[test]
fn a_config_is_given_so_many_secrets_and_no_more() {
    let (shape, environment) = (ConfigSchema::<Many>::new(), Around::default());
    let document: Arc<Value> = Arc::new(json!({"keys": "${env:KEYS}"}));
    let keys = |count: usize| (0..count).map(|n| format!("secret-{n}")).collect::<Vec<_>>().join(",");
    // The list counts as one, by itself.
    environment.set("KEYS", &keys(CONFIG_SECRETS_MAX - 1));
    let operated = OperatorContents::default();
    operated.read(&document);
    let shape = shape.operated_by(operated);
    assert!(shape.build(Some(&document), &environment).is_ok());
    assert_eq!(shape.redactor().redact("it is secret-7"), "it is ***");
    environment.set("KEYS", &keys(CONFIG_SECRETS_MAX + 1));
    let refused = lines(&shape.build(Some(&document), &environment).unwrap_err());
    assert!(
        refused[0].starts_with("too_many_secrets") && refused[0].contains("config_secrets_max"),
        "{refused:?}"
    );
}
