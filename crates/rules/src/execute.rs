//! Executes a ruleset on an input.

use std::sync::Arc;
use std::time::Duration;

use midflight_engine::Work;
use serde_json::Value;

use crate::evaluate::InputEvaluator;
use crate::limits::{EXECUTE_MS_MAX, PATTERN_RESULT_BYTES_MAX, SEARCH_MS_MAX};
use crate::outcome::{Execution, RuleEvaluation, RuleOutcome};
use crate::request::{ExecuteError, ExecuteRequest};
use crate::rule::Rule;
use crate::ruleset::Ruleset;
use crate::snapshot::RulesSnapshot;
use crate::status::RuleStatus;
use crate::template::Unfilled;
use crate::truth::Truth;
use midflight_core::JsonType;
use midflight_core::{clip, nearest};

/// How many steps it is to look a chunk up in the index, and to execute a rule by its tree.
const STEPS_PER_CHUNK: usize = 4;
const STEPS_PER_RULE: usize = 8;
/// What a rule is long in an answer, in bytes, beside its texts: where it matched, and where it is explained.
const MATCHED_BYTES: usize = 24;
const EVALUATION_BYTES: usize = 256;
/// How many ids are compared with one that is unknown.
const COMPARED_MAX: usize = 10_000;

impl RulesSnapshot {
    /// Executes a ruleset on an input.
    ///
    /// ```
    /// use midflight_core::DocumentName;
    /// use midflight_engine::{Kind, KindChange, Work};
    /// use midflight_rules::{ExecuteRequest, Rules};
    /// use serde_json::json;
    /// use std::sync::Arc;
    ///
    /// let (kind, work) = (Rules, Work::unbounded());
    /// let change = |name, body| {
    ///     let body = Arc::new(body);
    ///     let name = DocumentName::new(name).unwrap();
    ///     let document = Some(kind.validate(&name, &body, &work).unwrap());
    ///     KindChange { name, document }
    /// };
    /// let adult = json!({"attribute": "age", "operator": "greater_than_or_equal", "constant": 18});
    /// let changes = vec![
    ///     change("loans", json!({"patterns": {"Y": "offer"}})),
    ///     change("loans/adult", json!({"conditions": {"item": adult}, "rule_point": 10, "weight": 0.5})),
    /// ];
    /// let snapshot = kind.compile(&kind.empty(), changes, &work).unwrap();
    /// let answer = snapshot.execute(&ExecuteRequest::new(Some("loans"), &json!({"age": 30}))).unwrap();
    /// assert_eq!((answer.total_points, answer.pattern_result.as_str()), (5.0, "Y"));
    /// assert_eq!(answer.action_recommendation, Some("offer"));
    /// ```
    ///
    /// Cost: a step per attribute and per some 256 rules, a byte of the pattern result per rule, and what the matched
    /// rules and the conditions beside the index cost. It takes no lock.
    ///
    /// It takes [`EXECUTE_MS_MAX`] at most; [`RulesSnapshot::execute_within`] takes another budget.
    ///
    /// # Errors
    /// [`ExecuteError`], when there is nothing to execute, or it takes too long.
    pub fn execute<'s>(&'s self, request: &ExecuteRequest<'_>) -> Result<Execution<'s>, ExecuteError> {
        let work = Work::lasting(Duration::from_millis(EXECUTE_MS_MAX));
        self.execute_within(request, &work.with_steps_of(Duration::from_millis(SEARCH_MS_MAX)))
    }

    /// Executes a ruleset on an input within a budget, which is asked before every search of a regular expression and
    /// every few microseconds. It is past its deadline by one search at most. The answer is taken off its memory as it
    /// grows.
    ///
    /// # Errors
    /// As [`RulesSnapshot::execute`]. What did not end in time is no partial answer.
    pub fn execute_within<'s>(
        &'s self,
        request: &ExecuteRequest<'_>,
        work: &Work,
    ) -> Result<Execution<'s>, ExecuteError> {
        let ruleset = self.find(request.ruleset)?;
        if !request.data.is_object() {
            return Err(ExecuteError::DataNotAnObject { found: JsonType::of(request.data).word() });
        }
        let evaluator = InputEvaluator::new(ruleset, request.data, work);
        let chosen = request.rule_ids.map(|ids| chosen(ruleset, ids)).transpose()?;
        let drops = ruleset.document.drops_missing(request.data);
        match (chosen, request.explain || drops) {
            (Some(rules), _) => one_by_one(ruleset, evaluator, rules.into_iter(), request),
            (None, true) => {
                let rules = ruleset.chunks.iter().flat_map(|chunk| &chunk.rules);
                one_by_one(ruleset, evaluator, rules, request)
            }
            (None, false) => by_index(ruleset, evaluator, request.data),
        }
    }

    fn find(&self, id: Option<&str>) -> Result<&Ruleset, ExecuteError> {
        let id = match id {
            Some(id) => id,
            None => self.default_ruleset().ok_or(ExecuteError::NoDefaultRuleset)?,
        };
        let ruleset = self.rulesets.get(id).ok_or_else(|| {
            let known = self.rulesets.keys().take(COMPARED_MAX).map(|known| &**known);
            let nearest = nearest(id, known).map(str::to_owned);
            ExecuteError::UnknownRuleset { id: clip(id), nearest }
        })?;
        match ruleset.document.status {
            RuleStatus::Active => Ok(ruleset),
            status => Err(ExecuteError::RulesetNotActive { id: id.to_owned(), status }),
        }
    }
}

