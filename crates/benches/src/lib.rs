//! What the benchmarks share: rulesets of a size, and a clock that runs two things in turn.

pub mod http_client;
pub mod patterns;
pub mod tools;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use midflight_core::DocumentName;
use midflight_engine::{Kind, KindChange, Work};
use midflight_rules::{Rules, RulesDocument, RulesSnapshot};
use serde_json::{Value, json};

/// Documents by name.
pub type Documents = Vec<(DocumentName, Value)>;

/// How the conditions of a benchmark's rules look. Rule `n` of every shape matches only the input of `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Three attributes that equal texts or a number.
    Equality,
    /// Two attributes that lie in intervals of numbers.
    Ranges,
}

impl Shape {
    /// The conditions of rule `n`, as attribute, operator and constant.
    #[must_use]
    pub fn conditions(self, n: usize) -> Vec<(&'static str, &'static str, Value)> {
        match self {
            Self::Equality => vec![
                ("country", "equal", json!(format!("country-{}", n % 50))),
                ("tier", "equal", json!(n % 7)),
                ("product", "equal", json!(format!("product-{n}"))),
            ],
            Self::Ranges => {
                vec![
                    ("amount", "range", json!([n * 10, n * 10 + 9])),
                    ("age", "range", json!([n % 90, n % 90 + 5])),
                ]
            }
        }
    }

    /// The input that rule `n` matches and no other does.
    #[must_use]
    pub fn input(self, n: usize) -> Value {
        let members = self.conditions(n).into_iter().map(|(attribute, _, constant)| {
            let value = constant.get(0).cloned().unwrap_or(constant);
            (attribute.to_owned(), value)
        });
        members.collect()
    }

    /// The document of rule `n`.
    #[must_use]
    pub fn rule(self, n: usize) -> Value {
        let conditions = self.conditions(n).into_iter().map(|(attribute, operator, constant)| {
            json!({"attribute": attribute, "operator": operator, "constant": constant})
        });
        let items: Vec<_> = conditions.collect();
        json!({
            "rule_name": format!("Rule {n}"), "type": "complex", "conditions": {"mode": "inclusive", "items": items},
            "rule_point": 10, "weight": 0.5, "priority": n
        })
    }

    /// A ruleset `bench` of so many rules.
    #[must_use]
    pub fn documents(self, count: usize) -> Documents {
        let rules = (0..count).map(|n| (rule_name(n), self.rule(n)));
        [(name("bench"), json!({}))].into_iter().chain(rules).collect()
    }
}

/// The document name of rule `n`.
#[must_use]
pub fn rule_name(n: usize) -> DocumentName {
    name(&format!("bench/R{n:06}"))
}

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Validates documents, as the engine does before it compiles.
#[must_use]
pub fn validated(documents: &Documents) -> Vec<KindChange<RulesDocument>> {
    let work = Work::unbounded();
    let validate = |(name, body): &(DocumentName, Value)| {
        let document = Rules
            .validate(name, &Arc::new(body.clone()), &work)
            .unwrap_or_else(|problems| panic!("{problems}"));
        KindChange { name: name.clone(), document: Some(document) }
    };
    documents.iter().map(validate).collect()
}

/// Validates and compiles documents on top of a snapshot.
#[must_use]
pub fn compiled(previous: &RulesSnapshot, documents: &Documents) -> RulesSnapshot {
    let compiled = Rules.compile(previous, validated(documents), &Work::unbounded());
    compiled.unwrap_or_else(|problems| panic!("{problems}"))
}

/// The median times of two things that were run in turn, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    ours: f64,
    reference: f64,
}

impl Compared {
    /// Runs both in turn, `rounds` times, each round so many calls of each, and takes the median time of a call.
    pub fn run<A, B>(
        rounds: usize,
        calls: (u32, u32),
        mut ours: impl FnMut() -> A,
        mut reference: impl FnMut() -> B,
    ) -> Self {
        let (mut ours_times, mut reference_times) = (Vec::new(), Vec::new());
        for _ in 0..rounds.max(1) {
            ours_times.push(timed(calls.0, &mut ours));
            reference_times.push(timed(calls.1, &mut reference));
        }
        Self { ours: median(ours_times), reference: median(reference_times) }
    }

    /// Runs both in turn, so many calls each, and takes the median time of a call. What a call answers is dropped
    /// outside of its time. For calls that take far longer than reading the clock.
    pub fn run_each<A, B>(
        calls: (u32, u32),
        mut ours: impl FnMut() -> A,
        mut reference: impl FnMut() -> B,
    ) -> Self {
        let (mut ours_times, mut reference_times) = (Vec::new(), Vec::new());
        for call in 0..calls.0.max(calls.1) {
            if call < calls.0.max(1) {
                ours_times.push(timed_once(&mut ours));
            }
            if call < calls.1.max(1) {
                reference_times.push(timed_once(&mut reference));
            }
        }
        Self { ours: median(ours_times), reference: median(reference_times) }
    }

    /// How many times as fast as the reference ours is.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.reference / self.ours
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ours {:>10}, reference {:>10}, {:>7.1} times as fast",
            shown(self.ours),
            shown(self.reference),
            self.ratio()
        )
    }
}

/// A time with its unit. A `Duration` ends at whole nanoseconds, and the quickest calls take a few.
fn shown(seconds: f64) -> String {
    let units = [(1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")];
    let (_, scale, unit) = units.into_iter().find(|(end, ..)| seconds < *end).unwrap_or((f64::MAX, 1.0, "s"));
    format!("{:.2} {unit}", seconds * scale)
}

fn timed<T>(calls: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(work());
    }
    start.elapsed().as_secs_f64() / f64::from(calls.max(1))
}

fn timed_once<T>(work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    let answer = std::hint::black_box(work());
    let elapsed = start.elapsed();
    drop(answer);
    elapsed.as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
