//! Callers without a token cannot fill the log by asking: what is learned of them is bounded.

use futures_util::StreamExt as _;
use midflight_testkit::LlmDouble;
use reqwest::Method;
use serde_json::{Value, json};

use crate::patterns::PATTERNS;
use crate::support::{Server, server};

/// How many different queries are asked, and how many at once.
const QUERIES: usize = 2_000;
const AT_ONCE: usize = 16;

/// A server that asks an LLM, with a policy that learns at once.
async fn learner(policy: Value) -> (Server, LlmDouble) {
    let double = LlmDouble::start();
    double.classify_by(|_| ("METRIC", 0.95));
    let server = server().await;
    let llm = json!({ "base_url": double.base_url(), "model": "one", "retries": 0 });
    assert_eq!(server.put("/api/v1/config/midflight", &json!({ "llm": llm })).await.status, 201);
    let prompt = json!({ "instructions": "Classify.", "categories": { "METRIC": null } });
    for (name, body) in [("prompts/default", prompt), ("learning/default", policy)] {
        assert_eq!(server.put(&format!("/api/v1/documents/patterns/{name}"), &body).await.status, 201);
    }
    (server, double)
}

/// What many different queries without a token came to.
#[derive(Debug)]
struct Flood {
    learned: usize,
    revisions: u64,
    chats: usize,
    counts: Value,
}

async fn flood(policy: Value) -> Flood {
    let (server, double) = learner(policy).await;
    let before = server.revision().await;
    // Each is another text, and none has a number in it.
    let word = |n: usize| {
        let letters = n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>();
        format!("how many orders in {letters}?")
    };
    let ask = |n: usize| {
        let asked = server
            .anonymous(Method::POST, &format!("{PATTERNS}/classify"))
            .json(&json!({ "query": word(n) }));
        async move { assert_eq!(asked.send().await.unwrap().status(), 200) }
    };
    futures_util::stream::iter((0..QUERIES).map(ask)).buffer_unordered(AT_ONCE).collect::<()>().await;
    let counts = server.get(&format!("{PATTERNS}/hot-reload/metrics")).await.ok()["classifications"].clone();
    // What still waits to be learned is made by a stop.
    server.running.stop().await;
    let running = midflight_server::start(crate::support::options(&server.dir)).await.unwrap();
    let (_, documents) = midflight_store::everything(&**running.service().engine().store()).await.unwrap();
    let learned = documents.iter().filter(|it| it.id.name.as_str().starts_with("learned-")).count();
    let revisions = running.service().engine().served().get() - before;
    running.stop().await;
    Flood { learned, revisions, chats: double.chats(), counts }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_without_a_token_write_nothing_by_default() {
    let flood = flood(json!({ "mode": "auto" })).await;
    assert_eq!((flood.learned, flood.revisions), (0, 0));
    // A minute's worth at once, and what comes back of it within the time that the test takes.
    assert!((600..QUERIES).contains(&flood.chats), "{flood:?}");
    assert_eq!(flood.counts["llm_rate_limited"], QUERIES - flood.chats);
    assert!(flood.counts["not_learned"]["anonymous"].as_u64().unwrap() >= 600, "{flood:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_learned_of_everyone_is_bounded_in_documents_and_revisions() {
    let flood = flood(json!({ "mode": "auto", "learn_from": "everyone", "learned_max": 50,
        "llm_calls_per_minute_max": 1_000_000 }))
    .await;
    assert_eq!((flood.chats, flood.learned), (QUERIES, 50));
    let rate = flood.counts["not_learned"]["rate"].as_u64().unwrap();
    assert!(rate > 0 && flood.revisions <= QUERIES as u64 - rate, "{flood:?}");
}
