//! Asks conditions of one input, each that has a place in the memo at most once however many rules share it.

use serde_json::Value;

use crate::input::Input;
use crate::normal::Row;
use crate::rule::{Leaf, NO_MEMO, Rule};
use crate::ruleset::Ruleset;
use crate::test::Test;
use crate::truth::Truth;

/// One input, looked up and partly asked.
pub(crate) struct Evaluator<'s, 'd> {
    ruleset: &'s Ruleset,
    /// The input's value of each attribute.
    pub(crate) inputs: Vec<Input<'d>>,
    /// What was answered, by the conditions' places; made when the first is asked.
    memo: Vec<Option<Truth>>,
    /// How many conditions were asked.
    pub(crate) asked: usize,
}

impl<'s, 'd> Evaluator<'s, 'd> {
    pub(crate) fn new(ruleset: &'s Ruleset, data: &'d Value) -> Self {
        let inputs = ruleset.slots.iter().map(|slot| Input::find(slot.as_ref(), data)).collect();
        Self { ruleset, inputs, memo: Vec::new(), asked: 0 }
    }

    /// Whether a row that the index let through holds.
    pub(crate) fn holds(&mut self, rule: &Rule, row: &Row) -> bool {
        if row.tree {
            return self.truth(rule) == Truth::True;
        }
        rule.asked(row).all(|(leaf, negated)| self.ask(leaf) == Truth::from(!negated))
    }

    /// The truth of a rule, by its tree.
    pub(crate) fn truth(&mut self, rule: &Rule) -> Truth {
        rule.expression.truth(&mut |at| self.ask(rule.leaf(at)))
    }

    /// Why a rule is of that truth.
    pub(crate) fn reason(&mut self, rule: &Rule, truth: Truth) -> String {
        let culprit = rule.expression.culprit(truth, &mut |at| self.ask(rule.leaf(at)));
        let leaf = rule.leaf(culprit);
        let truth = self.ask(leaf);
        leaf.condition.reason(self.value(leaf), truth)
    }

    /// Which attribute of a rule is not in the input, in words. What `is_null` asks may be missing.
    pub(crate) fn absent(&self, rule: &Rule) -> Option<String> {
        let mut leaves = rule.leaves.iter().filter(|leaf| !matches!(leaf.condition.test, Test::IsNull(_)));
        let absent = leaves.find(|leaf| self.value(leaf).is_none())?;
        let attribute = absent.condition.attribute.as_str();
        Some(format!("{attribute} is missing, so the rule is left out (drop_missing)"))
    }

    fn value(&self, leaf: &Leaf) -> Option<&'d Value> {
        self.inputs.get(leaf.slot as usize).and_then(|input| input.value)
    }

    fn ask(&mut self, leaf: &Leaf) -> Truth {
        let value = self.value(leaf);
        if leaf.memo == NO_MEMO {
            return leaf.condition.ask(value);
        }
        if self.memo.is_empty() {
            self.memo = vec![None; self.ruleset.memo_len()];
        }
        let Some(place) = self.memo.get_mut(leaf.memo as usize) else {
            return leaf.condition.ask(value);
        };
        let asked = &mut self.asked;
        *place.get_or_insert_with(|| {
            *asked += 1;
            leaf.condition.ask(value)
        })
    }
}
