//! Finds all literals of a part in one pass over the text: what a query begins with, has in it, or has as words.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use midflight_engine::{Interrupted, Work};

use crate::Match;
use crate::pattern::Pattern;
use crate::tiers::{Automaton, AutomatonPart, TextEntry, TierError};

/// How many literals are found between two looks at the budget: some ten microseconds.
const HITS_PER_LOOK: usize = 1024;

/// One Aho-Corasick automaton for the literals of a part.
#[derive(Debug)]
pub(crate) struct Literals(AhoCorasick);

impl Automaton for Literals {
    fn build(entries: &[TextEntry], work: &Work) -> Result<Self, TierError> {
        finder(entries.iter().map(|entry| &**entry.key()), work).map(Self)
    }
}

/// An automaton that finds all of these texts. Few texts get the fastest one, which takes up to a KiB for each of their
/// bytes.
pub(crate) fn finder<'a>(
    texts: impl Iterator<Item = &'a str> + Clone,
    work: &Work,
) -> Result<AhoCorasick, TierError> {
    /// The most bytes of texts that get the fastest automaton.
    const FASTEST_BYTES_MAX: usize = 16 << 10;
    let bytes: usize = texts.clone().map(str::len).sum();
    let mut builder = AhoCorasick::builder();
    if bytes > FASTEST_BYTES_MAX {
        builder.kind(Some(AhoCorasickKind::ContiguousNFA));
    }
    let automaton = builder
        .build(texts)
        .map_err(|error| TierError::Automaton(format!("too many or too long texts: {error}")))?;
    work.charge(automaton.memory_usage() as u64)?;
    Ok(automaton)
}

/// The first pattern in the declared order of which a literal is found; only one before `best`.
pub(crate) fn find<'a>(
    part: &'a AutomatonPart<Literals>,
    text: &str,
    mut best: Option<&'a Pattern>,
    work: &Work,
) -> Result<Option<&'a TextEntry>, Interrupted> {
    let mut found = None;
    // A literal may be found at every byte of the text, and an exclusion looks through all of it.
    let mut refused = HashSet::new();
    for (count, hit) in part.automaton().0.find_overlapping_iter(text).enumerate() {
        // Literals within each other are found at every byte.
        if count % HITS_PER_LOOK == HITS_PER_LOOK - 1 {
            work.check()?;
        }
        let Some(entry) = part.entry(hit.pattern().as_usize()) else { continue };
        let pattern = &*entry.pattern;
        if best.is_some_and(|best| !pattern.comes_before(best)) {
            continue;
        }
        let is_there = match pattern.meta.how {
            Match::Prefix => hit.start() == 0,
            Match::Word => is_word(text, hit.start(), hit.end()),
            _ => true,
        };
        if !is_there {
            continue;
        }
        match &pattern.meta.conditions {
            Some(_) if refused.contains(&*pattern.id) => {}
            Some(conditions) if !conditions.hold(text, work)? => drop(refused.insert(&*pattern.id)),
            _ => (best, found) = (Some(pattern), Some(entry)),
        }
    }
    Ok(found)
}

/// Whether no word continues at either end: as `\b` of a regex, but for ends of the literal that are no word
/// themselves.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let is_in_word = |c: Option<char>| c.is_some_and(is_word_character);
    let (before, literal, after) = (&text[..start], &text[start..end], &text[end..]);
    let begins = is_in_word(before.chars().next_back()) && is_in_word(literal.chars().next());
    let goes_on = is_in_word(literal.chars().next_back()) && is_in_word(after.chars().next());
    !begins && !goes_on
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, literal: &str, expected: bool) {
        let found = text.match_indices(literal).any(|(start, _)| is_word(text, start, start + literal.len()));
        assert_eq!(found, expected, "{literal:?} in {text:?}");
    }

    #[test]
    fn a_word_ends_where_no_letter_follows() {
        check("quanti errori?", "errori", true);
        check("quanti errori?", "error", false);
        check("perché no", "perch", false);
        check("100%", "%", true);
        check("c++ e go", "c++", true);
        check("abc", "b", false);
        check("l'ora", "ora", true);
        check("हिन्दी", "ह", false);
    }

    #[test]
    fn long_texts_take_memory_in_proportion() {
        let texts: Vec<_> = (0..100).map(|n| format!("{n}é").repeat(250)).collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        let automaton = finder(texts.iter().map(String::as_str), &Work::unbounded()).unwrap();
        assert!(automaton.memory_usage() < 100 * bytes, "{} for {bytes}", automaton.memory_usage());
    }
}
