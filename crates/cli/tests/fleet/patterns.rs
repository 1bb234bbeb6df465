//! Patterns in a fleet: learned by one replica, answered by all; disabled by one, answered by none.

use std::time::Instant;

use midflight_testkit::{LlmDouble, Midflight, Postgres, Redis, TOKEN};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Asker, flags, serve, until};

/// How many queries are learned.
const LEARNED: usize = 30;
/// How many ask one new query at the same time.
const FLOOD: usize = 100;

/// Three replicas on one log, with hints by Redis, an LLM, and what is to be learned of its answers.
struct Learners {
    replicas: Vec<Midflight>,
    llm: LlmDouble,
    redis: Redis,
    log: String,
    ask: Asker,
    http: Client,
    _postgres: std::sync::Arc<Postgres>,
}

impl Learners {
    async fn start() -> Self {
        let (postgres, redis, llm) = (Postgres::shared(), Redis::start(), LlmDouble::start());
        llm.classify_by(|_| ("METRIC", 0.97));
        let log = postgres.database();
        let mut with_channel = flags(&log, &redis.url()).to_vec();
        with_channel.extend(["--redis-legacy-channel".to_owned(), "pilotpros:patterns:reload".to_owned()]);
        let replicas: Vec<_> = (0..3).map(|_| serve(&with_channel)).collect();
        let (ask, http) = (Asker::new(), Client::new());
        let learners = Self { replicas, llm, redis, log, ask, http, _postgres: postgres };
        let prompt = json!({"instructions": "Classify.", "categories": {"METRIC": null, "OTHER": null}});
        learners.put("prompts/default", &prompt).await;
        let last = learners.put("learning/default", &json!({"mode": "auto", "learn_from": "everyone"})).await;
        let config = json!({"llm": {"base_url": learners.llm.base_url(), "model": "double"}});
        assert_eq!(learners.ask.config(learners.url(0), &config).await, StatusCode::CREATED);
        learners.until_served(last + 1).await;
        learners
    }

    fn url(&self, replica: usize) -> &str {
        self.replicas[replica].url()
    }

    async fn put(&self, name: &str, body: &Value) -> u64 {
        let url = format!("{}/api/v1/documents/patterns/{name}", self.url(0));
        let output: Value =
            self.http.put(url).bearer_auth(TOKEN).json(body).send().await.unwrap().json().await.unwrap();
        output["revision"].as_u64().unwrap_or_else(|| panic!("{output}"))
    }

    async fn until_served(&self, revision: u64) {
        for replica in 0..3 {
            self.ask.until_served(self.url(replica), revision).await;
        }
    }

    async fn classify(&self, replica: usize, query: &str) -> Value {
        let request = self.http.post(format!("{}/api/v1/patterns/classify", self.url(replica)));
        request.json(&json!({ "query": query })).send().await.unwrap().json().await.unwrap()
    }

    /// The learned patterns that a replica serves.
    async fn learned(&self, replica: usize, q: &str) -> Vec<Value> {
        let path = format!("/api/v1/patterns?created_by=llm&q={q}");
        let output = self.ask.get(self.url(replica), &path).await.unwrap();
        output["items"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_learned_all_answer_and_what_is_disabled_none() {
    let learners = Learners::start().await;
    let (mut learned_ms, mut disabled_ms) = (Vec::new(), Vec::new());
    for n in 0..LEARNED {
        let before = learners.ask.served(learners.url(0)).await.unwrap();
        let query = format!("How many orders were there in shop {n}?");
        let first = learners.classify(0, &query).await;
        let answered = Instant::now();
        assert_eq!((&first["source"], &first["category"]), (&json!("llm"), &json!("METRIC")), "{first}");
        learners.until_served(before + 1).await;
        learned_ms.push(answered.elapsed());
        for replica in 0..3 {
            let again = learners.classify(replica, &query.to_uppercase()).await;
            assert_eq!((&again["source"], &again["llm_used"]), (&json!("learned"), &json!(false)), "{again}");
        }
    }
    assert_eq!(learners.llm.chats(), LEARNED, "each was asked once");
    for pattern in learners.learned(1, "shop").await {
        let path = format!("/api/v1/patterns/{}/disable?wait=all", pattern["id"].as_str().unwrap());
        let asked = Instant::now();
        let request = learners.http.post(format!("{}{path}", learners.url(1))).bearer_auth(TOKEN);
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::OK,
            "every replica says that it serves it"
        );
        disabled_ms.push(asked.elapsed());
    }
    learners.llm.next(std::iter::repeat_n(midflight_testkit::LlmDoes::Nonsense, 3));
    for replica in 0..3 {
        let answer = learners.classify(replica, "how many orders were there in shop 0").await;
        assert_eq!((&answer["source"], &answer["matched"]), (&json!("none"), &Value::Null), "{answer}");
    }
    learned_ms.sort_unstable();
    disabled_ms.sort_unstable();
    eprintln!(
        "from an LLM's answer to its pattern on three replicas: p50 {:?}, max {:?}; disabled on all: p50 {:?}, max {:?}",
        learned_ms[LEARNED / 2],
        learned_ms[LEARNED - 1],
        disabled_ms[LEARNED / 2],
        disabled_ms[LEARNED - 1]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_new_query_is_one_call_and_one_pattern() {
    let learners = std::sync::Arc::new(Learners::start().await);
    let before = learners.ask.served(learners.url(0)).await.unwrap();
    let flood = (0..FLOOD).map(|_| {
        let learners = std::sync::Arc::clone(&learners);
        tokio::spawn(async move { learners.classify(0, "what is the weather in Trieste?").await })
    });
    for answer in flood.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        assert_eq!(answer["category"], "METRIC", "{answer}");
    }
    learners.until_served(before + 1).await;
    assert_eq!(learners.llm.chats(), 1);
    assert_eq!(learners.learned(2, "trieste").await.len(), 1);
    assert_eq!(learners.ask.served(learners.url(0)).await, Some(before + 1), "one revision");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_legacy_message_reloads_and_the_endpoint_reports_it() {
    let learners = Learners::start().await;
    let put =
        r#"SELECT midflight_put('patterns', '42', '{"pattern": "ciao", "category": "GREETING"}', 'anna')"#;
    let revision: u64 = Postgres::psql(&learners.log, put).unwrap().trim().parse().unwrap();
    learners.redis.publish("pilotpros:patterns:reload", r#"{"action": "reload", "pattern_id": 42}"#);
    learners.until_served(revision).await;
    for replica in 0..3 {
        assert_eq!(learners.classify(replica, "Ciao!").await["category"], "GREETING");
    }
    let url = format!("{}/api/milhena/patterns/reload", learners.url(0));
    let request = learners.http.post(&url).bearer_auth(TOKEN).json(&json!({"pattern_id": 42}));
    let output: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((&output["success"], &output["subscribers"]), (&json!(true), &json!(3)), "{output}");
    assert_eq!(output["pattern_id"], 42);
    let received = async || {
        for _ in 0..1000 {
            learners
                .redis
                .publish("pilotpros:patterns:reload", r#"{"action": "reload", "pattern_id": null}"#);
        }
    };
    received().await;
    until(|| async {
        let health = learners.ask.health(learners.url(0)).await;
        (health["bus"]["heard"].as_u64() >= Some(1000)).then_some(())
    })
    .await;
    let reloads =
        learners.ask.get(learners.url(0), "/api/v1/reloads?trigger=notify&limit=500").await.unwrap();
    let reloads = reloads["items"].as_array().unwrap().len();
    eprintln!("1,000 messages of the originals were {reloads} looks at the log");
    assert!(reloads < 30, "{reloads}");
}
