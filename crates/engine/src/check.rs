//! Checks: documents that state an input and what must come back for it.
//!
//! A check is named `checks/...` within the kind it asks. It is asked of the candidate snapshot before an edit is
//! accepted, and again of what is served, on every replica.

use std::sync::Arc;

use midflight_core::{DocumentId, JsonPointer, Problem, Problems, canonical_json};
use serde_json::{Value, json};

use crate::DocumentSchema;
use crate::registry::{AnyKind, ErasedSnapshot};
use crate::work::Work;

/// How much of an answer in an error message is enough to see what is wrong.
const SHOWN_CHARS_MAX: usize = 200;

/// A stated input and what must come back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    input: Value,
    expect: Value,
    exact: bool,
}

impl Check {
    /// Reads a check's body: `{input, expect, match?: "partial" | "exact", description?}`.
    pub(crate) fn parse(body: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let root = JsonPointer::root();
        let members = body.as_object().into_iter().flatten();
        for key in members.map(|(key, _)| key) {
            if !["input", "expect", "match", "description"].contains(&key.as_str()) {
                let message =
                    format!("a check has no field {key:?}; it has input, expect, match and description");
                problems.add(Problem::new("unknown_field", root.key(key), message));
            }
        }
        let mut required = |key: &str| {
            body.get(key).cloned().unwrap_or_else(|| {
                let message = format!(
                    "add {key:?}: input is what the kind is given, expect is the \
                                       expected answer"
                );
                problems.add(Problem::new("missing_field", root.clone(), message));
                Value::Null
            })
        };
        let (input, expect) = (required("input"), required("expect"));
        let exact = match body.get("match").map(Value::as_str) {
            None | Some(Some("partial")) => false,
            Some(Some("exact")) => true,
            Some(_) => {
                let message = "write \"partial\" (only what is stated must be so) or \"exact\"";
                problems.add(Problem::new("unknown_value", root.key("match"), message));
                false
            }
        };
        if body.get("description").is_some_and(|text| !text.is_string()) {
            problems.add(Problem::new("wrong_type", root.key("description"), "a description is a string"));
        }
        problems.or(Self { input, expect, exact })
    }

    /// Asks the snapshot and compares.
    fn ask(&self, kind: &dyn AnyKind, snapshot: &ErasedSnapshot) -> Result<(), Problems> {
        let answer = kind.answer(&**snapshot, &self.input).map_err(|problem| {
            let path = format!("/input{}", problem.path);
            let message = format!("the check got no answer: {} (at {path})", problem.message);
            Problem::new("check_failed", JsonPointer::root().key("input"), message)
        })?;
        let mut problems = Problems::default();
        differences(&self.expect, &answer, self.exact, &JsonPointer::root().key("expect"), &mut problems);
        problems.or(())
    }
}

/// Asks every check, and answers all that failed.
pub(crate) fn ask_all<'a>(
    kind: &dyn AnyKind,
    snapshot: &ErasedSnapshot,
    checks: impl Iterator<Item = (&'a DocumentId, &'a Arc<Check>)>,
    work: &Work,
) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (id, check) in checks {
        work.check()?;
        if let Err(found) = check.ask(kind, snapshot) {
            problems.append(found.in_document(id));
        }
    }
    problems.or(())
}

/// How many places of one check are named: others may fail too.
const MISMATCHES_MAX: usize = 10;

/// The first ten places where an answer is not what was expected. Numbers compare by value: 1 is 1.0.
fn differences(expect: &Value, answer: &Value, exact: bool, path: &JsonPointer, found: &mut Problems) {
    match (expect, answer) {
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, value) in wanted {
                differences(value, got.get(key).unwrap_or(&Value::Null), exact, &path.key(key), found);
            }
            let surplus = got.iter().filter(|(key, _)| exact && !wanted.contains_key(*key));
            for (key, value) in surplus.take(MISMATCHES_MAX.saturating_sub(found.count())) {
                found.add(failed(path, &format!("no member {key:?}"), value));
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (i, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                differences(wanted, got, exact, &path.index(i), found);
            }
        }
        _ if found.count() >= MISMATCHES_MAX || canonical_json(expect) == canonical_json(answer) => {}
        _ => found.add(failed(path, &shown(expect), answer)),
    }
}