/// The rules of those ids in execution order, each once.
fn chosen<'s>(ruleset: &'s Ruleset, ids: &[String]) -> Result<Vec<&'s Arc<Rule>>, ExecuteError> {
    let mut rules = Vec::with_capacity(ids.len());
    for (position, id) in ids.iter().enumerate() {
        let rule = ruleset.rules.get(id.as_str()).ok_or_else(|| {
            let known = ruleset.rules.keys().take(COMPARED_MAX).map(|known| &**known);
            let nearest = nearest(id, known).map(str::to_owned);
            ExecuteError::UnknownRule { ruleset: ruleset.id.to_string(), id: clip(id), nearest, position }
        })?;
        if !rule.is_active() {
            return Err(ExecuteError::RuleNotActive { id: id.clone(), status: rule.status, position });
        }
        rules.push(rule);
    }
    rules.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
    rules.dedup_by(|a, b| Arc::ptr_eq(a, b));
    Ok(rules)
}

/// What is answered, as it grows rule by rule.
struct ExecutionTally<'s, 'd> {
    ruleset: &'s Ruleset,
    work: &'d Work,
    /// What the action results may still write, in bytes.
    pattern_left: usize,
    total: f64,
    pattern: String,
    /// How many rules the pattern covers so far.
    covered: usize,
    matched: Vec<&'s str>,
}

/// Why a rule that holds is not counted as matched.
enum NotAdded {
    /// Its action result cannot be written out, and why.
    Unwritten(Truth, String),
    /// The answer is larger than it may be.
    Stopped(ExecuteError),
}

impl<'s, 'd> ExecutionTally<'s, 'd> {
    fn new(ruleset: &'s Ruleset, work: &'d Work) -> Result<Self, ExecuteError> {
        spend(work, ruleset.active, &ruleset.id)?;
        let pattern = String::with_capacity(ruleset.active);
        let pattern_left = PATTERN_RESULT_BYTES_MAX;
        Ok(Self { ruleset, work, pattern_left, total: 0.0, pattern, covered: 0, matched: Vec::new() })
    }

    /// Covers the rules before `position` that did not match.
    fn cover(&mut self, position: usize) {
        const DASHES: &str = "----------------------------------------------------------------";
        let mut gap = position - self.covered;
        while gap > 0 {
            let part = gap.min(DASHES.len());
            self.pattern.push_str(&DASHES[..part]);
            gap -= part;
        }
        self.covered = position;
    }

    /// Counts the rule at `position` as matched, if its action result can be written out.
    fn add(&mut self, position: usize, rule: &'s Rule, data: &Value) -> Result<(), NotAdded> {
        self.cover(position);
        let left = self.pattern_left;
        let filled = rule.action.fill(data, &mut self.pattern, &mut self.pattern_left);
        filled.map_err(|unfilled| match unfilled {
            Unfilled::Value(truth, why) => NotAdded::Unwritten(truth, why),
            Unfilled::TooLong => NotAdded::Stopped(ExecuteError::PatternResultTooLong {
                rule: rule.id.to_string(),
                bytes_max: PATTERN_RESULT_BYTES_MAX,
            }),
        })?;
        let written = left - self.pattern_left + rule.id.len() + MATCHED_BYTES;
        spend(self.work, written, &rule.id).map_err(NotAdded::Stopped)?;
        self.covered += 1;
        // Kept in the range of a number, so that no answer has an infinite total.
        self.total = (self.total + rule.score()).clamp(f64::MIN, f64::MAX);
        self.matched.push(&rule.id);
        Ok(())
    }

