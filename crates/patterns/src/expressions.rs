//! Finds the regular expressions of a part that match, asking only those whose needs are in the text.
//!
//! One automaton over all the expressions themselves would be the plain way, and is what `regex::RegexSet` does; but with
//! Unicode's word boundaries it falls back to its slowest engine on every text that is not ASCII, a thousand times slower
//! (docs/adr/0007). Here one pass over the text finds the texts that the expressions need (`needs`), and few of them are
//! left to be asked.

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use midflight_engine::Work;
use regex::Regex;

use crate::literals::finder;
use crate::needs::needs;
use crate::pattern::Pattern;
use crate::read_pattern::compiled;
use crate::tiers::{Automaton, Entry, Part, TierError};

/// The regular expressions of a part, and what each needs.
#[derive(Debug)]
pub(crate) struct Expressions {
    regexes: Vec<Regex>,
    /// How many needs each has.
    need_counts: Vec<u8>,
    /// Which expression has each need; the needs of one stand beside each other.
    needing: Vec<usize>,
    /// The expressions without a need, which are asked always.
    always: Vec<usize>,
    /// Finds the texts that are needed.
    texts: AhoCorasick,
    /// Which needs each text meets.
    meeting: Vec<Vec<usize>>,
}

impl Automaton for Expressions {
    fn build(entries: &[Entry], work: &Work) -> Result<Self, TierError> {
        let (mut regexes, mut need_counts, mut needing) = (Vec::new(), Vec::new(), Vec::new());
        let (mut texts, mut meeting) = (Vec::new(), Vec::<Vec<usize>>::new());
        let mut numbers = HashMap::new();
        for (expression, entry) in entries.iter().enumerate() {
            work.go_on()?;
            let (regex, bytes) = compiled(entry.key()).map_err(TierError::Automaton)?;
            work.spend(bytes as u64)?;
            regexes.push(regex);
            let needs = needs(entry.key());
            need_counts.push(u8::try_from(needs.len()).unwrap_or(u8::MAX));
            for need in needs {
                for text in need {
                    let number = *numbers.entry(Arc::<str>::from(text)).or_insert_with_key(|text| {
                        texts.push(Arc::clone(text));
                        meeting.push(Vec::new());
                        texts.len() - 1
                    });
                    meeting[number].push(needing.len());
                }
                needing.push(expression);
            }
        }
        let always = (0..regexes.len()).filter(|expression| need_counts[*expression] == 0).collect();
        let texts = finder(texts.iter().map(|text| &**text), work)?;
        Ok(Self { regexes, need_counts, needing, always, texts, meeting })
    }
}

impl Expressions {
    /// The expressions all of whose needs the text meets, ascending. Cost: follows what is found, not how many there are.
    fn possible(&self, text: &str) -> Vec<usize> {
        let mut is_found = vec![0_u64; self.meeting.len().div_ceil(64)];
        let mut met = Vec::new();
        for hit in self.texts.find_overlapping_iter(text) {
            let found = hit.pattern().as_usize();
            let (word, bit) = (&mut is_found[found / 64], 1 << (found % 64));
            if *word & bit == 0 {
                *word |= bit;
                met.extend_from_slice(&self.meeting[found]);
            }
        }
        met.sort_unstable();
        met.dedup();
        let mut possible = self.always.clone();
        let of_one = met.chunk_by(|a, b| self.needing[*a] == self.needing[*b]);
        possible.extend(of_one.filter_map(|needs| {
            let expression = self.needing[needs[0]];
            (needs.len() == usize::from(self.need_counts[expression])).then_some(expression)
        }));
        if !self.always.is_empty() {
            possible.sort_unstable();
        }
        possible
    }
}

/// The first pattern in the declared order of which an expression matches; only one before `best`.
pub(crate) fn find<'a>(part: &'a Part<Expressions>, text: &str, best: Option<&Pattern>) -> Option<&'a Entry> {
    let automaton = part.automaton();
    let mut refused: Option<&Pattern> = None;
    for expression in automaton.possible(text) {
        let Some(entry) = part.entry(expression) else { continue };
        let pattern = &*entry.pattern;
        if best.is_some_and(|best| !pattern.comes_before(best)) {
            return None;
        }
        // A pattern's texts stand beside each other, and its conditions are the same for all of them.
        let is_refused = refused.is_some_and(|refused| std::ptr::eq(refused, pattern));
        if is_refused || !automaton.regexes[expression].is_match(text) {
            continue;
        }
        if pattern.said.conditions.as_ref().is_none_or(|conditions| conditions.hold(text)) {
            return Some(entry);
        }
        refused = Some(pattern);
    }
    None
}
