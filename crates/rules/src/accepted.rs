//! What a literal accepts: the set of values of its attribute for which it is true.

use std::sync::Arc;

use crate::condition::Condition;
use crate::number::Exact;
use crate::operator::Operator;
use crate::scalar::Scalar;
use crate::test::Test;

/// The values that are distinguished by type alone, as indices; numbers and texts have lines of their own.
pub(crate) const MISSING: usize = 0;
pub(crate) const NULL: usize = 1;
pub(crate) const FALSE: usize = 2;
pub(crate) const TRUE: usize = 3;
pub(crate) const ARRAY: usize = 4;
pub(crate) const OBJECT: usize = 5;
/// How many such values there are.
pub(crate) const DISCRETE: usize = 6;

/// Lists longer than this are searched rather than laid out, as each value laid out costs a bit set.
const LAID_OUT_ITEMS_MAX: usize = 32;

/// On which side of a point acceptance turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Before,
    After,
}

/// A set of values on an ordered line: whether it holds from the start, and where it turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks<K> {
    pub(crate) from_start: bool,
    pub(crate) turns: Vec<(K, Side)>,
}

impl<K: Ord + Copy> Marks<K> {
    fn none() -> Self {
        Self { from_start: false, turns: Vec::new() }
    }

    fn every() -> Self {
        Self { from_start: true, turns: Vec::new() }
    }

    /// These points alone; they must be ascending.
    fn points(points: impl Iterator<Item = K>) -> Self {
        let turns = points.flat_map(|point| [(point, Side::Before), (point, Side::After)]).collect();
        Self { from_start: false, turns }
    }

    fn order(operator: Operator, point: K) -> Self {
        let (from_start, side) = match operator {
            Operator::GreaterThan => (false, Side::After),
            Operator::GreaterThanOrEqual => (false, Side::Before),
            Operator::LessThan => (true, Side::Before),
            _ => (true, Side::After),
        };
        Self { from_start, turns: vec![(point, side)] }
    }

    fn opposite(mut self) -> Self {
        self.from_start = !self.from_start;
        self
    }

    /// What both hold.
    pub(crate) fn intersect(&self, other: &Self) -> Self {
        let mut turns = Vec::with_capacity(self.turns.len() + other.turns.len());
        let (mut a, mut b) = (self.from_start, other.from_start);
        let (mut left, mut right) = (self.turns.iter().peekable(), other.turns.iter().peekable());
        let mut holds = a && b;
        let from_start = holds;
        while let Some(turn) = left.peek().copied().into_iter().chain(right.peek().copied()).min().copied() {
            a ^= left.next_if(|next| **next == turn).is_some();
            b ^= right.next_if(|next| **next == turn).is_some();
            if (a && b) != holds {
                holds = !holds;
                turns.push(turn);
            }
        }
        Self { from_start, turns }
    }
}

/// The values for which a literal is true, or more than those when its test is not [`is_laid_out`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AcceptedValues<'a> {
    pub(crate) discrete: [bool; DISCRETE],
    pub(crate) numbers: Marks<Exact>,
    pub(crate) texts: Marks<&'a Arc<str>>,
}

