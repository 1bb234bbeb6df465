//! A ruleset: its rules by id, its chunks in execution order, and the numbers of what they share.

use std::sync::Arc;

use imbl::OrdMap;

use crate::accepted::is_laid_out;
use crate::attribute::Attribute;
use crate::chunk::RuleChunk;
use crate::chunks::edited;
use crate::condition::Condition;
use crate::interner::Interner;
use crate::normal::rows;
use crate::read_ruleset::RulesetDocument;
use crate::rule::{Leaf, NO_MEMO, Rule};

/// A ruleset of a snapshot. A clone shares everything.
#[derive(Debug, Clone)]
pub(crate) struct Ruleset {
    pub(crate) id: Arc<str>,
    pub(crate) document: Arc<RulesetDocument>,
    /// All rules, whatever their status.
    pub(crate) rules: OrdMap<Arc<str>, Arc<Rule>>,
    /// The active rules.
    pub(crate) chunks: Vec<Arc<RuleChunk>>,
    /// How many rules are active.
    pub(crate) active: usize,
    /// The attribute of each slot; none for a slot that is free.
    pub(crate) slots: Arc<[Option<Arc<Attribute>>]>,
    attributes: Interner<Arc<Attribute>>,
    /// The conditions that are asked at most once per input.
    memo: Interner<Arc<Condition>>,
}

impl Ruleset {
    pub(crate) fn new(id: Arc<str>, document: RulesetDocument) -> Self {
        Self {
            id,
            document: Arc::new(document),
            rules: OrdMap::new(),
            chunks: Vec::new(),
            active: 0,
            slots: Arc::new([]),
            attributes: Interner::default(),
            memo: Interner::default(),
        }
    }

    /// The same ruleset with another document.
    pub(crate) fn with(&self, document: RulesetDocument) -> Self {
        Self { document: Arc::new(document), ..self.clone() }
    }

    /// How many places a memo of this ruleset's conditions needs.
    pub(crate) fn memo_len(&self) -> usize {
        self.memo.len()
    }

    /// How much memory the compiled regular expressions of its conditions take, in bytes. Cost: a step per condition
    /// beside the index.
    pub(crate) fn regex_bytes(&self) -> usize {
        self.memo.things().flatten().map(|condition| condition.regex_bytes()).sum()
    }

    /// All rules in execution order, whatever their status.
    pub(crate) fn in_order(&self) -> Vec<&Arc<Rule>> {
        let mut rules: Vec<_> = self.rules.values().collect();
        rules.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        rules
    }
}

/// A rule whose conditions are resolved and not yet placed in a ruleset: its leaves have no numbers.
pub(crate) struct Unplaced {
    /// The rule, without leaves and rows.
    pub(crate) rule: Rule,
    pub(crate) conditions: Vec<Arc<Condition>>,
}

/// A ruleset that is being edited. The chunks are rebuilt once, at the end.
pub(crate) struct Editor {
    pub(crate) ruleset: Ruleset,
    removed: Vec<Arc<Rule>>,
    inserted: Vec<Arc<Rule>>,
    slots_changed: bool,
}

impl Editor {
    pub(crate) fn new(ruleset: Ruleset) -> Self {
        Self { ruleset, removed: Vec::new(), inserted: Vec::new(), slots_changed: false }
    }

    /// Takes a rule out, and answers it. No rule may be touched twice in one edit.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<Rule>> {
        let rule = self.ruleset.rules.remove(id)?;
        self.forget(&rule);
        Some(rule)
    }

    /// Puts a rule in, and answers it and the one it replaces.
    pub(crate) fn put(&mut self, unplaced: Unplaced) -> (Arc<Rule>, Option<Arc<Rule>>) {
        let rule = Arc::new(self.place(unplaced));
        let replaced = self.ruleset.rules.insert(rule.id.clone(), rule.clone());
        // The numbers of what both use are kept, for the new rule took them before the old one is released.
        if let Some(old) = &replaced {
            self.forget(old);
        }
        if rule.is_active() {
            self.inserted.push(rule.clone());
        }
        (rule, replaced)
    }

    fn forget(&mut self, rule: &Arc<Rule>) {
        for leaf in &rule.leaves {
            let used = self.ruleset.attributes.used();
            self.ruleset.attributes.release(leaf.slot);
            self.slots_changed |= used != self.ruleset.attributes.used();
            if leaf.memo != NO_MEMO {
                self.ruleset.memo.release(leaf.memo);
            }
        }
        if rule.is_active() {
            self.removed.push(rule.clone());
        }
    }

    fn place(&mut self, unplaced: Unplaced) -> Rule {
        let Unplaced { mut rule, conditions } = unplaced;
        rule.rows = rows(&rule.expression);
        // A tree asks all of its conditions one by one; a row asks those that the index cannot answer.
        let tree = rule.rows.iter().any(|row| row.tree);
        let leaf = |mut condition: Arc<Condition>| {
            let used = self.ruleset.attributes.used();
            let own = condition.attribute.clone();
            let (slot, attribute) = self.ruleset.attributes.acquire(own.as_str(), || own.clone());
            self.slots_changed |= used != self.ruleset.attributes.used();
            if let Some(condition) = Arc::get_mut(&mut condition) {
                condition.attribute = attribute;
            }
            let mut memo = NO_MEMO;
            if tree || !is_laid_out(&condition.test) {
                let (number, same) = self.ruleset.memo.acquire(&condition.key(), || condition.clone());
                memo = number;
                if same.id == condition.id {
                    condition = same;
                }
            }
            Leaf { condition, slot, memo }
        };
        rule.leaves = conditions.into_iter().map(leaf).collect();
        rule
    }

    /// Rebuilds the chunks that were touched.
    pub(crate) fn finish(mut self) -> Ruleset {
        if self.slots_changed {
            self.ruleset.slots = self.ruleset.attributes.things().collect();
        }
        if !(self.removed.is_empty() && self.inserted.is_empty()) {
            let sort = |rules: &mut Vec<Arc<Rule>>| rules.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
            sort(&mut self.removed);
            sort(&mut self.inserted);
            self.ruleset.active = self.ruleset.active + self.inserted.len() - self.removed.len();
            self.ruleset.chunks = edited(&self.ruleset.chunks, &self.removed, &self.inserted);
        }
        self.ruleset
    }
}
