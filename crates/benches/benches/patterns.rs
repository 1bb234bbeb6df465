//! Classifying beside the bare structures that could do a part of it: a `HashMap` of keys, and an Aho-Corasick
//! automaton of substrings (the crate `aho-corasick`).
//!
//! Both are run in turn in one process, and every line names its reference. `cargo bench -p midflight-benches`.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use midflight_benches::Compared;
use midflight_benches::patterns::{automata, change, compiled, exact, key, pattern, query, regex, substring};
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_engine::{Engine, Limits};
use midflight_patterns::{Patterns, PatternsSnapshot, Profile};
use midflight_store::{Durability, MemoryStore, SqliteOptions, SqliteStore, Store};

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    for count in [100, 10_000, 1_000_000] {
        let snapshot = exact(count);
        for (title, compared) in lookups(&snapshot, count) {
            say(
                &format!("classify, {count} exact patterns, another each time (reference: {title})"),
                compared,
            );
        }
        if count == 1_000_000 {
            say(
                "compile one exact pattern into 1,000,000 (reference: a HashMap of them, cloned)",
                one_more(&snapshot, count),
            );
        }
    }
    let snapshot = automata(10_000, 1_000);
    for (title, text) in [
        ("a substring matches", format!("tell me about {} please, and soon", substring(7_777))),
        ("a regex matches", "would you kindly show orders30 of the last few weeks".to_owned()),
        ("a regex matches, not ASCII", "perché non mi fai vedere: show orders30 è urgente".to_owned()),
        ("nothing matches", "is there anything that we could do about the weather in may".to_owned()),
    ] {
        say(
            &format!(
                "classify, 10,000 substrings and 1,000 regexes, {title} (reference: aho-corasick, the substrings)"
            ),
            scan(&snapshot, &text),
        );
    }
    say(
        "compile one substring into 10,000 and 1,000 regexes (reference: an automaton of the substrings, built)",
        one_substring(&snapshot),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(edits());
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(title: &str, compared: impl std::fmt::Display) {
    println!("{title}\n    {compared}");
}

/// Walks over all patterns, so that neither side answers from the processor's cache alone.
fn walk(count: usize) -> impl FnMut() -> usize {
    let mut n = 0;
    move || {
        n = (n + 7_919) % count;
        n
    }
}

fn lookups(snapshot: &PatternsSnapshot, count: usize) -> [(&'static str, Compared); 2] {
    let queries: Vec<_> = (0..count).map(query).collect();
    let keys: Vec<_> = (0..count).map(key).collect();
    let map: HashMap<String, usize> = keys.iter().cloned().zip(0..).collect();
    let calls = (20_000, 20_000);
    let classify = |n: usize| snapshot.classify(&queries[n], None).is_ok_and(|it| it.found.is_some());
    assert!((0..count).step_by(97).all(classify));
    let (mut ours, mut theirs) = (walk(count), walk(count));
    let bare = Compared::run(31, calls, || classify(ours()), || map.get(&keys[theirs()]));
    let profile = Profile::default();
    let (mut ours, mut theirs) = (walk(count), walk(count));
    let normalized = || map.get(&profile.normalize(&queries[theirs()]));
    let same = Compared::run(31, calls, || classify(ours()), normalized);
    [("a HashMap asked with the ready key", bare), ("the query normalized, and a HashMap", same)]
}

fn one_more(snapshot: &PatternsSnapshot, count: usize) -> Compared {
    let map: HashMap<String, usize> = (0..count).map(key).zip(0..).collect();
    let mut n = 0;
    let ours = || {
        n += 1;
        let new = change("new", &pattern(&format!("something new {n}"), "exact"));
        let next = compiled(snapshot, vec![new]);
        assert!(next.classify(&format!("Something new {n}!"), None).is_ok_and(|it| it.found.is_some()));
        next
    };
    Compared::run_each((901, 5), ours, || map.clone())
}

fn scan(snapshot: &PatternsSnapshot, text: &str) -> Compared {
    let bare = AhoCorasick::new((0..10_000).map(substring)).unwrap_or_else(|error| panic!("{error}"));
    let ours = || snapshot.classify(text, None).is_ok_and(|it| it.found.is_some());
    Compared::run(31, (5_000, 5_000), ours, || bare.find_overlapping_iter(text).count())
}

fn one_substring(snapshot: &PatternsSnapshot) -> Compared {
    let mut n = 0;
    let ours = || {
        n += 1;
        compiled(snapshot, vec![change("new", &pattern(&format!("something new {n}"), "contains"))])
    };
    let bare = || AhoCorasick::new((0..10_000).map(substring)).unwrap_or_else(|error| panic!("{error}"));
    assert!(regex(30).contains("orders30"), "the queries above are to match");
    Compared::run_each((301, 51), ours, bare)
}

/// From an edit to its answer, through the log and the whole engine, with a million patterns.
async fn edits() {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let mut options = SqliteOptions::new(folder.path().join("log.db"));
    options.durability = Durability::Process;
    let sqlite = SqliteStore::open(options).await.unwrap_or_else(|error| panic!("{error}"));
    let stores: [(&str, Arc<dyn Store>); 2] = [
        ("in memory", Arc::new(MemoryStore::new())),
        ("in SQLite, safe from a crash of the process", Arc::new(sqlite)),
    ];
    for (title, store) in stores {
        let mut took = edited(store, 1_000_000).await;
        took.sort_unstable();
        let [p50, p99] = [50, 99].map(|percent| took[took.len() * percent / 100 - 1].as_secs_f64() * 1e3);
        say(
            &format!(
                "one exact pattern added to 1,000,000, from the edit to its answer, the log {title} (aim 1 ms)"
            ),
            format!("p50 {p50:.3} ms, p99 {p99:.3} ms"),
        );
    }
}

async fn edited(store: Arc<dyn Store>, count: usize) -> Vec<std::time::Duration> {
    let mut builder = Engine::builder().store(store);
    let slot = builder.kind(Patterns);
    builder.limits(Limits { documents_max: 2_000_000, ..Limits::default() });
    let engine = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    let live = engine.live(slot);
    let put = |name: String, text: &str| {
        let id = DocumentId::new("patterns", &name).unwrap_or_else(|error| panic!("{error}"));
        Change::put(id, pattern(text, "exact"))
    };
    let edit = |changes: Vec<Change>| Edit::new("bench", Trigger::Manual, changes);
    for start in (0..count).step_by(100_000) {
        let changes = (start..start + 100_000).map(|n| put(format!("p{n:07}"), &query(n)));
        engine.apply(edit(changes.collect())).await.unwrap_or_else(|error| panic!("{error}"));
    }
    let mut took = Vec::new();
    for n in 0..300 {
        let text = format!("something new {n}");
        let changes = vec![put(format!("new{n}"), &text)];
        let began = std::time::Instant::now();
        engine.apply(edit(changes)).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(live.load().classify(&text, None).is_ok_and(|it| it.found.is_some()));
        took.push(began.elapsed());
    }
    engine.stop().await;
    took
}