fn failed(path: &JsonPointer, expected: &str, answer: &Value) -> Problem {
    let message = format!("the check expects {expected}, the answer is {}", shown(answer));
    Problem::new("check_failed", path.clone(), message)
}

fn shown(value: &Value) -> String {
    let text = canonical_json(value);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The JSON Schema of a check, the same for every kind.
pub(crate) fn schema() -> DocumentSchema {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "check",
        "description": "An input and its expected answer; a revision that fails it is rejected.",
        "type": "object",
        "required": ["input", "expect"],
        "additionalProperties": false,
        "properties": {
            "input": {"description": "The input of the kind."},
            "expect": {"description": "The expected answer."},
            "match": {
                "description": "partial: only the stated members must match. exact: there may be no other \
                                members.",
                "enum": ["partial", "exact"],
                "default": "partial"
            },
            "description": {"type": "string"}
        }
    });
    DocumentSchema { title: "check", names: "checks/{check_id}", schema }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_testkit::schemas::{SchemaComparison, codes_of};

    #[track_caller]
    fn check(expect: Value, answer: Value, exact: bool, failures: &[&str]) {
        let mut found = Problems::default();
        differences(&expect, &answer, exact, &JsonPointer::root(), &mut found);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), failures);
    }

    #[test]
    fn partial_looks_only_at_what_is_stated_and_exact_at_all() {
        let answer = json!({"total": 3.0, "more": {"a": 1, "b": [1, 2]}});
        check(json!({"total": 3}), answer.clone(), false, &[]);
        check(json!({"more": {"b": [1, 2]}}), answer.clone(), false, &[]);
        check(
            json!({"total": 3}),
            answer.clone(),
            true,
            &["at the root: the check expects no member \"more\", the answer is {\"a\":1,\"b\":[1,2]}"],
        );
        check(
            json!({"more": {"a": 2, "b": [1, 3]}}),
            answer.clone(),
            false,
            &[
                "at /more/a: the check expects 2, the answer is 1",
                "at /more/b/1: the check expects 3, the answer is 2",
            ],
        );
        let text = "at /b: the check expects \"1\", the answer is 1";
        check(json!({"b": "1"}), json!({"b": 1}), false, &[text]);
        let length = "at the root: the check expects [1], the answer is [1,2]";
        check(json!([1]), json!([1, 2]), false, &[length]);
        check(json!({"gone": null}), answer, false, &[]);
    }

    #[test]
    fn a_check_reports_all_its_problems() {
        let problems = Check::parse(&json!({"inputs": 1, "match": "fuzzy", "description": 1})).unwrap_err();
        let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_ref()).collect();
        assert_eq!(codes, ["unknown_field", "missing_field", "missing_field", "unknown_value", "wrong_type"]);
        assert!(Check::parse(&json!({"input": {}, "expect": null, "match": "exact"})).is_ok());
    }

    #[test]
    fn the_schema_and_the_reader_agree() {
        let documents = [
            json!({"input": {"a": 1}, "expect": {"b": 2}}),
            json!({"input": null, "expect": 3, "match": "exact", "description": "d"}),
        ];
        let read = |body: &Value| {
            let read = Check::parse(body).map(drop);
            read.map_err(|problems| codes_of(&problems))
        };
        let schema = &schema().schema;
        let comparison = SchemaComparison { schema, documents: &documents, read: &read, reader_only: &[] };
        let compared = comparison.run();
        assert!(compared.refused > 50 && compared.read > 500, "{compared:?}");
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(shown(&json!("é".repeat(500))).chars().count(), SHOWN_CHARS_MAX + 3);
    }
}
