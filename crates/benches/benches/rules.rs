//! Rules beside the `zen-engine` crate, which is given the same decisions as its decision table with its index built.
//!
//! Both are run in turn in one process, and every line names its reference. `cargo bench -p midflight-benches`.

use std::sync::Arc;

use futures_util::FutureExt as _;
use midflight_benches::{Compared, Shape, compiled, rule_name, validated};
use midflight_engine::{Kind as _, Work};
use midflight_rules::{ExecuteRequest, Rules};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use zen_engine::Decision;
use zen_engine::model::GraphContent;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    for (title, shape, matches) in [
        ("equality columns, the last rule matches", Shape::Equality, true),
        ("equality columns, no rule matches", Shape::Equality, false),
        ("ranges only, the last rule matches", Shape::Ranges, true),
        ("ranges only, no rule matches", Shape::Ranges, false),
    ] {
        for count in [10, 1_000, 10_000] {
            say(
                &format!("execute, {title}, {count} rules (reference: zen-engine)"),
                execute(shape, count, matches),
            );
        }
    }
    say(
        "full compile of 1,000 rules with equality columns (reference: zen-engine, load and index)",
        load(Shape::Equality),
    );
    say(
        "full compile of 1,000 rules with ranges (reference: zen-engine, load and index)",
        load(Shape::Ranges),
    );
    for (title, shape) in [("equality columns", Shape::Equality), ("ranges", Shape::Ranges)] {
        say(
            &format!("one edit in 100,000 rules with {title} (reference: a full compile of them)"),
            edit(shape),
        );
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(title: &str, compared: Compared) {
    println!("{title}\n    {compared}");
}

/// The same decisions as a decision table: one column per attribute, the first matching row gives its number.
fn table(shape: Shape, count: usize) -> Value {
    let attributes: Vec<_> = shape.conditions(0).into_iter().map(|(attribute, ..)| attribute).collect();
    let rules = (0..count).map(|n| {
        let mut row = Map::new();
        row.insert("_id".to_owned(), json!(format!("r{n}")));
        for (attribute, _, constant) in shape.conditions(n) {
            let cell = match &constant {
                Value::String(text) => format!("\"{text}\""),
                Value::Array(ends) => format!("[{}..{}]", ends[0], ends[1]),
                other => other.to_string(),
            };
            row.insert(attribute.to_owned(), cell.into());
        }
        row.insert("out".to_owned(), json!(format!("{n}")));
        Value::Object(row)
    });
    let inputs: Vec<_> = attributes
        .iter()
        .map(|attribute| json!({"id": attribute, "name": attribute, "field": attribute}))
        .collect();
    json!({
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode", "content": {}},
            {"id": "table", "name": "table", "type": "decisionTableNode", "content": {
                "hitPolicy": "first", "inputs": inputs, "outputs": [{"id": "out", "name": "out", "field": "out"}],
                "rules": rules.collect::<Vec<_>>()
            }},
            {"id": "out", "name": "out", "type": "outputNode", "content": {}}
        ],
        "edges": [
            {"id": "e1", "sourceId": "in", "targetId": "table"}, {"id": "e2", "sourceId": "table", "targetId": "out"}
        ]
    })
}

fn zen(table: &Value) -> Decision {
    let content = GraphContent::deserialize(table).unwrap_or_else(|error| panic!("{error}"));
    let mut decision = Decision::from(Arc::new(content));
    decision.compile();
    decision
}

fn execute(shape: Shape, count: usize, matches: bool) -> Compared {
    let snapshot = compiled(&Rules.empty(), &shape.documents(count));
    let decision = zen(&table(shape, count));
    // Beyond the last rule is an input that no rule matches.
    let data = shape.input(if matches { count - 1 } else { count });
    let request = ExecuteRequest::new(Some("bench"), &data);
    let ours = || snapshot.execute(&request).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ours().matched.len(), usize::from(matches));
    let context = zen_engine::Variable::from(data.clone());
    let reference = || match decision.evaluate(context.clone()).now_or_never() {
        Some(Ok(response)) => response,
        Some(Err(error)) => panic!("{error}"),
        None => panic!("the reference waits for something"),
    };
    let found = reference().result.to_value();
    assert_eq!(found.get("out").is_some(), matches, "the reference decides otherwise: {found}");
    let calls = u32::try_from(2_000_000 / (count + 100)).unwrap_or(1);
    Compared::run(31, (calls, calls.div_ceil(10)), ours, reference)
}

fn load(shape: Shape) -> Compared {
    let documents = shape.documents(1_000);
    let table = table(shape, 1_000);
    Compared::run_each((101, 101), || compiled(&Rules.empty(), &documents), || zen(&table))
}

/// One rule changes what it asks for; each call edits another rule, spread over the ruleset.
fn edit(shape: Shape) -> Compared {
    let count = 100_000;
    let documents = shape.documents(count);
    let snapshot = compiled(&Rules.empty(), &documents);
    let mut n = 0;
    let ours = || {
        n = (n + 7_919) % count;
        let changed = vec![(rule_name(n), shape.rule(n + 1))];
        let next = Rules.compile(&snapshot, validated(&changed), &Work::unbounded());
        next.unwrap_or_else(|problems| panic!("{problems}"))
    };
    Compared::run_each((901, 9), ours, || compiled(&Rules.empty(), &documents))
}
