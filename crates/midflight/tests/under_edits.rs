//! Readers that never pause while a thousand edits go through: no error, no answer that mixes two revisions, and the
//! first answer after an edit is of it.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use midflight_core::{Change, DocumentId, DocumentName, Edit, RevisionNumber, Trigger};
use midflight_engine::{Engine, Kind as _, KindChange, Work};
use midflight_live::Live;
use midflight_rules::{Rules, RulesSnapshot};
use midflight_store::{Durability, RevisionLog as _, SqliteOptions, SqliteStore, Store as _};
use serde_json::{Value, json};

const READERS: usize = 8;
const EDITS: u64 = 1000;
const RULES: u64 = 30;

/// What was answered at each revision to each input.
type Answers = HashMap<(u64, usize), String>;

fn id(name: &str) -> DocumentId {
    DocumentId::new("rules", name).unwrap()
}

fn rule(n: u64, point: u64) -> Value {
    json!({
        "conditions": {"all": ["old", {"attribute": "n", "operator": "greater_than", "constant": n}]},
        "rule_point": point, "priority": n % 5, "action_result": "Y"
    })
}

fn condition(constant: u64) -> Value {
    json!({"attribute": "age", "operator": "greater_than", "constant": constant})
}

fn ruleset(mark: u64) -> Value {
    json!({"default": true, "patterns": {"Y".repeat(30): format!("all at {mark}"), "-".repeat(30): format!("none at {mark}")}})
}

fn start() -> Vec<Change> {
    let rules = (0..RULES).map(|n| Change::put(id(&format!("set/{n}")), rule(n, 1)));
    let base = [Change::put(id("set"), ruleset(0)), Change::put(id("conditions/old"), condition(50))];
    base.into_iter().chain(rules).collect()
}

/// The n-th edit: of a rule, of the condition they all share, of the patterns, or of all of these at once.
fn edit_number(n: u64) -> Vec<Change> {
    let rule = || Change::put(id(&format!("set/{}", n % RULES)), rule(n % RULES, n + 2));
    let shared = || Change::put(id("conditions/old"), condition(n % 90));
    let patterns = || Change::put(id("set"), ruleset(n));
    match n % 5 {
        0 => vec![shared()],
        1 => vec![patterns()],
        2 => vec![rule(), shared(), patterns()],
        _ => vec![rule()],
    }
}

fn edit(changes: Vec<Change>) -> Edit {
    Edit::new("editor", Trigger::ApiUpdate, changes)
}

fn inputs() -> Vec<Value> {
    [(10, 5), (60, 15), (95, 40), (60, 0)].map(|(age, n)| json!({"data": {"age": age, "n": n}})).to_vec()
}

fn answer(snapshot: &RulesSnapshot, input: &Value) -> String {
    Rules.answer(snapshot, input).unwrap().to_string()
}

/// Asks without pause until told to stop; keeps every answer, and fails on two for one revision.
fn read(live: &Live<RulesSnapshot>, stop: &AtomicBool) -> (Answers, u64) {
    let inputs = inputs();
    let mut answers = Answers::new();
    let (mut asked, mut last) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        for (place, input) in inputs.iter().enumerate() {
            let loaded = live.load();
            let revision = loaded.revision().get();
            assert!(revision >= last, "the served revision went back from {last} to {revision}");
            last = revision;
            let now = answer(&loaded, input);
            let before = answers.entry((revision, place)).or_insert_with(|| now.clone());
            assert_eq!(*before, now, "two answers at revision {revision}");
            asked += 1;
        }
    }
    (answers, asked)
}

/// Compiles every revision of the log anew from its documents, and holds every answer against it.
async fn recompute(store: &SqliteStore, answers: &Answers) -> usize {
    let mut documents: BTreeMap<DocumentName, Arc<Value>> = BTreeMap::new();
    let (inputs, work) = (inputs(), Work::unbounded());
    let mut held = 0;
    for appended in store.since(RevisionNumber::ZERO, u32::MAX).await.unwrap() {
        for document in appended.documents {
            match document.body {
                Some(body) => drop(documents.insert(document.id.name, body)),
                None => drop(documents.remove(&document.id.name)),
            }
        }
        let number = appended.revision.number.get();
        if (0..inputs.len()).all(|place| !answers.contains_key(&(number, place))) {
            continue;
        }
        let valid = documents.iter().map(|(name, body)| KindChange {
            name: name.clone(),
            document: Some(Rules.validate(name, body, &work).unwrap()),
        });
        let snapshot = Rules.compile(&Rules.empty(), valid.collect(), &work).unwrap();
        for (place, input) in inputs.iter().enumerate() {
            if let Some(given) = answers.get(&(number, place)) {
                assert_eq!(
                    *given,
                    answer(&snapshot, input),
                    "revision {number} answered what it does not say"
                );
                held += 1;
            }
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_mixes_two_revisions_and_the_first_after_an_edit_is_of_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let options = SqliteOptions {
        durability: Durability::Process,
        ..SqliteOptions::new(folder.path().join("midflight.db"))
    };
    let store = Arc::new(SqliteStore::open(options).await.unwrap());
    let mut builder = Engine::builder().store(store.clone());
    let slot = builder.kind(Rules);
    let engine = builder.start().await.unwrap();
    let live = engine.live(slot);
    engine.apply(edit(start())).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (live, stop) = (live.clone(), Arc::clone(&stop));
            std::thread::spawn(move || read(&live, &stop))
        })
        .collect();
    for n in 0..EDITS {
        let accepted = engine.apply(edit(edit_number(n))).await.unwrap();
        let first = live.load();
        let made = accepted.revision.map_or(0, |revision| revision.number.get());
        assert!(first.revision().get() >= made, "edit {n} made {made} and {} is served", first.revision());
    }
    stop.store(true, Ordering::Relaxed);

    let (mut answers, mut asked) = (Answers::new(), 0);
    for reader in readers {
        let (own, own_asked) = reader.join().unwrap();
        asked += own_asked;
        for (key, answer) in own {
            let known = answers.entry(key).or_insert_with(|| answer.clone());
            assert_eq!(*known, answer, "two readers got two answers at revision {}", key.0);
        }
    }
    let held = recompute(&store, &answers).await;
    assert_eq!(held, answers.len(), "every answer's revision is in the log");
    println!("{asked} answers, {held} different ones held against the log, {} revisions", engine.served());
    assert!(held > 100 && engine.served().get() > EDITS / 2);
    engine.stop().await;
    store.close().await;
}
