//! A catalogue of tools: loaded, changed, selected from, listed and searched, each beside the bare work that it cannot
//! do without.
//!
//! Both are run in turn in one process, and every line names its reference. `cargo bench -p midflight-benches`.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use midflight_benches::Compared;
use midflight_benches::tools::{
    TIME, ToolDocuments, compiled, documents, foreign_documents, tool, tool_name,
};
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_engine::{Engine, Kind as _};
use midflight_store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use midflight_tools::expression::{Formula, FormulaVariables, Numeric};
use midflight_tools::selection::SelectionRequest;
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::{Value, json};

/// As many tools as a real catalogue has.
const TOOLS: usize = 184;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let catalogues = catalogues();
    for (of, documents) in &catalogues {
        say(
            &format!("184 tools {of}, validated and compiled (reference: their JSON, parsed)"),
            compile_all(documents),
        );
    }
    say(
        "a selection among 126 candidates (aim 50 us; reference: their scores by compiled Rust, sorted)",
        select(),
    );
    say(
        &format!("an expression evaluated, {TIME} (aim a third; reference: the same in compiled Rust)"),
        evaluate(),
    );
    let many = compiled(&Tools.empty(), &documents(10_000, 200));
    say("10,000 tools, a page of 50 as JSON (aim 1 ms; reference: their JSON, cloned)", page(&many));
    say(
        "10,000 tools, a search (aim 1 ms; reference: every description, scanned for one word)",
        search(&many),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        for (of, documents) in &catalogues {
            load(of, documents).await;
        }
        edit().await;
    });
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(title: &str, compared: impl std::fmt::Display) {
    println!("{title}\n    {compared}");
}

/// The catalogue that is made here, and the one that others wrote, where it is available.
fn catalogues() -> Vec<(&'static str, ToolDocuments)> {
    let mut catalogues = vec![("made for this", documents(TOOLS, 60))];
    match foreign_documents() {
        Some(documents) => catalogues.push(("of a real catalogue", documents)),
        None => say("SKIPPED: the real catalogue", "its files are not available"),
    }
    catalogues
}

fn compile_all(documents: &ToolDocuments) -> Compared {
    let texts: Vec<_> = documents.iter().map(|(_, body)| body.to_string()).collect();
    let parse =
        || texts.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()).collect::<Vec<_>>();
    Compared::run_each((51, 51), || compiled(&Tools.empty(), documents), parse)
}

/// 84 tools of one capability have 126 patterns.
fn select() -> Compared {
    let snapshot = compiled(&Tools.empty(), &documents(84, 1));
    let request = SelectionRequest::read(&json!({"capabilities": ["capability0"], "mode": "fast"}));
    let request = request.unwrap_or_else(|problems| panic!("{problems}"));
    let selection = || snapshot.select(&request).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(selection().candidates.len(), 126);
    let score = |n: u32| {
        let n = f64::from(n);
        let time = 300.0 * (n / 100.0).ceil() + 5.0 * n + 100.0;
        let features = [(60_000.0 / time).ln(), 1.0 - (n / 1000.0).ceil() / 10.0, 0.5, 0.7, 0.4];
        features.iter().zip([0.4, 0.15, 0.15, 0.15, 0.15]).map(|(a, b)| a * b).sum::<f64>()
    };
    let bare = || {
        let mut scores: Vec<_> = (0..126).map(|n| (score(black_box(100 + n)), n)).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        scores
    };
    Compared::run(31, (500, 5_000), selection, bare)
}

/// With variables that are set, as a selection sets them once for the formulas of all its candidates.
fn evaluate() -> Compared {
    const SETS: usize = 16;
    let formula = Formula::number(TIME, &|_| false).unwrap_or_else(|error| panic!("{error}"));
    let n_of = |set: usize| i32::try_from(set * 613).unwrap_or_default();
    let sets: Vec<_> = (0..SETS)
        .map(|set| {
            let mut variables = FormulaVariables::defaults();
            variables.set("N", Numeric::Integer(i64::from(n_of(set))));
            variables
        })
        .collect();
    let numbers: Vec<_> = (0..SETS).map(|set| (f64::from(n_of(set)), 1000.0)).collect();
    let (mut ours_set, mut bare_set) = (0, 0);
    let ours = || {
        ours_set = (ours_set + 1) % SETS;
        formula.evaluate_with(black_box(&sets[ours_set]))
    };
    let bare = || {
        bare_set = (bare_set + 1) % SETS;
        let (n, p95_latency) = *black_box(&numbers[bare_set]);
        300.0 * (n / 100.0_f64).ceil() + 5.0 * n + 0.1 * p95_latency
    };
    Compared::run(31, (100_000, 100_000), ours, bare)
}

