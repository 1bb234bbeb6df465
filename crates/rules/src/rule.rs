//! A compiled rule: everything an execution or an explanation needs, and nothing it does not.

use std::sync::Arc;

use crate::accepted::is_laid_out;
use crate::condition::Condition;
use crate::expression::Expression;
use crate::normal::{Literal, Row};
use crate::status::RuleStatus;
use crate::template::Template;

/// The memo place of a condition that no execution asks by itself, for the index answers it.
pub(crate) const NO_MEMO: u32 = u32::MAX;

/// A rule of a ruleset. Immutable; an edit makes another.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) status: RuleStatus,
    pub(crate) priority: i64,
    pub(crate) point: f64,
    pub(crate) weight: f64,
    pub(crate) action: Template,
    pub(crate) expression: Expression,
    pub(crate) leaves: Box<[Leaf]>,
    pub(crate) rows: Box<[Row]>,
}

/// A condition of a rule, with its places in the ruleset.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) condition: Arc<Condition>,
    /// The attribute's place among the ruleset's attributes.
    pub(crate) slot: u32,
    /// The condition's place among those that are asked at most once per input, or [`NO_MEMO`].
    pub(crate) memo: u32,
}

/// The position of a rule among its ruleset's: by priority, then by id.
pub(crate) type RuleOrder<'a> = (i64, &'a str);

impl Rule {
    pub(crate) fn order(&self) -> RuleOrder<'_> {
        (self.priority, &self.id)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == RuleStatus::Active
    }

    pub(crate) fn leaf(&self, at: u16) -> &Leaf {
        &self.leaves[usize::from(at)]
    }

    /// The literals of a row that the index cannot answer.
    pub(crate) fn asked<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (&'a Leaf, bool)> {
        let literals =
            row.literals.iter().map(|literal: &Literal| (self.leaf(literal.leaf), literal.negated));
        literals.filter(|(leaf, _)| !is_laid_out(&leaf.condition.test))
    }

    /// Its conditions in words.
    pub(crate) fn describe(&self) -> String {
        self.expression.describe(&|at| self.leaf(at).condition.to_string())
    }

    /// What a match adds to the total.
    pub(crate) fn score(&self) -> f64 {
        self.point * self.weight
    }

    /// The ids of the catalogue's conditions that it names; one may come twice.
    pub(crate) fn named_conditions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.leaves.iter().filter_map(|leaf| leaf.condition.id.as_ref())
    }
}