    fn finish(
        mut self,
        executed: usize,
        conditions_asked: usize,
        rule_evaluations: Option<Vec<RuleEvaluation<'s>>>,
    ) -> Execution<'s> {
        self.cover(executed);
        let patterns = &self.ruleset.document.patterns;
        let recommendation = patterns.get(self.pattern.as_str());
        Execution {
            ruleset: &self.ruleset.id,
            total_points: self.total,
            action_recommendation: recommendation.map(|text| &**text),
            pattern_result: self.pattern,
            rules_executed: executed,
            matched: self.matched,
            rule_evaluations,
            conditions_asked,
        }
    }
}

/// Takes what an answer grows by off the memory of its budget. `rule` is the one that it grows by.
fn spend(work: &Work, bytes: usize, rule: &str) -> Result<(), ExecuteError> {
    work.charge(bytes as u64).map_err(|why| ExecuteError::TooExpensive { rule: rule.to_owned(), why })
}

/// Executes all rules through the index.
fn by_index<'s>(
    ruleset: &'s Ruleset,
    mut evaluator: InputEvaluator<'s, '_>,
    data: &Value,
) -> Result<Execution<'s>, ExecuteError> {
    let mut tally = ExecutionTally::new(ruleset, evaluator.work)?;
    let mut start = 0;
    for chunk in &ruleset.chunks {
        let mut last = None;
        for at in chunk.select(&evaluator.inputs).rows() {
            let (position, row) = chunk.row(at);
            let rule = &chunk.rules[position];
            // The rows of a rule are adjacent, so a rule that matched already was the last to.
            if last == Some(position) {
                continue;
            }
            if let Some(row) = row {
                let holds = evaluator.holds(rule, row);
                evaluator.is_answered(rule)?;
                if !holds {
                    continue;
                }
            }
            last = Some(position);
            // A match whose result cannot be written out counts as none, and `-` covers it.
            if let Err(NotAdded::Stopped(error)) = tally.add(start + position, rule, data) {
                return Err(error);
            }
        }
        start += chunk.rules.len();
        evaluator.step(STEPS_PER_CHUNK);
        if let Some(last) = chunk.rules.last() {
            evaluator.is_answered(last)?;
        }
    }
    Ok(tally.finish(ruleset.active, evaluator.asked, None))
}

/// Executes rules one after the other, each by its tree.
fn one_by_one<'s>(
    ruleset: &'s Ruleset,
    mut evaluator: InputEvaluator<'s, '_>,
    rules: impl Iterator<Item = &'s Arc<Rule>>,
    request: &ExecuteRequest<'_>,
) -> Result<Execution<'s>, ExecuteError> {
    let mut tally = ExecutionTally::new(ruleset, evaluator.work)?;
    let mut evaluations = request.explain.then(Vec::new);
    let drops = ruleset.document.drops_missing(request.data);
    let mut position = 0;
    for rule in rules {
        let absent = drops.then(|| evaluator.absent(rule)).flatten();
        let dropped = absent.is_some();
        let (mut truth, mut detail) = match absent {
            Some(detail) => (Truth::Missing, Some(detail)),
            None => (evaluator.truth(rule), None),
        };
        evaluator.step(STEPS_PER_RULE);
        evaluator.is_answered(rule)?;
        if truth == Truth::True {
            match tally.add(position, rule, request.data) {
                Ok(()) => {}
                Err(NotAdded::Unwritten(reason, words)) => (truth, detail) = (reason, Some(words)),
                Err(NotAdded::Stopped(error)) => return Err(error),
            }
        }
        position += usize::from(!dropped);
        if let Some(evaluations) = &mut evaluations {
            if truth != Truth::True && detail.is_none() {
                detail = Some(evaluator.reason(rule, truth));
                evaluator.is_answered(rule)?;
            }
            let evaluation = evaluation(rule, truth, detail);
            spend(evaluator.work, bytes(&evaluation), &rule.id)?;
            evaluations.push(evaluation);
        }
    }
    Ok(tally.finish(position, evaluator.asked, evaluations))
}

/// About what an evaluation is long in an answer, in bytes.
fn bytes(evaluation: &RuleEvaluation<'_>) -> usize {
    let texts = [Some(evaluation.rule_id), evaluation.rule_name, evaluation.detail.as_deref()];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    EVALUATION_BYTES + texts + evaluation.condition.len()
}

fn evaluation(rule: &Rule, truth: Truth, detail: Option<String>) -> RuleEvaluation<'_> {
    RuleEvaluation {
        rule_id: &rule.id,
        rule_name: rule.name.as_deref(),
        priority: rule.priority,
        condition: rule.describe(),
        outcome: match truth {
            Truth::True => RuleOutcome::Matched,
            Truth::False => RuleOutcome::NotMatched,
            Truth::Missing => RuleOutcome::MissingInput,
            Truth::WrongType => RuleOutcome::TypeError,
        },
        rule_point: rule.point,
        weight: rule.weight,
        detail,
    }
}
