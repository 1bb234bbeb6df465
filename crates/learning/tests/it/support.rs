//! Replicas of one log, and short ways to ask them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_bus::MemoryBus;
use midflight_components::{Llm, LlmSettings, SettingsSource};
use midflight_core::{Change, Document, DocumentId, Edit, JsonPointer, RevisionNumber, Trigger};
use midflight_engine::{Engine, Identity, Refresh};
use midflight_learning::{
    AnswerSource, Classifier, Feedback, FeedbackAnswer, LearningOptions, PatternUsage, QueryAnswer,
};
use midflight_live::Live;
use midflight_patterns::{PatternStatus, Patterns, PatternsSnapshot};
use midflight_store::{MemoryStore, RevisionLog as _};
use midflight_testkit::{DEADLINE, LlmDouble};
use serde_json::{Value, json};

use crate::log::Log;

/// A time that no test waits for, in milliseconds.
pub(crate) const LONG_MS: u64 = 3_600_000;

/// A log, and the LLM of all who follow it. It says that greetings are some, and that everything else is a metric.
pub(crate) struct Fleet {
    pub(crate) log: MemoryStore,
    pub(crate) double: LlmDouble,
    bus: MemoryBus,
}

/// One that follows the log.
pub(crate) struct Replica {
    pub(crate) engine: Engine,
    pub(crate) patterns: Live<PatternsSnapshot>,
    pub(crate) llm: Llm,
    pub(crate) classifier: Classifier,
    /// How it reaches the log.
    pub(crate) log: Log,
}

/// A fleet of one, which learns at once what the LLM says.
pub(crate) async fn one() -> (Fleet, Replica) {
    one_with(json!({}), |_| ()).await
}

/// The same with other settings of the LLM, and other options.
pub(crate) async fn one_with(llm: Value, options: impl FnOnce(&mut LearningOptions)) -> (Fleet, Replica) {
    let fleet = Fleet { log: MemoryStore::new(), double: LlmDouble::start(), bus: MemoryBus::new() };
    fleet.double.classify_by(|query| match query.to_lowercase().contains("ciao") {
        true => ("GREETING", 1.0),
        false => ("METRIC", 0.95),
    });
    let one = fleet.replica("one", Some(llm), options).await;
    one.put("prompts/default", prompt(&["GREETING", "METRIC", "DANGER"])).await;
    one.put("learning/default", policy(json!({}))).await;
    (fleet, one)
}

/// A fleet of two.
pub(crate) async fn two() -> (Fleet, Replica, Replica) {
    let (fleet, one) = one().await;
    let two = fleet.replica("two", Some(json!({})), |_| ()).await;
    (fleet, one, two)
}

/// A prompt of these categories. Greetings have an answer of their own.
pub(crate) fn prompt(categories: &[&str]) -> Value {
    let category = |name: &&str| {
        let output = if *name == "GREETING" { json!({ "direct_response": "Ciao!" }) } else { Value::Null };
        ((*name).to_owned(), output)
    };
    let categories: serde_json::Map<_, _> = categories.iter().map(category).collect();
    json!({ "instructions": "Classify.", "categories": categories })
}

