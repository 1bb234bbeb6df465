//! Configs that a program declares itself.

use midflight_config::{ApplyMode, OperatorContents, Origin};
use midflight_core::{JsonPointer, Problem};
use serde_json::json;

use crate::support::{Around, Level, Settings, build, shape};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_later_layer_overrides_an_earlier_one_and_reports_it() {
    let shape = shape()
        .env(
            "SHOP",
            variables(&[("SHOP_LOG__LEVEL", "info"), ("SHOP_SERVER__PORT", "9000"), ("SHOP_HOME", "/x")]),
        )
        .cover("/server/port", "9001", Origin::Flag("--port".into()));
    let document =
        json!({"log": {"level": "debug", "json": true}, "server": {"port": 7000}, "tags": ["b", "c"]});
    let entry = build(&shape, document, &Around::default()).unwrap();
    let settings = entry.typed::<Settings>().unwrap();
    assert_eq!((&settings.log.level, settings.log.json, settings.server.port), (&Level::Info, true, 9001));
    assert_eq!(
        (settings.server.host.as_str(), settings.tags.as_slice()),
        ("localhost", &["b".into(), "c".into()][..])
    );
    let origins: Vec<_> = entry.origins().map(|(path, origin)| format!("{path} {origin}")).collect();
    assert_eq!(
        origins,
        [
            "/api_key default",
            "/database default",
            "/log/json document",
            "/log/level env SHOP_LOG__LEVEL",
            "/name default",
            "/server/host default",
            "/server/port flag --port",
            "/tags document",
        ]
    );
    let masked: Vec<_> = entry.masked().iter().map(|it| format!("{} {}", it.path, it.by)).collect();
    assert_eq!(masked, ["/log/level env SHOP_LOG__LEVEL", "/server/port flag --port"]);
}

#[test]
fn a_document_sets_only_its_members_and_null_sets_nothing() {
    let entry = shape().build(None, &()).unwrap();
    assert_eq!(entry.typed::<Settings>().unwrap().server.port, 8080);
    assert!(entry.document().is_none());
    let entry = build(&shape(), json!({"server": null, "log": {"level": null}}), &Around::default()).unwrap();
    assert_eq!(entry.typed::<Settings>().unwrap().server.port, 8080);
}

#[test]
fn all_problems_are_reported_at_once_with_place_and_cure() {
    let shape = shape().env("SHOP", variables(&[("SHOP_LOG__LEVLE", "debug"), ("SHOP_SERVER__HOST", "h")]));
    let document = json!({
        "log": {"level": "loud", "jsno": true},
        "server": {"port": 70_000, "prot": 1},
        "tags": "x", "nmae": "y",
        "database": {"password": "${env:NONE}"},
        "api_key": "sk-123"
    });
    let problems = build(&shape, document, &Around::default()).unwrap_err();
    for expected in [
        "unknown_variable at /log/levle: the variable SHOP_LOG__LEVLE is not a key of this config; did you \
         mean \"level\"?",
        "literal_secret at /api_key: api_key is a secret, and the log keeps what a document contains: use \
         ${env:NAME} or ${file:PATH}, or set it by a variable",
        "reference at /database/password: the variable NONE is not set; set it in the environment of the \
         process",
        "invalid_value at /log/level: unknown variant `loud`, expected `info` or `debug`",
        "unknown_key at /log/jsno: unknown key \"jsno\"; did you mean \"json\"?",
        "invalid_value at /server/port: invalid value: integer `70000`, expected u16",
        "invalid_value at /tags: invalid type: string \"x\", expected a sequence",
        "unknown_key at /server/prot: unknown key \"prot\"; did you mean \"port\"?",
        "unknown_key at /nmae: unknown key \"nmae\"; did you mean \"name\"?",
        "missing_key at /database/url: url is missing; it has no default",
    ] {
        assert!(problems.iter().any(|problem| problem == expected), "{expected}\n{problems:#?}");
    }
    assert_eq!(problems.len(), 10, "{problems:#?}");
}

#[test]
fn what_a_value_must_be_beyond_its_type_is_asked_too() {
    let problems = build(&shape(), json!({"server": {"port": 80}}), &Around::default()).unwrap_err();
    assert_eq!(problems, ["privileged at /server/port: take a port from 1024 on"]);
}