fn page(snapshot: &ToolsSnapshot) -> Compared {
    let after = tool_name(5_000);
    let page = || {
        let tools = snapshot.tools_by_name(Some(&after)).take(50);
        tools.map(|tool| tool.definition()).collect::<Vec<_>>()
    };
    let definitions: Vec<_> = page();
    assert_eq!(definitions.len(), 50);
    Compared::run(31, (50, 50), page, || definitions.clone())
}

fn search(snapshot: &ToolsSnapshot) -> Compared {
    let queries = ["rotate certificates", "restart a container", "measure queues of the group 7"];
    let mut n = 0;
    let ours = || {
        n = (n + 1) % queries.len();
        let found = snapshot.search(queries[n], 10);
        assert_eq!(found.len(), 10);
        found
    };
    let scan = || snapshot.tools(None).filter(|tool| tool.description().contains("certificates")).count();
    Compared::run(31, (50, 20), ours, scan)
}

/// From the start of an engine on a log in SQLite until the catalogue is served; the reference reads the same
/// documents.
async fn load(of: &str, documents: &ToolDocuments) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("log.db");
    let open = || async {
        let store = SqliteStore::open(SqliteOptions::new(path.clone())).await;
        Arc::new(store.unwrap_or_else(|error| panic!("{error}")))
    };
    let store: Arc<dyn Store> = open().await;
    let (engine, _) = start(Arc::clone(&store)).await;
    let changes = documents.iter().map(|(name, body)| {
        let id = DocumentId::new("tools", name.as_str()).unwrap_or_else(|error| panic!("{error}"));
        Change::put(id, Value::clone(body))
    });
    engine.apply(edit_of(changes.collect())).await.unwrap_or_else(|error| panic!("{error}"));
    engine.stop().await;
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..31 {
        let began = std::time::Instant::now();
        let (engine, _) = start(Arc::clone(&store)).await;
        ours.push(began.elapsed());
        engine.stop().await;
        let began = std::time::Instant::now();
        let read = midflight_store::everything(&*store).await.unwrap_or_else(|error| panic!("{error}"));
        reference.push(began.elapsed());
        drop(read);
    }
    let [ours, reference] = [ours, reference].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    say(
        &format!(
            "184 tools {of}, from the start of the engine on SQLite until they are served (aim 3 ms; reference: the \
             documents, read)"
        ),
        format!("p50 {ours:.3} ms, reference {reference:.3} ms"),
    );
}

async fn start(store: Arc<dyn Store>) -> (Engine, midflight_live::Live<ToolsSnapshot>) {
    let mut builder = Engine::builder().store(store);
    let slot = builder.kind(Tools);
    let engine = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    let live = engine.live(slot);
    (engine, live)
}

fn edit_of(changes: Vec<Change>) -> Edit {
    Edit::new("bench", Trigger::Manual, changes)
}

/// From an edit of one tool until the selection uses it; the reference swaps a map of the bodies.
async fn edit() {
    let (engine, live) = start(Arc::new(MemoryStore::new())).await;
    let id = |n: usize| DocumentId::new("tools", &tool_name(n)).unwrap_or_else(|error| panic!("{error}"));
    let changes = (0..TOOLS).map(|n| Change::put(id(n), tool(n, 60, "A tool")));
    engine.apply(edit_of(changes.collect())).await.unwrap_or_else(|error| panic!("{error}"));
    let request = SelectionRequest::read(&json!({"tool_name": tool_name(7)}));
    let request = request.unwrap_or_else(|problems| panic!("{problems}"));
    let map: HashMap<String, Arc<Value>> =
        (0..TOOLS).map(|n| (tool_name(n), Arc::new(tool(n, 60, "A tool")))).collect();
    let swapped = ArcSwap::from_pointee(map);
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for n in 0..301 {
        let description = format!("Changed {n} times");
        let body = tool(7, 60, &description);
        let began = std::time::Instant::now();
        let copy = body.clone();
        engine.apply(edit_of(vec![Change::put(id(7), copy)])).await.unwrap_or_else(|error| panic!("{error}"));
        let served = live.load();
        let selection = served.select(&request).unwrap_or_else(|error| panic!("{error}"));
        assert!(selection.candidates[0].tool.description().starts_with(&description));
        ours.push(began.elapsed());
        let began = std::time::Instant::now();
        let mut next = HashMap::clone(&swapped.load());
        next.insert(tool_name(7), Arc::new(body));
        swapped.store(Arc::new(next));
        reference.push(began.elapsed());
    }
    engine.stop().await;
    let [ours, reference] = [ours, reference].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    say(
        "one tool of 184 changed, from the edit until the selection uses it, the log in memory (aim 0.3 ms; reference: a map of \
         them cloned, changed and swapped)",
        format!("p50 {ours:.3} ms, reference {reference:.3} ms"),
    );
}