/// A policy that learns at once, and more.
pub(crate) fn policy(more: Value) -> Value {
    let mut policy = json!({ "mode": "auto", "demote_below": 0.5, "demote_after": 3, "llm_call_cost": 0.5 });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

pub(crate) fn document(name: &str) -> DocumentId {
    DocumentId::new("patterns", name).unwrap()
}

/// What a person wants.
pub(crate) fn edit(changes: Vec<Change>) -> Edit {
    Edit::new("tester", Trigger::ApiUpdate, changes)
}

impl Fleet {
    /// One more replica; without settings it has no LLM. It writes what it counts when it is told to.
    pub(crate) async fn replica(
        &self,
        id: &str,
        llm: Option<Value>,
        change: impl FnOnce(&mut LearningOptions),
    ) -> Replica {
        midflight_testkit::choose_cryptography();
        let settings = llm.map(|more| settings(self.double.base_url(), &more));
        let log = Log::new(self.log.clone());
        let mut builder = Engine::builder().store(Arc::new(log.clone())).bus(Arc::new(self.bus.clone()));
        let slot = builder.kind(Patterns);
        let (part, llm) =
            Llm::new(SettingsSource::new(Vec::new(), JsonPointer::root(), move |_| settings.clone()));
        builder
            .component(part)
            .refresh(Refresh { enabled: false, ..Refresh::default() })
            .identity(Identity { id: id.to_owned(), ..Identity::default() });
        let engine = builder.start().await.unwrap();
        let patterns = engine.live(slot);
        let mut options = LearningOptions::new(id);
        options.flush = Duration::from_millis(LONG_MS);
        // What one lesson teaches is learned at once after another, unless a test is about that.
        options.pause = Duration::ZERO;
        change(&mut options);
        let classifier = Classifier::start(engine.clone(), patterns.clone(), llm.clone(), options);
        Replica { engine, patterns, llm, classifier, log }
    }

    pub(crate) async fn head(&self) -> u64 {
        self.log.head().await.unwrap().number.get()
    }

    /// What the log says of a document.
    pub(crate) async fn document(&self, name: &str) -> Option<Document> {
        self.log.heads(&[document(name)]).await.unwrap().1.remove(0)
    }

    /// The ids of all that was learned, by what is in the log.
    pub(crate) async fn learned(&self) -> Vec<String> {
        let (_, documents) = midflight_store::everything(&self.log).await.unwrap();
        let names = documents.iter().map(|document| document.id.name.to_string());
        names.filter(|name| name.starts_with("learned-")).collect()
    }
}

fn settings(base_url: String, more: &Value) -> LlmSettings {
    let mut all = json!({
        "base_url": base_url, "model": "one", "verify": false, "retries": 0, "timeout_ms": 60_000,
        "breaker": { "failures": 0 }
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

impl Replica {
    pub(crate) async fn ask(&self, query: &str) -> QueryAnswer {
        let answer = tokio::time::timeout(DEADLINE, self.classifier.classify(query, None)).await;
        answer.unwrap().unwrap()
    }

    /// Puts a document; the revision that did.
    pub(crate) async fn put(&self, name: &str, body: Value) -> RevisionNumber {
        self.apply(vec![Change::put(document(name), body)]).await
    }

    /// Makes changes as one revision.
    pub(crate) async fn apply(&self, changes: Vec<Change>) -> RevisionNumber {
        self.engine.apply(edit(changes)).await.unwrap().revision.unwrap().number
    }

    /// Puts exact patterns of these texts, each with its text for an id.
    pub(crate) async fn put_patterns(&self, texts: &[&str]) {
        for text in texts {
            self.put(text, json!({ "pattern": text, "category": "METRIC" })).await;
        }
    }

    /// Changes the status of what is learned or made, as a person does.
    pub(crate) async fn set_status(&self, name: &str, status: &str) {
        let (_, heads) = self.log.heads(&[document(name)]).await.unwrap();
        let mut body = Value::clone(heads[0].as_ref().unwrap().body.as_deref().unwrap());
        body["status"] = json!(status);
        self.put(name, body).await;
    }

    /// Waits until a pattern answers the query here, and asks.
    pub(crate) async fn until_learned(&self, query: &str) -> QueryAnswer {
        until("a pattern to be learned", async || {
            self.patterns.load().classify(query, None).unwrap().found.is_some().then_some(())
        })
        .await;
        let answer = self.ask(query).await;
        assert_eq!(answer.source, AnswerSource::Learned, "{answer:?}");
        answer
    }

    /// Waits until it serves what the log says.
    pub(crate) async fn until_level(&self, fleet: &Fleet) {
        let head = fleet.head().await;
        until("the log to be followed", async || (self.engine.served().get() == head).then_some(())).await;
    }

    pub(crate) fn status_of(&self, id: &str) -> Option<PatternStatus> {
        self.patterns.load().pattern(id).map(midflight_patterns::Pattern::status)
    }

    pub(crate) async fn say(&self, query: &str, feedback: Feedback) -> FeedbackAnswer {
        self.classifier.feedback(query, None, feedback, "anna").await.unwrap()
    }

    /// What is written of a pattern.
    pub(crate) async fn usage(&self, id: &str) -> PatternUsage {
        self.classifier.usage(&[id.into()]).await.unwrap().remove(id).unwrap_or_default()
    }

    /// How many edits were tried by what is learned.
    pub(crate) fn tried_to_learn(&self) -> usize {
        self.engine.history().select(usize::MAX, |event| event.trigger == Trigger::Learned).len()
    }
}

/// Looks until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the LLM was asked so often.
pub(crate) async fn until_asked(fleet: &Fleet, times: usize) {
    until("the LLM to be asked", async || (fleet.double.chats() == times).then_some(())).await;
}

/// A call that has begun, and waits.
pub(crate) type Begun<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Begins a call, which must not be over at once.
pub(crate) async fn begin<'a, T>(call: impl Future<Output = T> + 'a) -> Begun<'a, T> {
    let mut call: Begun<'a, T> = Box::pin(call);
    tokio::select! {
        biased;
        _ = &mut call => panic!("it did not wait"),
        () = std::future::ready(()) => {}
    }
    call
}
