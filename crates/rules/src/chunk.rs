//! A chunk: some hundred rules in execution order, and an index that finds those an input matches.
//!
//! For every attribute there is, at load, a set of rows for each value or interval of values; an execution takes one
//! set per attribute and intersects them. What no set can answer (a regex, say) is asked of the surviving rows alone.

use std::sync::Arc;

use crate::accepted::is_laid_out;
use crate::bits::{Bits, ROWS_MAX};
use crate::column::{Column, Placed};
use crate::input::AttributeValue;
use crate::normal::Row;
use crate::rule::{Rule, RuleOrder};

/// Rules in execution order, with their index. Never empty.
#[derive(Debug)]
pub(crate) struct RuleChunk {
    pub(crate) rules: Box<[Arc<Rule>]>,
    /// For each row the rule it is of, as a position, and which of its rows.
    rows: Box<[(u16, u16)]>,
    all: Bits,
    /// The rows that need more than the index.
    asked: Bits,
    columns: Box<[Column]>,
}

impl RuleChunk {
    /// Indexes rules that have at most [`ROWS_MAX`] rows.
    pub(crate) fn new(rules: Vec<Arc<Rule>>) -> Self {
        let mut rows = Vec::with_capacity(ROWS_MAX);
        let mut asked = Bits::default();
        let mut literals: Vec<(u32, Placed<'_>)> = Vec::with_capacity(2 * ROWS_MAX);
        for (position, rule) in (0_u16..).zip(&rules) {
            for (which, row) in (0_u16..).zip(&rule.rows) {
                let at = rows.len();
                rows.push((position, which));
                if row.tree {
                    asked.insert(at);
                }
                for literal in &row.literals {
                    let leaf = rule.leaf(literal.leaf);
                    if !is_laid_out(&leaf.condition.test) {
                        asked.insert(at);
                    }
                    let row = u16::try_from(at).unwrap_or(u16::MAX);
                    literals.push((leaf.slot, (row, &leaf.condition, literal.negated)));
                }
            }
        }
        let all = Bits::first(rows.len());
        let columns = columns(literals, all);
        Self { rules: rules.into(), rows: rows.into(), all, asked, columns }
    }

    /// How many rows it has.
    pub(crate) fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The position of its first rule.
    pub(crate) fn order(&self) -> Option<RuleOrder<'_>> {
        self.rules.first().map(|rule| rule.order())
    }

    /// The rows that the index lets through.
    pub(crate) fn select(&self, inputs: &[AttributeValue<'_>]) -> Bits {
        let mut rows = self.all;
        for column in &self.columns {
            rows &= column.select(inputs);
            if rows.is_empty() {
                break;
            }
        }
        rows
    }

    /// The rule of a row as a position, and the row itself when the index alone does not decide it.
    pub(crate) fn row(&self, at: usize) -> (usize, Option<&Row>) {
        let (position, which) = self.rows[at];
        let position = usize::from(position);
        let row = self.asked.contains(at).then(|| &self.rules[position].rows[usize::from(which)]);
        (position, row)
    }
}

/// One column per attribute, those that bind most rows first since they are the likeliest to leave none.
fn columns(mut literals: Vec<(u32, Placed<'_>)>, all: Bits) -> Box<[Column]> {
    literals.sort_by_key(|(slot, (row, ..))| (*slot, *row));
    let mut columns: Vec<(usize, Column)> = Vec::new();
    for group in literals.chunk_by(|a, b| a.0 == b.0) {
        let placed: Vec<Placed<'_>> = group.iter().map(|(_, placed)| *placed).collect();
        columns.push((placed.len(), Column::new(group[0].0, &placed, all)));
    }
    columns.sort_by_key(|(bound, _)| std::cmp::Reverse(*bound));
    columns.into_iter().map(|(_, column)| column).collect()
}
