//! A column: for every value of one attribute, the rows of a chunk that accept it.

use std::sync::Arc;

use crate::accepted::{AcceptedValues, DISCRETE, Side};
use crate::bits::Bits;
use crate::condition::Condition;
use crate::input::{AttributeValue, IndexedValue, text_hash};
use crate::line::RowsByValue;
use crate::number::Exact;

/// The index of one attribute in one chunk.
#[derive(Debug)]
pub(crate) struct Column {
    /// The attribute, as the ruleset counts them.
    slot: u32,
    discrete: [Bits; DISCRETE],
    numbers: RowsByValue<Exact>,
    texts: RowsByValue<Arc<str>>,
}

/// A literal of a row: which row, the condition, and whether its opposite is meant.
pub(crate) type Placed<'a> = (u16, &'a Condition, bool);

impl Column {
    /// Lays out the literals on one attribute, which are ordered by row; `all` are the rows of the chunk.
    pub(crate) fn new(slot: u32, literals: &[Placed<'_>], all: Bits) -> Self {
        let mut unbound = all;
        literals.chunk_by(|a, b| a.0 == b.0).for_each(|group| unbound.flip(usize::from(group[0].0)));
        let mut discrete = [unbound; DISCRETE];
        let (mut numbers_start, mut texts_start) = (unbound, unbound);
        let (mut numbers, mut texts) = (Vec::with_capacity(literals.len()), Vec::new());
        for group in literals.chunk_by(|a, b| a.0 == b.0) {
            let (row, condition, negated) = group[0];
            let mut accepted = AcceptedValues::of(condition, negated);
            for (_, condition, negated) in &group[1..] {
                accepted = accepted.intersect(&AcceptedValues::of(condition, *negated));
            }
            let at = usize::from(row);
            let accepting = discrete.iter_mut().zip(accepted.discrete).filter(|(_, accepts)| *accepts);
            accepting.for_each(|(bits, _)| bits.insert(at));
            if accepted.numbers.from_start {
                numbers_start.insert(at);
            }
            if accepted.texts.from_start {
                texts_start.insert(at);
            }
            numbers.extend(accepted.numbers.turns.into_iter().map(|(point, side)| (point, side, row)));
            texts.extend(accepted.texts.turns.into_iter().map(|(point, side)| (point, side, row)));
        }
        Self {
            slot,
            discrete,
            numbers: RowsByValue::new(numbers_start, numbers, |point| point, |point: &Exact| point.spread()),
            texts: text_line(texts_start, texts),
        }
    }

    /// The rows that accept the input's value of this attribute.
    pub(crate) fn select(&self, inputs: &[AttributeValue<'_>]) -> &Bits {
        match inputs.get(self.slot as usize).map(|input| input.sort) {
            Some(IndexedValue::Discrete(which)) => &self.discrete[which],
            Some(IndexedValue::Number(number)) => {
                self.numbers.find(number.spread(), |point| point.cmp(&number))
            }
            Some(IndexedValue::Text(text, hash)) => self.texts.find(hash, |point| (**point).cmp(text)),
            // A chunk and its ruleset's attributes are made together, so every slot has an input.
            None => &self.discrete[crate::accepted::MISSING],
        }
    }
}

fn text_line(start: Bits, turns: Vec<(&Arc<str>, Side, u16)>) -> RowsByValue<Arc<str>> {
    RowsByValue::new(start, turns, Arc::clone, |point: &Arc<str>| text_hash(point))
}
