//! The client of an LLM, on a server that misbehaves as it is told.

use std::sync::Arc;

use midflight_components::{ChatRequest, ChatSchema, Llm, LlmError, LlmSettings};
use midflight_core::{Phase, Problems};
use midflight_engine::testing::{fail_every_step, try_component};
use midflight_engine::{Component as _, Engine, Faults};
use midflight_testkit::{LlmDoes, LlmDouble};
use serde_json::{Value, json};

use crate::support::{changed, closed_port, engine, place, put, silent, worlds};

const KEY: &str = "sk-correct-horse";

pub(crate) fn settings_at(port: u16, more: Value) -> Value {
    let mut llm =
        json!({ "base_url": format!("http://127.0.0.1:{port}/v1"), "api_key": KEY, "model": "one" });
    llm.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "llm": llm })
}

pub(crate) async fn started(faults: &Arc<Faults>) -> (Engine, Llm) {
    engine(|builder, slot| {
        let (part, llm) = Llm::new(place(slot, "llm", |app| &app.llm));
        builder.faults(Arc::clone(faults)).component(part);
        llm
    })
    .await
}

/// What a part says to settings that it does not prepare.
async fn refused(settings: Value) -> Problems {
    let (empty, full, slot) = worlds(settings);
    let (part, _llm) = Llm::new(place(slot, "llm", |app| &app.llm));
    part.prepare(&empty, &full).await.err().unwrap()
}

async fn is_taken(settings: Value) -> bool {
    let (empty, full, slot) = worlds(settings);
    let (part, _llm) = Llm::new(place(slot, "llm", |app| &app.llm));
    part.prepare(&empty, &full).await.is_ok()
}

#[tokio::test]
async fn what_is_dropped_or_rolled_back_asks_as_before() {
    let double = LlmDouble::start();
    let (empty, full, slot) = worlds(settings_at(double.port(), json!({})));
    let (part, llm) = Llm::new(place(slot, "llm", |app| &app.llm));
    try_component(&part, &empty, &full, || llm.status()).await.unwrap();
    assert_eq!(llm.chat(&ChatRequest::ask("x")).await, Err(LlmError::NotConfigured));
    part.prepare(&empty, &full).await.unwrap().unwrap().commit().retire().await;
    assert!(part.prepare(&empty, &full).await.unwrap().is_none(), "what is in use is what is wanted");
    let other = changed(&full, slot, settings_at(double.port(), json!({ "model": "two" })));
    try_component(&part, &full, &other, || llm.status()).await.unwrap();
    double.asked();
    assert_eq!(llm.chat(&ChatRequest::ask("x")).await.unwrap().model, "one");
    assert_eq!(double.asked()[0].line, "POST /v1/chat/completions HTTP/1.1");
}

#[tokio::test]
async fn every_step_can_fail_and_it_asks_as_before() {
    let (double, faults) = (LlmDouble::start(), Arc::default());
    let (engine, llm) = started(&faults).await;
    engine.apply(put(settings_at(double.port(), json!({})))).await.unwrap();
    let next = |n: usize| put(settings_at(double.port(), json!({ "model": format!("model {n}") })));
    fail_every_step(&engine, &faults, next, || llm.status()).await.unwrap();
    faults.fail_next(Phase::Verify);
    let before = llm.status();
    engine.apply(put(settings_at(double.port(), json!({ "model": "other" })))).await.unwrap_err();
    assert_eq!(llm.status(), before);
}

#[tokio::test]
async fn a_server_is_asked_with_the_key_before_it_is_used() {
    let double = LlmDouble::start();
    let at = |more| settings_at(double.port(), more);
    for status in [200, 404, 405] {
        double.next([LlmDoes::Says(status, "", String::new())]);
        assert!(is_taken(at(json!({}))).await, "{status}");
    }
    let asked = double.asked();
    assert_eq!(
        (asked[0].line.as_str(), asked[0].authorization.as_str()),
        ("GET /v1/models HTTP/1.1", "Bearer sk-correct-horse")
    );
    for status in [401, 403] {
        double.next([LlmDoes::Says(status, "", KEY.to_owned())]);
        let refused = refused(at(json!({}))).await.to_string();
        assert!(refused.contains("/llm/api_key") && refused.contains("rejected the key"), "{refused}");
        assert!(!refused.contains(KEY), "{refused}");
    }
    for (does, word) in [
        (LlmDoes::Says(500, "", String::new()), "it answered 500"),
        (LlmDoes::Hangs, "did not answer in time"),
    ] {
        double.next([does]);
        let refused = refused(at(json!({ "timeout_ms": 200 }))).await.to_string();
        assert!(refused.contains("/llm/base_url") && refused.contains(word), "{refused}");
    }
    assert!(is_taken(settings_at(closed_port(), json!({ "verify": false }))).await);
    let unavailable = refused(settings_at(closed_port(), json!({}))).await.to_string();
    assert!(unavailable.contains("/llm/base_url") && unavailable.contains("verify: false"), "{unavailable}");
}