/// Whether [`AcceptedValues`] is exactly when a test is true, so that nothing has to be asked afterwards.
pub(crate) fn is_laid_out(test: &Test) -> bool {
    match test {
        Test::Equal(_) | Test::Order(..) | Test::Interval(..) | Test::IsNull(_) => true,
        Test::Among(list) => list.len() <= LAID_OUT_ITEMS_MAX,
        Test::AmongDeep(_)
        | Test::Contains(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::Regex(..) => false,
    }
}

impl<'a> AcceptedValues<'a> {
    fn none() -> Self {
        Self { discrete: [false; DISCRETE], numbers: Marks::none(), texts: Marks::none() }
    }

    /// Every value that is there.
    fn present() -> Self {
        let discrete = [false, true, true, true, true, true];
        Self { discrete, numbers: Marks::every(), texts: Marks::every() }
    }

    /// What `condition` accepts, or its opposite when `negated`.
    pub(crate) fn of(condition: &'a Condition, negated: bool) -> Self {
        let opposite = negated != condition.operator.is_opposite();
        // The opposite of an opposite is the test itself, which no value of another type passes.
        let other_types = !negated && condition.accepts_other_types();
        let mut accepted = Self::none();
        match &*condition.test {
            Test::IsNull(is_null) if *is_null == opposite => {
                accepted = Self::present();
                accepted.discrete[NULL] = false;
            }
            Test::IsNull(_) => {
                accepted.discrete[MISSING] = true;
                accepted.discrete[NULL] = true;
            }
            Test::Equal(scalar) => accepted.add_members(std::slice::from_ref(scalar), opposite, other_types),
            Test::Among(list) if is_laid_out(&condition.test) => {
                accepted.add_members(list, opposite, other_types);
            }
            Test::Order(operator, Scalar::Number(point)) => {
                accepted.numbers = turned(Marks::order(*operator, *point), opposite);
            }
            Test::Order(operator, Scalar::Text(point)) => {
                accepted.texts = turned(Marks::order(*operator, point), opposite);
            }
            Test::Order(..) => {}
            Test::Interval(low, high) => {
                let turns = vec![(*low, Side::Before), (*high, Side::After)];
                accepted.numbers = turned(Marks { from_start: false, turns }, opposite);
            }
            Test::Among(_) | Test::AmongDeep(_) => accepted = Self::present(),
            Test::Contains(part) => {
                accepted.discrete[ARRAY] = true;
                accepted.texts.from_start = part.is_string();
            }
            Test::StartsWith(_) | Test::EndsWith(_) => accepted.texts.from_start = true,
            Test::Regex(..) => {
                accepted.texts.from_start = true;
                accepted.discrete[NULL] = other_types;
            }
        }
        accepted
    }

    /// The members of a sorted list; or, of each type that it lists, all values but its members, with `other_types`
    /// those of all other types too.
    fn add_members(&mut self, list: &'a [Scalar], opposite: bool, other_types: bool) {
        if other_types {
            *self = Self::present();
        }
        let has_null = list.contains(&Scalar::Null);
        self.discrete[NULL] = if has_null { !opposite } else { other_types };
        let has = |boolean| list.contains(&Scalar::Boolean(boolean));
        if has(false) || has(true) {
            self.discrete[FALSE] = has(false) != opposite;
            self.discrete[TRUE] = has(true) != opposite;
        }
        let numbers = list.iter().filter_map(|item| match item {
            Scalar::Number(number) => Some(*number),
            _ => None,
        });
        let numbers = Marks::points(numbers);
        if !numbers.turns.is_empty() {
            self.numbers = turned(numbers, opposite);
        }
        let texts = list.iter().filter_map(|item| match item {
            Scalar::Text(text) => Some(text),
            _ => None,
        });
        let texts = Marks::points(texts);
        if !texts.turns.is_empty() {
            self.texts = turned(texts, opposite);
        }
    }

    /// What both accept.
    pub(crate) fn intersect(&self, other: &Self) -> Self {
        let mut discrete = self.discrete;
        discrete.iter_mut().zip(other.discrete).for_each(|(a, b)| *a &= b);
        let numbers = self.numbers.intersect(&other.numbers);
        Self { discrete, numbers, texts: self.texts.intersect(&other.texts) }
    }
}

fn turned<K: Ord + Copy>(marks: Marks<K>, opposite: bool) -> Marks<K> {
    if opposite { marks.opposite() } else { marks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(marks: &Marks<i32>, value: i32) -> bool {
        let passed = |(point, side): &&(i32, Side)| match side {
            Side::Before => *point <= value,
            Side::After => *point < value,
        };
        marks.from_start ^ (marks.turns.iter().filter(passed).count() % 2 == 1)
    }

    fn any_marks() -> impl Strategy<Value = Marks<i32>> {
        let turns = prop::collection::btree_set((0..10_i32, any::<bool>()), 0..6);
        (any::<bool>(), turns).prop_map(|(from_start, turns)| {
            let side = |after| if after { Side::After } else { Side::Before };
            let turns = turns.into_iter().map(|(point, after)| (point, side(after))).collect();
            Marks { from_start, turns }
        })
    }

    proptest! {
        #[test]
        fn an_intersection_is_where_both_are(a in any_marks(), b in any_marks()) {
            let both = a.intersect(&b);
            for value in -1..11 {
                prop_assert_eq!(holds(&both, value), holds(&a, value) && holds(&b, value));
            }
            prop_assert!(both.turns.is_sorted());
        }
    }
}
