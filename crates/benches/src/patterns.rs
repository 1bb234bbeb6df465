//! Patterns of a number, and the queries that they match.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_patterns::{Patterns, PatternsDocument, PatternsSnapshot};
use serde_json::{Value, json};

const SUBJECTS: [&str; 10] = [
    "orders",
    "invoices",
    "customers",
    "errors",
    "processes",
    "reports",
    "sales",
    "stocks",
    "parcels",
    "payments",
];
const VERBS: [&str; 8] =
    ["how many", "show all", "list the", "where are", "count the", "find my", "what about", "open the"];

/// The query of exact pattern `n`, as a user types it.
#[must_use]
pub fn query(n: usize) -> String {
    format!("{} {} of shop {n}?", VERBS[n % VERBS.len()], SUBJECTS[n / 8 % SUBJECTS.len()])
}

/// Its key.
#[must_use]
pub fn key(n: usize) -> String {
    query(n).trim_end_matches('?').to_owned()
}

/// The text of substring `n`.
#[must_use]
pub fn substring(n: usize) -> String {
    format!("{} {} {n}", SUBJECTS[n % SUBJECTS.len()], SUBJECTS[n / 10 % SUBJECTS.len()])
}

/// The text of regular expression `n`.
#[must_use]
pub fn regex(n: usize) -> String {
    let subject = SUBJECTS[n % SUBJECTS.len()];
    match n % 3 {
        0 => format!(r"\b(show|list|open)\s+{subject}{n}\b"),
        1 => format!(r"^{subject}{n}.*number\s+\d+$"),
        _ => format!(r"\b{subject}{n}\b.*\b(what|who|how)\b"),
    }
}

/// The document of a pattern.
#[must_use]
pub fn pattern(text: &str, how: &str) -> Value {
    json!({"pattern": text, "match": how, "category": "METRIC", "confidence": 0.95, "action": "tool"})
}

/// A document, ready to be compiled.
///
/// # Panics
/// When it is not valid.
#[must_use]
pub fn change(name: &str, body: &Value) -> KindChange<PatternsDocument> {
    let name = DocumentName::new(name).unwrap_or_else(|error| panic!("{error}"));
    let document = Patterns.validate(&name, &Arc::new(body.clone()), &Work::unbounded());
    KindChange { document: Some(document.unwrap_or_else(|problems| panic!("{problems}"))), name }
}

/// Compiles documents on top of a snapshot.
///
/// # Panics
/// When they are invalid.
#[must_use]
pub fn compiled(previous: &PatternsSnapshot, changes: Vec<KindChange<PatternsDocument>>) -> PatternsSnapshot {
    let compiled = Patterns.compile(previous, changes, &Work::unbounded());
    compiled.unwrap_or_else(|problems| panic!("{problems}"))
}

/// A snapshot of so many exact patterns.
#[must_use]
pub fn exact(count: usize) -> PatternsSnapshot {
    let changes = (0..count).map(|n| change(&format!("p{n:07}"), &pattern(&query(n), "exact")));
    compiled(&Patterns.empty(), changes.collect())
}

/// A snapshot of so many substrings and regular expressions.
#[must_use]
pub fn automata(substrings: usize, regexes: usize) -> PatternsSnapshot {
    let substrings =
        (0..substrings).map(|n| change(&format!("s{n:05}"), &pattern(&substring(n), "contains")));
    let regexes = (0..regexes).map(|n| change(&format!("x{n:05}"), &pattern(&regex(n), "regex")));
    compiled(&Patterns.empty(), substrings.chain(regexes).collect())
}