#[tokio::test]
async fn bad_settings_are_refused_with_their_place_and_cure_and_without_secrets() {
    let cases = [
        (json!({ "model": "" }), "settings/app at /llm/model: model is missing; set it"),
        (json!({ "timeout_ms": 0 }), "/llm/timeout_ms: invalid timeout_ms 0: expected 1 to 86400000"),
        (json!({ "retries": 11 }), "/llm/retries: invalid retries 11: expected 0 to 10"),
        (
            json!({ "concurrency_max": 0 }),
            "/llm/concurrency_max: invalid concurrency_max 0: expected 1 to 1000",
        ),
        (
            json!({ "breaker": { "failures": 1001 } }),
            "settings/app at /llm/breaker/failures: invalid failures 1001: expected 0 to 1000",
        ),
        (
            json!({ "breaker": { "open_ms": 0 } }),
            "/llm/breaker/open_ms: invalid open_ms 0: expected 1 to 86400000",
        ),
        (json!({ "base_url": "ftp://h/v1" }), "/llm/base_url: invalid base_url: expected the URL of an API"),
        (
            json!({ "base_url": "https://u:sk-correct-horse@h/v1" }),
            "/llm/base_url: invalid base_url: expected the URL of an API",
        ),
        (
            json!({ "base_url": "https://h/v1?key=sk-correct-horse" }),
            "/llm/base_url: invalid base_url: expected the URL of an API",
        ),
        (
            json!({ "api_key": "sk-correct-horse\n" }),
            "/llm/api_key: the key has a character that cannot be sent",
        ),
        (
            json!({ "base_url": "https://nowhere.invalid/v1" }),
            "/llm/base_url: cannot use openai at https://nowhere.invalid/v1",
        ),
    ];
    for (more, expected) in cases {
        let refused = refused(settings_at(1, more)).await;
        let output = format!("{refused} {refused:?}");
        assert!(output.contains(expected) && !output.contains("correct-horse"), "{output}");
    }
    let settings: LlmSettings = serde_json::from_value(settings_at(1, json!({}))["llm"].clone()).unwrap();
    assert!(!format!("{settings:?}").contains(KEY));
    for (unknown, word) in
        [(json!({ "modle": "x" }), "modle"), (json!({ "breaker": { "failure": 1 } }), "failure")]
    {
        let refused = serde_json::from_value::<LlmSettings>(unknown).unwrap_err().to_string();
        assert!(refused.contains(&format!("unknown field `{word}`")), "{refused}");
    }
}

#[tokio::test]
async fn a_schema_is_sent_with_the_question() {
    let double = LlmDouble::start();
    let (engine, llm) = started(&Arc::default()).await;
    engine.apply(put(settings_at(double.port(), json!({})))).await.unwrap();
    double.asked();
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    let question = ChatRequest {
        schema: Some(ChatSchema { name: "answer_1".to_owned(), schema: schema.clone() }),
        ..ChatRequest::ask("how many?")
    };
    llm.chat(&question).await.unwrap();
    llm.chat(&ChatRequest::ask("how many?")).await.unwrap();
    let asked = double.asked();
    let format = json!({
        "type": "json_schema", "json_schema": { "name": "answer_1", "strict": true, "schema": schema }
    });
    assert_eq!(asked[0].body["response_format"], format);
    let messages = json!([{ "role": "user", "content": "how many?" }]);
    assert_eq!(
        asked[1].body,
        json!({ "model": "one", "messages": messages }),
        "and nothing when there is none"
    );
}

