use midflight_modules::migration::{MigrationError, MigrationPlan, migrate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::manifest;

fn run(steps: Value, state: Value) -> Result<Value, MigrationError> {
    let manifest =
        manifest(json!({"schema": 2, "migrations": [{"from": 1, "to": 2, "steps": steps}]})).unwrap();
    migrate(&MigrationPlan::new(&manifest, 1, &[])?, state)
}

#[test]
fn each_step_does_one_thing() {
    let table = [
        (json!({"add": "/b", "default": 2}), json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!({"add": "/a", "default": 2}), json!({"a": 1}), json!({"a": 1})),
        (json!({"remove": "/a"}), json!({"a": 1, "b": 2}), json!({"b": 2})),
        (json!({"remove": "/c/d"}), json!({"a": 1}), json!({"a": 1})),
        (json!({"rename": "/a", "to": "b"}), json!({"a": 1}), json!({"b": 1})),
        (json!({"rename": "/a", "to": "x/y"}), json!({"a": 1}), json!({"x/y": 1})),
        (json!({"move": "/a", "to": "/c/d"}), json!({"a": 1, "c": {}}), json!({"c": {"d": 1}})),
        (json!({"convert": "/a", "into": "text"}), json!({"a": 1}), json!({"a": "1"})),
        (
            json!({"split": "/name", "separator": " ", "into": ["first", "last"]}),
            json!({"name": "Ada King Lovelace"}),
            json!({"first": "Ada", "last": "King Lovelace"}),
        ),
        (
            json!({"split": "/name", "separator": " ", "into": ["name", "last"]}),
            json!({"name": "Ada"}),
            json!({"name": "Ada", "last": ""}),
        ),
        (
            json!({"merge": ["/first", "/last"], "separator": " ", "to": "/name"}),
            json!({"first": "Ada", "last": "Lovelace"}),
            json!({"name": "Ada Lovelace"}),
        ),
        (
            json!({"each": "/sessions", "rename": "/n", "to": "count"}),
            json!({"sessions": {"a": {"n": 1}, "b": {"n": 2}}}),
            json!({"sessions": {"a": {"count": 1}, "b": {"count": 2}}}),
        ),
        (
            json!({"each": "/list", "add": "/x", "default": []}),
            json!({"list": [{}, {"x": 1}]}),
            json!({"list": [{"x": []}, {"x": 1}]}),
        ),
    ];
    for (step, state, expected) in table {
        assert_eq!(run(json!([step]), state.clone()), Ok(expected), "{step} on {state}");
    }
}

#[test]
fn what_would_lose_data_fails_with_its_place() {
    let table = [
        (json!({"rename": "/a", "to": "b"}), json!({"a": 1, "b": 2}), "/b"),
        (json!({"move": "/a", "to": "/c/d"}), json!({"a": 1}), "/c/d"),
        (json!({"add": "/a/b", "default": 1}), json!({"a": 1}), "/a/b"),
        (json!({"convert": "/a", "into": "integer"}), json!({"a": "seven"}), "/a"),
        (json!({"split": "/a", "separator": ",", "into": ["b", "c"]}), json!({"a": 1}), "/a"),
        (json!({"split": "/a", "separator": ",", "into": ["b", "c"]}), json!({"a": "1", "c": 2}), "/a"),
        (json!({"merge": ["/a", "/b"], "separator": ",", "to": "/c"}), json!({"a": "1", "b": 2}), "/b"),
        (json!({"each": "/a", "remove": "/b"}), json!({"a": 1}), "/a"),
    ];
    for (step, state, place) in table {
        match run(json!([{"remove": "/absent"}, step]), state.clone()) {
            Err(MigrationError::Step { from: 1, step: 1, path, .. }) => {
                assert_eq!(path.as_str(), place, "{step} on {state}");
            }
            other => panic!("{step} on {state} gave {other:?}"),
        }
    }
}

#[test]
fn a_chain_has_no_gaps_and_no_search() {
    let hop = |from: u32, to: u32| json!({"from": from, "to": to, "steps": []});
    let manifest = manifest(json!({"schema": 4, "migrations": [hop(1, 2), hop(3, 4), hop(6, 5), hop(5, 4)]}));
    let manifest = manifest.unwrap();
    let plan = |from, accepts: &[u32]| {
        let plan = MigrationPlan::new(&manifest, from, accepts);
        plan.map(|plan| (plan.loads, plan.hops.len())).map_err(|error| error.to_string())
    };
    assert_eq!(plan(4, &[]), Ok((4, 0)));
    assert_eq!(plan(3, &[]), Ok((4, 1)));
    assert_eq!(plan(6, &[]), Ok((4, 2)), "and back from later schemas");
    assert_eq!(plan(1, &[2]), Ok((2, 1)), "the code takes over where the hops end");
    assert_eq!(plan(1, &[1]), Ok((1, 0)), "or does all of it");
    assert_eq!(plan(7, &[7]), Ok((7, 0)));
    assert!(plan(1, &[]).unwrap_err().starts_with("no migration from schema 2 to 3"));
    assert!(plan(u32::MAX, &[]).is_err());
}

/// A change of a state with one that takes it back.
#[derive(Debug, Clone)]
enum Pair {
    Rename(usize),
    Nest(usize),
    Text(usize),
    Add,
    Join(usize),
}

fn steps(pair: &Pair, version: u32) -> (Value, Value) {
    let key = |i: &usize| format!("/k{i}");
    match pair {
        Pair::Rename(i) => {
            let new = format!("v{version}");
            (
                json!([{"rename": key(i), "to": new}]),
                json!([{"rename": format!("/v{version}"), "to": format!("k{i}")}]),
            )
        }
        Pair::Nest(i) => (
            json!([{"add": "/nest", "default": {}}, {"move": key(i), "to": format!("/nest/k{i}")}]),
            json!([{"move": format!("/nest/k{i}"), "to": key(i)}, {"remove": "/nest"}]),
        ),
        Pair::Text(i) => {
            (json!([{"convert": key(i), "into": "text"}]), json!([{"convert": key(i), "into": "integer"}]))
        }
        Pair::Add => (
            json!([{"add": format!("/new{version}"), "default": [1]}]),
            json!([{"remove": format!("/new{version}")}]),
        ),
        Pair::Join(i) => (
            json!([
                {"convert": key(i), "into": "text"},
                {"add": "/tag", "default": "t"},
                {"merge": [key(i), "/tag"], "separator": "-", "to": "/joined"},
            ]),
            json!([
                {"split": "/joined", "separator": "-", "into": [format!("k{i}"), "tag"]},
                {"remove": "/tag"},
                {"convert": key(i), "into": "integer"},
            ]),
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A state that goes up a random chain and back down is the one it was; half way it is what one hop at a time makes
    /// of it.
    #[test]
    fn a_chain_up_and_back_is_the_identity(
        pairs in prop::collection::vec((0_usize..6, 0_usize..5), 1..12),
        counts in prop::collection::vec(any::<u32>(), 6),
    ) {
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|(i, which)| match which {
                0 => Pair::Rename(*i),
                1 => Pair::Nest(*i),
                2 => Pair::Text(*i),
                3 => Pair::Add,
                _ => Pair::Join(*i),
            })
            .collect();
        let state: Map<String, Value> =
            counts.iter().enumerate().map(|(i, count)| (format!("k{i}"), json!(count))).collect();
        let state = Value::Object(state);
        let (mut up, mut down, mut current) = (Vec::new(), Vec::new(), state.clone());
        // Each pair is undone at once unless it is the last of its kind, so hops never stand in each other's way.
        for (i, pair) in pairs.iter().enumerate() {
            let version = u32::try_from(2 * i + 1).unwrap();
            let (there, back) = steps(pair, version);
            up.push(json!({"from": version, "to": version + 1, "steps": there}));
            up.push(json!({"from": version + 1, "to": version + 2, "steps": back}));
        }
        let top = u32::try_from(2 * pairs.len() + 1).unwrap();
        let manifest_up = manifest(json!({"schema": top, "migrations": up})).unwrap();
        let plan = MigrationPlan::new(&manifest_up, 1, &[]).unwrap();
        prop_assert_eq!(plan.hops.len(), 2 * pairs.len());
        prop_assert_eq!(migrate(&plan, state.clone()).unwrap(), state.clone());
        // One hop at a time makes the same.
        for schema in 2..=top {
            let hop = up[usize::try_from(schema).unwrap() - 2].clone();
            let manifest = manifest(json!({"schema": schema, "migrations": [hop]})).unwrap();
            current = migrate(&MigrationPlan::new(&manifest, schema - 1, &[]).unwrap(), current).unwrap();
        }
        prop_assert_eq!(&current, &state);
        // And the way back from the top of one hop.
        let (there, back) = steps(&pairs[0], 1);
        down.push(json!({"from": 2, "to": 1, "steps": back}));
        let above = manifest(json!({"schema": 2, "migrations": [{"from": 1, "to": 2, "steps": there}]})).unwrap();
        let below = manifest(json!({"schema": 1, "migrations": down})).unwrap();
        let raised = migrate(&MigrationPlan::new(&above, 1, &[]).unwrap(), state.clone()).unwrap();
        prop_assert_eq!(migrate(&MigrationPlan::new(&below, 2, &[]).unwrap(), raised).unwrap(), state);
    }
}
