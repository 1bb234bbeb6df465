//! Finds the regular expressions of a part that match, asking only those whose needs are in the text.
//!
//! One automaton over all the expressions themselves would be the plain way, and is what `regex::RegexSet` does; but
//! with Unicode's word boundaries it falls back to its slowest engine on every text that is not ASCII, a thousand times
//! slower (docs/adr/0007). Here one pass over the text finds the texts that the expressions need (`needs`), and few of
//! them are left to be asked.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use midflight_engine::{Interrupted, Work};
use midflight_regexes::BoundedRegex;

use crate::literals::finder;
use crate::needs::need;
use crate::pattern::Pattern;
use crate::read_pattern::compiled;
use crate::tiers::{Automaton, AutomatonPart, TextEntry, TierError};

/// The regular expressions of a part, and what each needs.
#[derive(Debug)]
pub(crate) struct Expressions {
    regexes: Vec<BoundedRegex>,
    /// Finds the texts that are needed.
    texts: AhoCorasick,
    /// Which expressions need each text, ascending.
    needing: Vec<Vec<usize>>,
    /// The expressions that need nothing that is known, which are asked always; ascending.
    always: Vec<usize>,
}

impl Automaton for Expressions {
    fn build(entries: &[TextEntry], work: &Work) -> Result<Self, TierError> {
        let (mut regexes, mut always) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut needing: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (expression, entry) in entries.iter().enumerate() {
            work.check()?;
            let regex = compiled(entry.key()).map_err(TierError::Automaton)?;
            work.charge(regex.bytes() as u64)?;
            regexes.push(regex);
            match need(entry.key()) {
                Some(texts) => {
                    texts.into_iter().for_each(|text| needing.entry(text).or_default().push(expression))
                }
                None => always.push(expression),
            }
        }
        let texts = finder(needing.keys().map(String::as_str), work)?;
        Ok(Self { regexes, texts, needing: needing.into_values().collect(), always })
    }
}

impl Expressions {
    /// How much memory the compiled expressions take, in bytes. Cost: a step for each.
    pub(crate) fn regex_bytes(&self) -> usize {
        self.regexes.iter().map(BoundedRegex::bytes).sum()
    }

    /// The expressions whose need the text meets, ascending. Cost: follows what is found, not how many there are.
    fn possible(&self, text: &str) -> Vec<usize> {
        let mut possible = self.always.clone();
        let mut is_found = vec![0_u64; self.needing.len().div_ceil(64)];
        for hit in self.texts.find_overlapping_iter(text) {
            let found = hit.pattern().as_usize();
            let (word, bit) = (&mut is_found[found / 64], 1 << (found % 64));
            if *word & bit == 0 {
                *word |= bit;
                possible.extend_from_slice(&self.needing[found]);
            }
        }
        possible.sort_unstable();
        possible.dedup();
        possible
    }
}

/// The first pattern in the declared order of which an expression matches; only one before `best`.
pub(crate) fn find<'a>(
    part: &'a AutomatonPart<Expressions>,
    text: &str,
    best: Option<&Pattern>,
    work: &Work,
) -> Result<Option<&'a TextEntry>, Interrupted> {
    let automaton = part.automaton();
    let mut refused: Option<&Pattern> = None;
    for expression in automaton.possible(text) {
        let Some(entry) = part.entry(expression) else { continue };
        let pattern = &*entry.pattern;
        if best.is_some_and(|best| !pattern.comes_before(best)) {
            return Ok(None);
        }
        // A pattern's texts are alternatives, and its conditions are the same for all of them.
        let is_refused = refused.is_some_and(|refused| std::ptr::eq(refused, pattern));
        if is_refused || !automaton.regexes[expression].is_match(text, work)? {
            continue;
        }
        match &pattern.meta.conditions {
            Some(conditions) if !conditions.hold(text, work)? => refused = Some(pattern),
            _ => return Ok(Some(entry)),
        }
    }
    Ok(None)
}