#[test]
fn the_operators_references_give_values_of_any_type_and_are_shown_as_they_are_written() {
    let environment = Around::default();
    for (name, text) in [("PORT", "8443"), ("/run/pw", "hunter2"), ("HOST", "db"), ("DIGITS", "12345")] {
        environment.set(name, text);
    }
    let document = json!({
        "name": "${env:DIGITS}",
        "server": {"port": "${env:PORT}"},
        "database": {"url": "postgres://app@${env:HOST}/x", "password": "${env:DIGITS}"},
        "api_key": "${file:/run/pw}"
    });
    let contents = OperatorContents::default();
    contents.read(&document);
    let shape = shape().operated_by(contents);
    let entry = build(&shape, document.clone(), &environment).unwrap();
    let settings = entry.typed::<Settings>().unwrap();
    let database = settings.database.as_ref().unwrap();
    assert_eq!((settings.server.port, settings.api_key.expose()), (8443, "hunter2"));
    assert_eq!((database.url.as_str(), database.password.as_deref()), ("postgres://app@db/x", Some("12345")));
    assert_eq!(settings.name, "12345");
    let effective = entry.effective();
    for path in ["/server/port", "/database/url", "/database/password", "/api_key", "/name"] {
        assert_eq!(effective.pointer(path), document.pointer(path), "{path}");
    }
    // A number where a text belongs is not what was meant, and a text that is no number not either.
    environment.set("PORT", "hunter3");
    let problems = build(&shape, document, &environment).unwrap_err();
    assert_eq!(problems, ["invalid_value at /server/port: invalid value: expected u16"]);
}

#[test]
fn documents_of_the_log_refer_to_something_in_secrets_alone() {
    let environment = Around::default();
    environment.set("CANARY", "canary-4711");
    let document = json!({
        "name": "${env:CANARY}",
        "tags": ["a", "${env:CANARY}"],
        "server": {"port": "${env:CANARY}", "host": "x-${env:CANARY}"},
        "log": {"level": "${env:CANARY}"},
        "database": {"url": "$${env:CANARY}", "password": "${env:CANARY}", "salt": "${env:CANARY}"},
        "api_key": "${env:CANARY}"
    });
    let problems = build(&shape(), document.clone(), &environment).unwrap_err();
    let cure = "only a secret may refer to a variable or a file, and this is not a secret: write the value \
                itself, or set it by a variable or a flag of the process";
    let expected = ["/log/level", "/name", "/server/host", "/server/port", "/tags/1"];
    assert_eq!(problems, expected.map(|path| format!("reference at {path}: {cure}")));

    // What a flag covers here it may not cover elsewhere.
    let covered = shape().cover("/name", "n", Origin::Flag("--name".into()));
    let problems = build(&covered, json!({"name": "${env:CANARY}"}), &environment).unwrap_err();
    assert_eq!(problems, [format!("reference at /name: {cure}")]);

    // What is wrong elsewhere does not make secrets of anything.
    let mut worse = document;
    worse["database"]["pasword"] = json!("${env:CANARY}");
    worse["server"]["port"] = json!([{"x": "${env:CANARY}"}]);
    let problems = build(&shape(), worse, &environment).unwrap_err();
    assert!(
        problems.iter().any(|it| it.starts_with("reference at /database/pasword: only a secret")),
        "{problems:#?}"
    );
    assert!(!problems.join("\n").contains("canary-4711"), "{problems:#?}");
}

#[test]
fn a_secret_in_a_list_or_a_map_may_refer_to_something_and_is_hidden() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Many {
        keys: Vec<midflight_config::Secret>,
        hooks: std::collections::BTreeMap<String, midflight_config::Secret>,
    }
    let environment = Around::default();
    environment.set("CANARY", "canary-4711");
    let new = midflight_config::ConfigSchema::<Many>::new;
    let covered = new().cover("/hooks", "{\"b\": \"hunter2\"}", Origin::Default);
    let document = std::sync::Arc::new(json!({"hooks": {"a": "${env:CANARY}"}}));
    assert!(covered.build(Some(&document), &environment).is_ok());
    let literal = covered.build(Some(&std::sync::Arc::new(json!({"hooks": {"a": "hunter3"}}))), &environment);
    let message = crate::support::lines(&literal.err().unwrap());
    assert!(message[0].starts_with("literal_secret at /hooks/a"), "{message:?}");
    let shape = new().cover("/hooks/b", "hunter2", Origin::Default);
    let document = json!({"keys": ["${env:CANARY}"], "hooks": {"a": "${env:CANARY}"}});
    let entry = shape.build(Some(&std::sync::Arc::new(document)), &environment).unwrap();
    let many = entry.typed::<Many>().unwrap();
    assert_eq!(many.keys[0].expose(), "canary-4711");
    let shown = entry.effective().to_string();
    assert!(!shown.contains("canary-4711") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(shape.redactor().redact("it says canary-4711 and hunter2"), "it says *** and ***");
    let literal = shape.build(Some(&std::sync::Arc::new(json!({"keys": ["hunter2"]}))), &environment);
    let message = crate::support::lines(&literal.err().unwrap());
    assert!(message[0].starts_with("literal_secret at /keys/0"), "{message:?}");
}