#[tokio::test]
async fn retryable_failures_are_retried_and_others_are_reported() {
    let double = LlmDouble::start();
    let (engine, llm) = started(&Arc::default()).await;
    engine.apply(put(settings_at(double.port(), json!({ "timeout_ms": 3000 })))).await.unwrap();
    double.asked();
    let busy = |header| LlmDoes::Says(429, header, String::new());
    let fails = || LlmDoes::Says(503, "", format!("no room for {KEY}"));
    let ask = async |does: Vec<LlmDoes>| {
        double.next(does);
        let answer = llm.chat(&ChatRequest::ask("what?")).await;
        (answer.map(|answer| answer.tries), double.asked().len())
    };
    assert_eq!(ask(vec![]).await, (Ok(1), 1));
    assert_eq!(ask(vec![busy("retry-after: 0\r\n"), fails()]).await, (Ok(3), 3));
    let refused = LlmError::Refused { status: 503, why: "no room for ***".to_owned() };
    assert_eq!(ask(vec![fails(), fails(), fails()]).await, (Err(refused), 3));
    let is_busy = LlmError::Busy { retry_after_ms: Some(60_000) };
    assert_eq!(
        ask(vec![busy("retry-after: 60\r\n")]).await,
        (Err(is_busy), 1),
        "what would be late is not waited for"
    );
    let bad = LlmError::Refused { status: 400, why: "bad".to_owned() };
    assert_eq!(ask(vec![LlmDoes::Says(400, "", "bad".to_owned())]).await, (Err(bad), 1));
    assert_eq!(ask(vec![LlmDoes::Nonsense]).await, (Err(LlmError::Malformed), 1));
    let too_long = LlmError::TooLong { bytes_max: 4 << 20 };
    assert_eq!(ask(vec![LlmDoes::Says(200, "", "x".repeat(5 << 20))]).await, (Err(too_long), 1));
    let (broken, tries) = ask(vec![LlmDoes::Breaks]).await;
    assert!(
        matches!(broken, Err(LlmError::Unreachable { .. })) && tries == 1,
        "it may have been answered: {broken:?}"
    );

    engine.apply(put(settings_at(double.port(), json!({ "timeout_ms": 300 })))).await.unwrap();
    double.asked();
    assert_eq!(ask(vec![LlmDoes::Hangs]).await, (Err(LlmError::Late { timeout_ms: 300, tries: 1 }), 1));
    let unavailable = settings_at(closed_port(), json!({ "verify": false, "retries": 1 }));
    engine.apply(put(unavailable)).await.unwrap();
    assert!(matches!(ask(vec![]).await, (Err(LlmError::Unreachable { why }), 0) if why.contains("refused")));
}

#[tokio::test]
async fn a_call_is_by_one_set_of_settings_through_all_its_tries() {
    let (first, second) = (LlmDouble::start(), LlmDouble::start());
    let (engine, llm) = started(&Arc::default()).await;
    engine
        .apply(put(settings_at(first.port(), json!({ "model": "one", "api_key": "key-one" }))))
        .await
        .unwrap();
    first.asked();
    first.next([LlmDoes::Says(429, "retry-after: 1\r\n", String::new())]);
    let asked = llm.clone();
    let waiting = tokio::spawn(async move { asked.chat(&ChatRequest::ask("what?")).await });
    crate::support::until("the first try", async || (!first.asked().is_empty()).then_some(())).await;
    engine
        .apply(put(settings_at(second.port(), json!({ "model": "two", "api_key": "key-two" }))))
        .await
        .unwrap();
    let answer = llm.chat(&ChatRequest::ask("what?")).await.unwrap();
    assert_eq!(answer.content, "two Bearer key-two");
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!((answer.content.as_str(), answer.tries), ("one Bearer key-one", 2));
}

#[tokio::test]
async fn one_that_cannot_be_reached_is_refused_and_the_one_in_use_stays() {
    let double = LlmDouble::start();
    let (engine, llm) = started(&Arc::default()).await;
    engine.apply(put(settings_at(double.port(), json!({})))).await.unwrap();
    let before = llm.status();
    let (_silent, port) = silent();
    let refused = engine.apply(put(settings_at(port, json!({ "timeout_ms": 100 })))).await.unwrap_err();
    let event = refused.event.unwrap();
    assert_eq!(event.components[0].state, midflight_core::ComponentState::Refused);
    assert_eq!(llm.status(), before);
}
