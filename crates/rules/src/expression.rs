//! The logic of a rule: conditions joined by all, any and not.

use std::fmt::Write as _;

use crate::truth::Truth;

/// A rule's conditions by their position in the rule, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Leaf(u16),
    Not(Box<Expression>),
    All(Box<[Expression]>),
    Any(Box<[Expression]>),
}

impl Expression {
    /// The truth of it, given the truth of each condition. Conditions that do not matter any more are not asked.
    pub(crate) fn truth(&self, leaf: &mut dyn FnMut(u16) -> Truth) -> Truth {
        match self {
            Self::Leaf(at) => leaf(*at),
            Self::Not(inner) => inner.truth(leaf).not(),
            Self::All(items) => Truth::all(items.iter().map(|item| item.truth(leaf))),
            Self::Any(items) => Truth::any(items.iter().map(|item| item.truth(leaf))),
        }
    }

    /// The first condition that made it what it is: `truth` is what [`Self::truth`] answered.
    pub(crate) fn culprit(&self, truth: Truth, leaf: &mut dyn FnMut(u16) -> Truth) -> u16 {
        match self {
            Self::Leaf(at) => *at,
            Self::Not(inner) => inner.culprit(truth.not(), leaf),
            Self::All(items) | Self::Any(items) => {
                let first = items.iter().find(|item| item.truth(leaf) == truth);
                first.or(items.first()).map_or(0, |item| item.culprit(truth, leaf))
            }
        }
    }

    /// A sentence for people; `leaf` writes one condition.
    pub(crate) fn describe(&self, leaf: &dyn Fn(u16) -> String) -> String {
        let mut out = String::new();
        self.write(leaf, &mut out, false);
        out
    }

    fn write(&self, leaf: &dyn Fn(u16) -> String, out: &mut String, inside: bool) {
        let (items, word) = match self {
            Self::Leaf(at) => {
                out.push_str(&leaf(*at));
                return;
            }
            Self::Not(inner) => {
                out.push_str("not ");
                inner.write(leaf, out, true);
                return;
            }
            Self::All(items) => (items, "and"),
            Self::Any(items) => (items, "or"),
        };
        let parentheses = inside && items.len() > 1;
        out.push_str(if parentheses { "(" } else { "" });
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                // Writing to a String cannot fail.
                let _written = write!(out, " {word} ");
            }
            item.write(leaf, out, items.len() > 1 || inside);
        }
        out.push_str(if parentheses { ")" } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::Expression::{All, Any, Leaf, Not};
    use super::*;

    #[test]
    fn it_describes_itself_with_the_parentheses_it_needs() {
        let not = Not(Box::new(Any([Leaf(1), Leaf(2)].into())));
        let expression = All([Leaf(0), not, All([Leaf(3)].into())].into());
        let text = expression.describe(&|at| format!("c{at}"));
        assert_eq!(text, "c0 and not (c1 or c2) and c3");
    }

    #[test]
    fn the_culprit_is_the_condition_that_decided() {
        use Truth::{False, Missing, True, WrongType};
        let truths = [True, Missing, WrongType, False];
        let mut leaf = |at: u16| truths[usize::from(at)];
        let either = || Any([Leaf(3), Leaf(1)].into());
        for (expression, truth, culprit) in [
            (All([Leaf(0), either()].into()), Missing, 1),
            (All([Leaf(1), Leaf(2)].into()), WrongType, 2),
            (All([Leaf(1), Leaf(3)].into()), False, 3),
            (Not(Box::new(All([Leaf(0), Leaf(0)].into()))), False, 0),
            (Any([Leaf(3), Leaf(0)].into()), True, 0),
        ] {
            assert_eq!(expression.truth(&mut leaf), truth);
            assert_eq!(expression.culprit(truth, &mut leaf), culprit);
        }
    }
}
