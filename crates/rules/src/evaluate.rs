//! Asks conditions of one input, each that has a place in the memo at most once however many rules share it.

use midflight_engine::{Interrupted, Work};
use serde_json::Value;

use crate::condition::Condition;
use crate::input::AttributeValue;
use crate::limits::REGEX_INPUT_BYTES_MAX;
use crate::normal::Row;
use crate::request::ExecuteError;
use crate::rule::{Leaf, NO_MEMO, Rule};
use crate::ruleset::Ruleset;
use crate::test::{NotAsked, Test};
use crate::truth::Truth;

/// One input, looked up and partly asked.
pub(crate) struct InputEvaluator<'s, 'd> {
    ruleset: &'s Ruleset,
    /// The input's value of each attribute.
    pub(crate) inputs: Vec<AttributeValue<'d>>,
    /// What was answered, by the conditions' places; made when the first is asked.
    memo: Vec<Option<Truth>>,
    /// How many conditions were asked.
    pub(crate) asked: usize,
    pub(crate) work: &'d Work,
    /// What was done since the budget was asked.
    steps: usize,
    /// Why a condition was not asked, and which; then nothing is answered.
    stopped: Option<(NotAsked, Option<&'s Condition>)>,
}

/// How many steps are taken between two looks at the budget: some microseconds.
const STEPS_PER_LOOK: usize = 256;
/// How many bytes of a text count as a step.
const BYTES_PER_STEP: usize = 64;

impl<'s, 'd> InputEvaluator<'s, 'd> {
    pub(crate) fn new(ruleset: &'s Ruleset, data: &'d Value, work: &'d Work) -> Self {
        let inputs = ruleset.slots.iter().map(|slot| AttributeValue::find(slot.as_ref(), data)).collect();
        Self { ruleset, inputs, memo: Vec::new(), asked: 0, work, steps: 0, stopped: None }
    }

    /// Counts steps, and asks the budget now and then.
    pub(crate) fn step(&mut self, steps: usize) {
        self.steps += steps;
        if self.steps >= STEPS_PER_LOOK {
            self.steps = 0;
            if let Err(interrupted) = self.work.check() {
                self.stopped.get_or_insert((interrupted.into(), None));
            }
        }
    }

    /// Whether what was asked so far was answered. `rule` is the one that was asked last.
    ///
    /// # Errors
    /// Why not; then what follows from the answers means nothing.
    pub(crate) fn is_answered(&self, rule: &Rule) -> Result<(), ExecuteError> {
        let Some((why, condition)) = &self.stopped else { return Ok(()) };
        let rule = rule.id.to_string();
        Err(match (why, condition) {
            (NotAsked::TooLong(bytes), Some(condition)) => ExecuteError::TextTooLong {
                rule,
                attribute: condition.attribute.as_str().to_owned(),
                bytes: *bytes,
                bytes_max: REGEX_INPUT_BYTES_MAX,
            },
            (NotAsked::TooLong(_), None) => ExecuteError::TooExpensive { rule, why: Interrupted::Deadline },
            (NotAsked::Interrupted(why), _) => ExecuteError::TooExpensive { rule, why: *why },
        })
    }

    /// Whether a row that the index let through holds.
    pub(crate) fn holds(&mut self, rule: &'s Rule, row: &'s Row) -> bool {
        if row.tree {
            return self.truth(rule) == Truth::True;
        }
        rule.asked(row).all(|(leaf, negated)| self.ask(leaf) == Truth::from(!negated))
    }

    /// The truth of a rule, by its tree.
    pub(crate) fn truth(&mut self, rule: &'s Rule) -> Truth {
        rule.expression.truth(&mut |at| self.ask(rule.leaf(at)))
    }

    /// Why a rule is of that truth.
    pub(crate) fn reason(&mut self, rule: &'s Rule, truth: Truth) -> String {
        let culprit = rule.expression.culprit(truth, &mut |at| self.ask(rule.leaf(at)));
        let leaf = rule.leaf(culprit);
        let truth = self.ask(leaf);
        leaf.condition.reason(self.value(leaf), truth)
    }

    /// Which attribute of a rule is not in the input, in words. What `is_null` asks may be missing.
    pub(crate) fn absent(&self, rule: &Rule) -> Option<String> {
        let mut leaves = rule.leaves.iter().filter(|leaf| !matches!(*leaf.condition.test, Test::IsNull(_)));
        let absent = leaves.find(|leaf| self.value(leaf).is_none())?;
        let attribute = absent.condition.attribute.as_str();
        Some(format!("{attribute} is missing, so the rule is left out (drop_missing)"))
    }

    fn value(&self, leaf: &Leaf) -> Option<&'d Value> {
        self.inputs.get(leaf.slot as usize).and_then(|input| input.value)
    }

    fn ask(&mut self, leaf: &'s Leaf) -> Truth {
        let value = self.value(leaf);
        if leaf.memo == NO_MEMO {
            return self.ask_now(leaf, value);
        }
        if self.memo.is_empty() {
            self.memo = vec![None; self.ruleset.memo_len()];
        }
        let place = leaf.memo as usize;
        match self.memo.get(place) {
            Some(Some(known)) => *known,
            Some(None) => {
                self.asked += 1;
                let truth = self.ask_now(leaf, value);
                self.memo[place] = Some(truth);
                truth
            }
            None => self.ask_now(leaf, value),
        }
    }

    fn ask_now(&mut self, leaf: &'s Leaf, value: Option<&'d Value>) -> Truth {
        self.step(1 + value.map_or(0, size));
        // Its result cannot change any more, so nothing more is done.
        if self.stopped.is_some() {
            return Truth::WrongType;
        }
        leaf.condition.ask(value, self.work).unwrap_or_else(|why| {
            self.stopped = Some((why, Some(&*leaf.condition)));
            Truth::WrongType
        })
    }
}

/// How many steps it is to look through a value.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / BYTES_PER_STEP,
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}
