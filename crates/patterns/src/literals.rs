//! Finds all literals of a part in one pass over the text: what a query begins with, has in it, or has as words.

use aho_corasick::AhoCorasick;

use crate::Match;
use crate::pattern::Pattern;
use crate::tiers::{Automaton, Entry, Part};

/// One Aho-Corasick automaton for the literals of a part.
#[derive(Debug)]
pub(crate) struct Literals(AhoCorasick);

impl Automaton for Literals {
    fn build(entries: &[Entry]) -> Result<Self, String> {
        AhoCorasick::new(entries.iter().map(|entry| entry.key().as_bytes()))
            .map(Self)
            .map_err(|error| format!("too many or too long texts: {error}"))
    }

    fn bytes(&self) -> usize {
        self.0.memory_usage()
    }
}

/// The first pattern in the declared order of which a literal is found; only one before `best`.
pub(crate) fn find<'a>(
    part: &'a Part<Literals>,
    text: &str,
    mut best: Option<&'a Pattern>,
) -> Option<&'a Entry> {
    let mut found = None;
    for hit in part.automaton().0.find_overlapping_iter(text) {
        let Some(entry) = part.entry(hit.pattern().as_usize()) else { continue };
        let pattern = &*entry.pattern;
        if best.is_some_and(|best| !pattern.comes_before(best)) {
            continue;
        }
        let is_there = match pattern.said.how {
            Match::Prefix => hit.start() == 0,
            Match::Word => is_word(text, hit.start(), hit.end()),
            _ => true,
        };
        if is_there && pattern.said.conditions.as_ref().is_none_or(|conditions| conditions.hold(text)) {
            (best, found) = (Some(pattern), Some(entry));
        }
    }
    found
}

/// Whether no word goes on at either end: as `\b` of a regex, but for ends of the literal that are no word themselves.
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
}