#[test]
fn no_problem_has_a_secret_in_it() {
    let environment = Around::default();
    environment.set("CANARY", "canary-4711");
    let shape = shape().check(|settings: &Settings| {
        let output = format!("unknown key {}", settings.api_key.expose());
        Problem::new("unknown_key", JsonPointer::root().key("log"), output).into()
    });
    let problems = build(&shape, json!({"api_key": "${env:CANARY}"}), &environment).unwrap_err();
    assert_eq!(problems, ["unknown_key at /log: unknown key ***"]);
}

#[test]
fn secrets_of_other_layers_are_hidden() {
    let shape = shape()
        .env("SHOP", variables(&[("SHOP_API_KEY", "sk-123")]))
        .cover("/database/url", "postgres://h/x", Origin::Flag("--db".into()))
        .cover("/database/password", "hunter2", Origin::Flag("--password".into()));
    let entry = shape.build(None, &()).unwrap();
    let settings = entry.typed::<Settings>().unwrap();
    assert_eq!(settings.api_key.expose(), "sk-123");
    assert_eq!(settings.database.as_ref().unwrap().password.as_deref(), Some("hunter2"));
    let shown = format!("{} {entry:?} {shape:?}", entry.effective());
    assert!(shown.contains("***") && !shown.contains("sk-123") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_restart_is_required_while_wanted_and_running_differ() {
    let environment = Around::default();
    let running = shape().build(None, &environment).unwrap();
    let wanted =
        build(&shape(), json!({"server": {"port": 9000}, "log": {"json": true}, "name": "n"}), &environment)
            .unwrap();
    assert_eq!(wanted.restart_required(&running), [JsonPointer::parse("/server/port")]);
    let again = build(&shape(), json!({"server": {"port": 8080}}), &environment).unwrap();
    assert_eq!(again.restart_required(&running), []);
    let changes = wanted.changes_since(&running);
    let message: Vec<_> = changes.iter().map(|it| format!("{} {}", it.path, it.takes.as_str())).collect();
    assert_eq!(message, ["/log/json live", "/name ignored", "/server/port restart"]);
    assert_eq!((changes[0].from.clone(), changes[0].to.clone()), (Some(json!(false)), Some(json!(true))));
    assert_eq!(wanted.takes(&JsonPointer::parse("/server/host")), ApplyMode::Restart);
}

#[test]
fn a_secret_that_was_rotated_is_a_change_that_shows_nothing() {
    let environment = Around::default();
    environment.set("/run/pw", "one");
    let document = json!({"api_key": "${file:/run/pw}"});
    let before = build(&shape(), document.clone(), &environment).unwrap();
    environment.set("/run/pw", "two");
    let changes = build(&shape(), document, &environment).unwrap().changes_since(&before);
    assert_eq!(changes.len(), 1);
    let shown = format!("{changes:?}");
    assert!(
        shown.contains("${file:/run/pw}") && !shown.contains("two") && !shown.contains("one\""),
        "{shown}"
    );
}

#[test]
fn a_secret_in_an_option_is_found_by_its_type() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Asking {
        llm: Option<Llm>,
    }
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Llm {
        key: midflight_config::Secret,
        models: std::collections::BTreeMap<String, midflight_config::Secret>,
    }
    let shape =
        midflight_config::ConfigSchema::<Asking>::new().env("ASK", variables(&[("ASK_LLM__KEY", "sk-1")]));
    let problems = shape.build(Some(&std::sync::Arc::new(json!({"llm": {"models": {"a": "sk-2"}}}))), &());
    let message = crate::support::lines(&problems.err().unwrap());
    assert!(message.len() == 1 && message[0].starts_with("literal_secret at /llm/models/a: "), "{message:?}");
    let entry = shape.build(None, &()).unwrap();
    assert_eq!(entry.typed::<Asking>().unwrap().llm.as_ref().unwrap().key.expose(), "sk-1");
    assert_eq!(entry.effective(), &json!({"llm": {"key": "***"}}));
}

#[test]
fn a_secret_in_a_group_that_is_optional_is_one_without_a_declaration() {
    let environment = Around::default();
    environment.set("SALT", "hunter2");
    let output = |salt: &str| json!({"database": {"url": "postgres://app@db/x", "salt": salt}});
    let entry = build(&shape(), output("${env:SALT}"), &environment).unwrap();
    assert_eq!(entry.typed::<Settings>().unwrap().database.as_ref().unwrap().salt.expose(), "hunter2");
    assert!(entry.is_secret(&JsonPointer::parse("/database/salt")));
    assert!(!entry.is_secret(&JsonPointer::parse("/database/url")));
    let refused = build(&shape(), output("hunter2"), &environment).unwrap_err();
    assert!(refused[0].starts_with("literal_secret at /database/salt: salt is a secret"), "{refused:?}");
    let covered = shape().cover("/database/url", "x", Origin::Default);
    let covered = covered.cover("/database/salt", "hunter2", Origin::Flag("--salt".into()));
    let entry = covered.build(None, &()).unwrap();
    assert!(!entry.effective().to_string().contains("hunter2"), "{}", entry.effective());
}
