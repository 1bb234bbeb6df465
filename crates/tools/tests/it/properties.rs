//! A catalogue that was edited step by step answers as one that was compiled at once.

use std::collections::BTreeMap;

use midflight_engine::Kind;
use midflight_tools::diff::diff_catalogues;
use midflight_tools::{Tools, ToolsSnapshot};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{edit, snapshot};

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const NAMES: [&str; 6] = ["grep", "find", "gr ep", "gr_ep", "list", "ps"];
const WORDS: [&str; 4] = ["files", "lines", "processes", "sockets"];

/// An edit of one document: a tool, or its removal.
fn step() -> impl Strategy<Value = (&'static str, Value)> {
    let id = prop::sample::select(&IDS[..]);
    let tool = (
        prop::sample::select(&NAMES[..]),
        prop::sample::select(&WORDS[..]),
        prop::sample::select(&["linux", "windows"][..]),
        prop::sample::select(&["query", "control"][..]),
        0..400_i64,
        prop::bool::weighted(0.8),
    );
    let body = tool.prop_map(|(name, word, platform, capability, time, enabled)| {
        let patterns = json!({"p": {"time_estimate_ms": format!("{time} + N"), "cost_estimate": 1}});
        json!({"tool_name": name, "description": format!("Shows {word}."), "platform": platform, "category": word,
            "enabled": enabled, "capabilities": {capability: {"patterns": patterns}}})
    });
    (id, prop_oneof![3 => body, 1 => Just(Value::Null)])
}

/// Everything that a caller can ask a catalogue.
fn answers(tools: &ToolsSnapshot) -> Vec<String> {
    let inputs = [
        json!({"capabilities": ["query"]}),
        json!({"capabilities": ["control", "query"], "platform": "linux"}),
        json!({"query": "files and lines"}),
        json!({"category": "sockets"}),
        json!({"tool_name": "grep"}),
    ];
    let mut answers: Vec<String> =
        inputs.iter().map(|input| format!("{:?}", Tools.answer(tools, input))).collect();
    let hits =
        tools.search("files processes", 10).into_iter().map(|hit| (hit.tool.id().to_owned(), hit.score));
    answers.push(format!("{:?}", hits.collect::<Vec<_>>()));
    let indexes =
        [tools.capabilities().collect::<Vec<_>>(), tools.platforms().collect(), tools.categories().collect()];
    answers.push(format!("{indexes:?} {:?} {:?}", Tools.figures(tools), tools.digest()));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn edits_one_by_one_give_what_one_compilation_gives(steps in prop::collection::vec(step(), 1..20)) {
        let mut edited = snapshot(&[]);
        let mut documents: BTreeMap<&str, Value> = BTreeMap::new();
        for (id, body) in steps {
            // An edit that is refused, for a name that is taken, leaves everything as it is.
            let before = answers(&edited);
            match edit(&edited, &[(id, body.clone())]) {
                Ok(next) => {
                    edited = next;
                    documents.remove(id);
                    if !body.is_null() {
                        documents.insert(id, body);
                    }
                }
                Err(_) => prop_assert_eq!(answers(&edited), before),
            }
        }
        let at_once = snapshot(&documents.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(answers(&edited), answers(&at_once));
        prop_assert_eq!(diff_catalogues(&edited, &at_once), vec![]);
    }
}
