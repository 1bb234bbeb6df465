//! A selection in words and as JSON.

use serde_json::{Map, Value, json};

use super::policy::because;
use super::{ModeSource, PolicyVerdict, Selection, SelectionCandidate};
use crate::settings::FEATURES;
use crate::tool::{Capability, Tool, ToolPattern};

/// The best candidates are too close to call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ambiguity {
    /// The difference of the best two scores.
    pub gap: f64,
    /// What to ask the caller.
    pub question: String,
    /// How many candidates, from the best one on, are that close to it.
    pub alternatives: usize,
}

/// What to call a feature where a caller is asked.
const WORDS: [&str; 5] = ["time", "cost", "simplicity", "accuracy", "completeness"];
/// The most alternatives that are named in an answer.
const ALTERNATIVES_MAX: usize = 5;

impl Ambiguity {
    /// The ambiguity of candidates, best first; none where the best one is ahead by `gap_max` or more.
    pub(super) fn of(candidates: &[SelectionCandidate<'_>], gap_max: f64) -> Option<Self> {
        let [first, second, ..] = candidates else { return None };
        let gap = first.score - second.score;
        if gap >= gap_max {
            return None;
        }
        let alternatives = candidates.iter().take_while(|it| first.score - it.score < gap_max).count();
        Some(Self {
            gap,
            question: question(first, second),
            alternatives: alternatives.min(ALTERNATIVES_MAX),
        })
    }
}

/// Asks for the greatest difference of the two, once in favour of each.
fn question(first: &SelectionCandidate<'_>, second: &SelectionCandidate<'_>) -> String {
    let advantage = |a: &SelectionCandidate<'_>, b: &SelectionCandidate<'_>| {
        let differences = a.features.iter().zip(b.features).map(|(a, b)| a - b);
        let best = differences.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.filter(|(_, difference)| *difference > 1e-9).map(|(at, _)| WORDS[at])
    };
    let (left, right) = (label(first), label(second));
    match (advantage(first, second), advantage(second, first)) {
        (Some(better), Some(other)) => {
            format!(
                "{left} and {right} score alike. What matters more: {better} ({left}) or {other} ({right})?"
            )
        }
        (Some(better), None) | (None, Some(better)) => {
            format!("{left} and {right} score alike and differ in {better}. Which one is to be used?")
        }
        (None, None) => format!("{left} and {right} score alike in everything. Which one is to be used?"),
    }
}

fn label(candidate: &SelectionCandidate<'_>) -> String {
    format!("{}/{}", candidate.tool.tool_name(), candidate.pattern.name)
}

impl Selection<'_> {
    /// The answer as JSON: `mode`, `selected` (the best candidate, or null), `candidates`, `excluded`, `not_evaluated`
    /// (each at most the request's `limit`, with the `total` of each), `ambiguity`, `notes`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let limit = self.request.limit;
        let candidates: Vec<Value> =
            self.candidates.iter().take(limit).map(|it| self.candidate(it)).collect();
        let excluded: Vec<Value> = self.excluded.iter().take(limit).map(|it| self.candidate(it)).collect();
        let not_evaluated: Vec<Value> = self
            .not_evaluated
            .iter()
            .take(limit)
            .map(|it| {
                let mut item = named(it.tool, it.capability, it.pattern);
                item.insert("because".to_owned(), json!(it.because.to_string()));
                Value::Object(item)
            })
            .collect();
        json!({
            "mode": self.mode_json(),
            "selected": candidates.first(),
            "candidates": candidates,
            "excluded": excluded,
            "not_evaluated": not_evaluated,
            "total": {
                "candidates": self.candidates.len(),
                "excluded": self.excluded.len(),
                "not_evaluated": self.not_evaluated.len(),
            },
            "truncated": self.is_truncated,
            "ambiguity": self.ambiguity.as_ref().map(|it| self.ambiguity_json(it)),
            "notes": self.notes,
        })
    }

    fn mode_json(&self) -> Value {
        let (found, keywords) = match &self.mode.source {
            ModeSource::Explicit => ("explicit", &[][..]),
            ModeSource::Keywords(keywords) => ("keywords", keywords.as_slice()),
            ModeSource::Default => ("default", &[][..]),
        };
        json!({
            "name": self.mode.mode.as_str(),
            "confidence": self.mode.confidence,
            "found_by": found,
            "keywords": keywords,
        })
    }

    fn candidate(&self, candidate: &SelectionCandidate<'_>) -> Value {
        let SelectionCandidate { tool, capability, pattern, .. } = *candidate;
        let estimates = (candidate.time_ms, candidate.cost);
        let verdicts: Vec<Value> = candidate
            .verdicts
            .iter()
            .map(|(rule, verdict)| {
                json!({
                    "rule": rule.as_str(),
                    "verdict": verdict.as_str(),
                    "because": because(rule, tool, pattern, self.request, estimates),
                })
            })
            .collect();
        let features: Map<String, Value> = FEATURES
            .iter()
            .zip(candidate.features)
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let mut item = named(tool, capability, pattern);
        item.insert("score".to_owned(), json!(candidate.score));
        item.insert("features".to_owned(), Value::Object(features));
        item.insert("estimates".to_owned(), json!({"time_ms": candidate.time_ms, "cost": candidate.cost}));
        item.insert("policy".to_owned(), json!(verdicts));
        item.insert(
            "requires_approval".to_owned(),
            json!(candidate.verdicts.has(PolicyVerdict::RequiresApproval)),
        );
        item.insert("background".to_owned(), json!(candidate.verdicts.has(PolicyVerdict::Background)));
        Value::Object(item)
    }

    fn ambiguity_json(&self, ambiguity: &Ambiguity) -> Value {
        let alternatives: Vec<Value> = self
            .candidates
            .iter()
            .take(ambiguity.alternatives)
            .map(|it| {
                let mut item = named(it.tool, it.capability, it.pattern);
                item.insert("score".to_owned(), json!(it.score));
                Value::Object(item)
            })
            .collect();
        json!({"gap": ambiguity.gap, "question": ambiguity.question, "alternatives": alternatives})
    }
}

fn named(tool: &Tool, capability: &Capability, pattern: &ToolPattern) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("tool".to_owned(), json!(tool.id()));
    item.insert("tool_name".to_owned(), json!(tool.tool_name()));
    item.insert("capability".to_owned(), json!(&*capability.name));
    item.insert("pattern".to_owned(), json!(pattern.name));
    item
}
