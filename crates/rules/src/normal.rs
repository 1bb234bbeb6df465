//! Normal form: a rule as a few rows, each a conjunction, any of which makes the rule true.
//!
//! Kleene's logic is a distributive lattice with De Morgan's laws, so pushing negations down to the conditions and
//! multiplying out keeps what makes a rule true. What makes it undecided is not asked of rows.

use crate::expression::Expression;

/// The most rows of one rule; one that needs more keeps its tree.
const ROWS_MAX: usize = 8;
/// The most conditions of one row that were multiplied out, so that a wide rule does not multiply into a large one.
const MULTIPLIED_LITERALS_MAX: usize = 64;

/// A condition of a rule, or its opposite: definitely false, not merely undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Literal {
    pub(crate) leaf: u16,
    pub(crate) negated: bool,
}

/// A conjunction. When `tree` is set it is necessary but not sufficient, and the rule's tree decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) literals: Box<[Literal]>,
    pub(crate) tree: bool,
}

/// The rows of an expression; at least one.
pub(crate) fn rows(expression: &Expression) -> Box<[Row]> {
    let items = match expression {
        Expression::All(items) => &**items,
        other => std::slice::from_ref(other),
    };
    // Nearly every rule is one conjunction, so that is detected without multiplying anything out.
    let literals: Option<Box<[Literal]>> = items.iter().map(|item| literal(item, false)).collect();
    if let Some(literals) = literals {
        return [Row { literals, tree: false }].into();
    }
    if let Some(terms) = terms(expression, false) {
        let row = |literals: Vec<Literal>| Row { literals: literals.into(), tree: false };
        return terms.into_iter().map(row).collect();
    }
    // What an outermost `all` joins is necessary however large the rest is, so it still narrows the rows down.
    let necessary = items.iter().filter_map(|item| literal(item, false)).collect();
    [Row { literals: necessary, tree: true }].into()
}

fn literal(expression: &Expression, negated: bool) -> Option<Literal> {
    match expression {
        Expression::Leaf(leaf) => Some(Literal { leaf: *leaf, negated }),
        Expression::Not(inner) => literal(inner, !negated),
        Expression::All(items) | Expression::Any(items) => match &**items {
            [only] => literal(only, negated),
            _ => None,
        },
    }
}

/// The terms whose disjunction the expression (or its opposite) is; none when they are too many.
fn terms(expression: &Expression, negated: bool) -> Option<Vec<Vec<Literal>>> {
    let (items, conjunction) = match expression {
        Expression::Leaf(leaf) => return Some(vec![vec![Literal { leaf: *leaf, negated }]]),
        Expression::Not(inner) => return terms(inner, !negated),
        Expression::All(items) => (items, !negated),
        Expression::Any(items) => (items, negated),
    };
    if !conjunction {
        let mut sum = Vec::new();
        for item in items {
            sum.extend(terms(item, negated)?);
            if sum.len() > ROWS_MAX {
                return None;
            }
        }
        return Some(sum);
    }
    let mut product = vec![Vec::new()];
    for item in items {
        let factors = terms(item, negated)?;
        if let [only] = factors.as_slice() {
            product.iter_mut().for_each(|term: &mut Vec<_>| term.extend(only));
            continue;
        }
        product = multiplied(&product, &factors)?;
    }
    Some(product)
}

fn multiplied(left: &[Vec<Literal>], right: &[Vec<Literal>]) -> Option<Vec<Vec<Literal>>> {
    if left.len() * right.len() > ROWS_MAX {
        return None;
    }
    let pairs = left.iter().flat_map(|a| right.iter().map(move |b| [a.as_slice(), b.as_slice()].concat()));
    let product: Vec<_> = pairs.collect();
    let small = product.iter().all(|term| term.len() <= MULTIPLIED_LITERALS_MAX);
    small.then_some(product)
}

#[cfg(test)]
mod tests {
    use super::Expression::{All, Any, Leaf, Not};
    use super::*;

    fn shown(expression: &Expression) -> String {
        let literal = |l: &Literal| format!("{}{}", if l.negated { "-" } else { "+" }, l.leaf);
        let row = |row: &Row| {
            let literals: String = row.literals.iter().map(literal).collect();
            format!("{literals}{}", if row.tree { "?" } else { "" })
        };
        rows(expression).iter().map(row).collect::<Vec<_>>().join(" ")
    }

    fn either(a: u16, b: u16) -> Expression {
        Any([Leaf(a), Leaf(b)].into())
    }

    #[test]
    fn rules_become_rows() {
        assert_eq!(shown(&Leaf(0)), "+0");
        assert_eq!(shown(&All([Leaf(0), either(1, 2)].into())), "+0+1 +0+2");
        assert_eq!(shown(&Not(Box::new(All([Leaf(0), Leaf(1)].into())))), "-0 -1");
        assert_eq!(shown(&Not(Box::new(either(0, 1)))), "-0-1");
        assert_eq!(shown(&All([either(0, 1), either(2, 3)].into())), "+0+2 +0+3 +1+2 +1+3");
    }

    #[test]
    fn a_rule_of_too_many_rows_keeps_its_tree_and_what_is_necessary() {
        let product = || All([either(0, 1), either(2, 3), either(4, 5), either(6, 7)].into());
        assert_eq!(shown(&product()), "?");
        assert_eq!(shown(&All([Leaf(9), product(), Not(Box::new(Leaf(8)))].into())), "+9-8?");
        assert_eq!(shown(&Any((0..9).map(Leaf).collect())), "?");
    }
}
