//! Random ways through versions, messages, returns and restores: after each step the state is what it must be.

use std::collections::BTreeMap;
use std::path::Path;

use midflight_module_host::ReloadOutcome;
use midflight_testkit::guest::Guest;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{NAME, Setup, name};

/// The highest schema of a version.
const TOP: u32 = 5;

#[derive(Debug, Clone)]
enum Step {
    /// Loads the version with this schema: up or down, over any number of hops.
    Reload(u32),
    /// Sends so many messages.
    Add(u64),
    /// Returns to the instance that the last commit replaced.
    Return,
    /// Restores one of the generations that are kept.
    Restore(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..=TOP).prop_map(Step::Reload),
        3 => (1..4_u64).prop_map(Step::Add),
        2 => Just(Step::Return),
        1 => any::<prop::sample::Index>().prop_map(Step::Restore),
    ]
}

/// What a version's state is made of: its schema, and what it has counted.
type Counted = (u32, u64);

/// The words of a state.
fn words((schema, count): Counted) -> (u32, Vec<u64>) {
    let others = (1..schema).map(|word| u64::from(100 + word));
    (schema, [count].into_iter().chain(others).collect())
}

/// What the module must be.
struct Model {
    live: u64,
    highest: u64,
    now: Counted,
    /// What other generations ended with.
    ended: BTreeMap<u64, Counted>,
    /// The generation that can be returned to.
    retained: Option<u64>,
}

impl Model {
    /// Another generation answers.
    fn commit(&mut self, next: Counted) {
        self.ended.insert(self.live, self.now);
        self.retained = Some(self.live);
        self.highest += 1;
        (self.live, self.now) = (self.highest, next);
    }
}

async fn follow(folder: &Path, steps: &[Step]) {
    // What one chain has compiled, the others find.
    let setup = Setup::with(|options| options.cache_folder = Some(folder.to_owned()));
    let manifest = |schema: u32| {
        let guest = Guest::new(NAME, &format!("{schema}.0.0"), schema).accepts(&[1, 2, 3, 4, 5]);
        setup.manifest(&guest, json!({"limits": {"grace_ms": 3_600_000}}))
    };
    setup.host.load(manifest(1)).await.unwrap();
    let mut model = Model { live: 1, highest: 1, now: (1, 0), ended: BTreeMap::new(), retained: None };
    for step in steps {
        match step {
            Step::Add(count) => {
                for _ in 0..*count {
                    model.now.1 += 1;
                    assert_eq!(setup.add().await, Ok(model.now.1), "{step:?}");
                }
                // It would undo them.
                model.retained = None;
            }
            Step::Reload(schema) if *schema == model.now.0 => {
                let report = setup.host.load(manifest(*schema)).await.unwrap();
                assert_eq!(report.outcome, ReloadOutcome::Unchanged);
            }
            Step::Reload(schema) => {
                let (from, count) = model.now;
                let report = setup.host.load(manifest(*schema)).await.unwrap();
                assert_eq!((report.migrated_from, report.steps), (Some(from), schema.abs_diff(from)));
                model.commit((*schema, count));
                assert_eq!(report.generation, model.live);
            }
            Step::Return => {
                let returned = setup.host.return_to_previous(&name(NAME)).await;
                match model.retained.take() {
                    Some(generation) => {
                        assert_eq!(returned.unwrap().generation, generation);
                        model.ended.insert(model.live, model.now);
                        model.now = model.ended[&generation];
                        model.live = generation;
                    }
                    None => drop(returned.unwrap_err()),
                }
            }
            Step::Restore(index) => {
                let history = setup.host.history(&name(NAME)).await.unwrap();
                let kept: Vec<u64> =
                    history.generations.into_keys().filter(|generation| *generation != model.live).collect();
                if kept.is_empty() {
                    continue;
                }
                let generation = *index.get(&kept);
                let report = setup.host.restore_generation(&name(NAME), generation, "a test").await.unwrap();
                model.commit(model.ended[&generation]);
                assert_eq!(report.generation, model.live);
            }
        }
        assert_eq!(setup.state().await, words(model.now), "{step:?}");
    }
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.abandoned, metrics.traps, metrics.lost_by_restart), (0, 0, 0));
}

#[test]
fn a_random_chain_of_reloads_keeps_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    proptest!(ProptestConfig::with_cases(100), |(steps in prop::collection::vec(step(), 1..16))| {
        runtime.block_on(follow(folder.path(), &steps));
    });
}
