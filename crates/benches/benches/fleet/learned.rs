//! How long what an LLM says takes to be a pattern on every replica, and to be none once it is disabled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use midflight_bus::{RedisBus, RedisOptions, Seal};
use midflight_components::{Llm, LlmSettings, SettingsSource};
use midflight_core::{Change, DocumentId, JsonPointer, RevisionNumber};
use midflight_engine::{Engine, Identity, Refresh};
use midflight_learning::{AnswerSource, Classifier, LearningOptions};
use midflight_live::Live;
use midflight_patterns::{Patterns, PatternsSnapshot};
use midflight_store::{PostgresOptions, PostgresStore};
use midflight_testkit::{LlmDouble, Postgres, Redis};
use serde_json::{Value, json};

use crate::replicas::{Replicas, edit};
use crate::{Times, bare};

const REPLICAS: usize = 3;
const RUNS: usize = 200;
/// How many ask the same at the same time.
const FLOOD: usize = 100;
const MESSAGE_BYTES: usize = 900;

struct Learner {
    engine: Engine,
    patterns: Live<PatternsSnapshot>,
    classifier: Classifier,
}

async fn learner(log: &str, id: usize, redis: &Redis, llm: &LlmDouble) -> Learner {
    let (seal, id) = (Seal::new(), format!("r{id}"));
    let bus = Arc::new(RedisBus::new(RedisOptions::new(redis.url()), &seal).unwrap());
    let store = Arc::new(PostgresStore::new(PostgresOptions::new(log.parse().unwrap(), &id)));
    let mut builder = Engine::builder().store(store).bus(bus);
    let slot = builder.kind(Patterns);
    let settings = json!({"base_url": llm.base_url(), "model": "double", "verify": false});
    let settings: LlmSettings = serde_json::from_value(settings).unwrap();
    let (part, llm) =
        Llm::new(SettingsSource::new(Vec::new(), JsonPointer::root(), move |_| Some(settings.clone())));
    builder.component(part).refresh(Refresh { enabled: true, period: Duration::from_secs(3600) });
    builder.identity(Identity { id: id.clone(), has_others: true, ..Identity::default() });
    let engine = builder.start().await.unwrap();
    seal.know(engine.store().hint_key().await.unwrap());
    let patterns = engine.live(slot);
    let classifier = Classifier::start(engine.clone(), patterns.clone(), llm, LearningOptions::new(id));
    Learner { engine, patterns, classifier }
}

fn put(name: &str, body: Value) -> Change {
    Change::put(DocumentId::new("patterns", name).unwrap(), body)
}

pub(crate) async fn by_one(postgres: &Postgres, redis: &Redis) {
    midflight_testkit::choose_cryptography();
    let llm = LlmDouble::start();
    llm.classify_by(|_| ("METRIC", 0.97));
    let log = postgres.database();
    let mut learners = Vec::new();
    for replica in 0..REPLICAS {
        learners.push(learner(&log, replica, redis, &llm).await);
    }
    let mut replicas = Replicas::of(learners.iter().map(|learner| learner.engine.clone()).collect());
    let prompt = json!({"instructions": "Classify.", "categories": {"METRIC": null}});
    let documents = vec![
        put("prompts/default", prompt),
        put(
            "learning/default",
            json!({"mode": "auto", "lessons_per_minute_max": 1_000_000, "llm_calls_per_minute_max": 1_000_000}),
        ),
    ];
    let mut served = learners[0].engine.apply(edit(documents)).await.unwrap().revision.unwrap().number;
    replicas.all_serve(served).await;
    let (mut learned, mut disabled) = (Times::default(), Times::default());
    for n in 0..RUNS {
        let query = format!("how many orders were there in shop {n}?");
        let answer = learners[0].classifier.classify(&query, None).await.unwrap();
        let answered = Instant::now();
        assert_eq!(answer.source, AnswerSource::Llm);
        served = RevisionNumber::new(served.get() + 1);
        learned.add(replicas.all_serve(served).await.saturating_duration_since(answered));
        let again = learners[n % REPLICAS].classifier.classify(&query, None).await.unwrap();
        assert_eq!(again.source, AnswerSource::Learned);
        let (body, id) = (disabled_body(&query), again.matched.unwrap().id);
        let asked = Instant::now();
        served = learners[1].engine.apply(edit(vec![put(&id, body)])).await.unwrap().revision.unwrap().number;
        disabled.add(replicas.all_serve(served).await - asked);
        let is_missing =
            |learner: &Learner| learner.patterns.load().classify(&query, None).unwrap().found.is_none();
        assert!(learners.iter().all(is_missing));
    }
    assert_eq!(llm.chats(), RUNS, "each was asked once");
    let bare = bare::postgres(&postgres.database(), REPLICAS - 1, MESSAGE_BYTES).await;
    println!(
        "from an LLM's answer to its pattern on {REPLICAS} replicas, PostgreSQL and Redis: {learned}; disabled on all: \
         {disabled}; bare insert + NOTIFY + select: {bare}; p50 {:.2}x, p99 {:.2}x",
        learned.over(&bare, 50),
        learned.over(&bare, 99)
    );
    let before = (llm.chats(), learners[0].engine.served());
    let flood = (0..FLOOD).map(|_| learners[0].classifier.classify("what is the weather like?", None));
    let answers = join_all(flood).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|it| it.source != AnswerSource::None)));
    replicas.all_serve(RevisionNumber::new(before.1.get() + 1)).await;
    println!(
        "{FLOOD} ask one new query at once: {} call of the LLM, {} revision",
        llm.chats() - before.0,
        learners[0].engine.served().get() - before.1.get()
    );
    for learner in &learners {
        learner.classifier.stop().await;
    }
    replicas.stop().await;
}

fn disabled_body(query: &str) -> Value {
    json!({"pattern": query, "category": "METRIC", "created_by": "llm", "status": "disabled"})
}
