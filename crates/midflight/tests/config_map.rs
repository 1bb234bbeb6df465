//! A watched directory of 1,000 rules, swapped the way kubelet swaps a ConfigMap, 100 times: exactly 100 revisions, and
//! the time from each swap to the new answer.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight::rules::{ExecuteRequest, Rules};
use midflight::source::{DirectoryOptions, DirectorySource, NamedDirectory};
use midflight::store::{SqliteOptions, SqliteStore};
use midflight::{Engine, RevisionNumber};
use serde_json::json;

const RULES: u64 = 1000;
const SWAPS: u64 = 100;

/// The rules in the generation that gives the first one, or all of them, this many points.
fn rules(points: u64, all: bool) -> String {
    let mut text = "kind: rules\nname: set\nbody: {default: true}\n".to_owned();
    for n in 0..RULES {
        let point = if all || n == 0 { points } else { 1 };
        text += &format!(
            "---\nkind: rules\nname: set/R{n:04}\nbody:\n  rule_name: Rule {n}\n  description: It asks for {n}\n  \
             conditions:\n    item: {{attribute: n, operator: equal, constant: {n}}}\n  rule_point: {point}\n  \
             weight: 1\n  priority: {n}\n  action_result: \"Y\"\n"
        );
    }
    text
}

fn swap(dir: &Path, generation: u64, text: &str) -> Instant {
    let data = format!("..generation_{generation}");
    fs::create_dir(dir.join(&data)).unwrap_or_else(|error| panic!("{error}"));
    let old = fs::read_link(dir.join("..data")).ok();
    let swapped = fs::write(dir.join(&data).join("rules.yaml"), text)
        .and_then(|()| symlink(&data, dir.join("..data_tmp")))
        .map(|()| Instant::now())
        .and_then(|began| fs::rename(dir.join("..data_tmp"), dir.join("..data")).map(|()| began));
    match old {
        Some(old) => fs::remove_dir_all(dir.join(old)),
        None => symlink("..data/rules.yaml", dir.join("rules.yaml")),
    }
    .unwrap_or_else(|error| panic!("{error}"));
    swapped.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_of_a_thousand_rules_are_a_hundred_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("config");
    fs::create_dir(&dir).unwrap();
    let store = SqliteStore::open(SqliteOptions::new(folder.path().join("log.db"))).await.unwrap();
    let mut builder = Engine::builder().store(Arc::new(store));
    let slot = builder.kind(Rules);
    let engine = builder.start().await.unwrap();
    let live = engine.live(slot);
    swap(&dir, 0, &rules(1, false));
    // The poll is an hour away: what is found was told by the system.
    let options = DirectoryOptions { poll: Duration::from_secs(3600), ..DirectoryOptions::default() };
    let source = DirectorySource::start(engine.clone(), NamedDirectory::unnamed(&dir).unwrap(), options)
        .await
        .unwrap();
    assert_eq!(source.status().problems, []);
    let mut changes = engine.changes();
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for n in 1..=SWAPS {
        let changes_all = n > SWAPS / 2;
        let text = rules(n + 1, changes_all);
        let began = swap(&dir, n, &text);
        tokio::time::timeout(Duration::from_secs(60), changes.changed()).await.unwrap();
        let took = began.elapsed();
        let data = json!({"n": 0});
        let request = ExecuteRequest { ruleset: None, data: &data, rule_ids: None, explain: false };
        let answered = live.load().execute(&request).unwrap().total_points;
        assert!((answered - (n + 1) as f64).abs() < f64::EPSILON, "swap {n} is answered with {answered}");
        if changes_all { all.push(took) } else { one.push(took) }
    }
    let status = source.sync_now().await;
    assert_eq!((status.revisions, status.problems), (SWAPS + 1, Vec::new()));
    assert_eq!(engine.store().head().await.unwrap().number, RevisionNumber::new(SWAPS + 1));
    for (what, mut times) in [("to the old rules and one new", one), ("to 1,000 new rules", all)] {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("from a swap {what} to the new answer: median {:.1} ms, p95 {:.1} ms", at(50), at(95));
    }
    source.stop().await;
    engine.stop().await;
}
