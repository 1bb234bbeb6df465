//! Finds the regular expressions of a part that match, asking only those whose literals are in the text.
//!
//! One automaton over all the expressions themselves would be the plain way, and is what `regex::RegexSet` does; but with
//! Unicode's word boundaries it falls back to its slowest engine on every text that is not ASCII, a thousand times slower
//! (docs/adr/0007). Here one pass over the text finds literals that each expression needs, and few are left to be asked.

use regex_filtered::{Builder, Options, Regexes};

use crate::pattern::Pattern;
use crate::tiers::{Automaton, Entry, Part};

/// The regular expressions of a part behind a filter of their literals.
pub(crate) struct Expressions {
    regexes: Regexes,
    bytes: usize,
}

impl std::fmt::Debug for Expressions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expressions").field("count", &self.regexes.regexes().len()).finish()
    }
}

/// What a compiled expression takes on average, with what it works with; in bytes.
const COMPILED_BYTES: usize = 32 << 10;

impl Automaton for Expressions {
    fn build(entries: &[Entry]) -> Result<Self, String> {
        let mut builder = Builder::new();
        for entry in entries {
            builder = builder.push_opt(entry.key(), &options()).map_err(|error| error.to_string())?;
        }
        let regexes = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { regexes, bytes: entries.len() * COMPILED_BYTES })
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn options() -> Options {
    let mut options = Options::new();
    // The texts that they see are in lower case.
    options.case_insensitive(true);
    options
}

/// Why an expression cannot stand among others; none when it can.
pub(crate) fn refusal(text: &str) -> Option<String> {
    let pushed = Builder::new().push_opt(text, &options());
    let why = pushed.map(|builder| builder.build().err().map(|error| error.to_string()));
    let why = why.unwrap_or_else(|error| Some(error.to_string()))?;
    Some(format!("no filter can be made of the regex: {why}; make it shorter"))
}

/// The first pattern in the declared order of which an expression matches; only one before `best`.
pub(crate) fn find<'a>(part: &'a Part<Expressions>, text: &str, best: Option<&Pattern>) -> Option<&'a Entry> {
    for (number, _) in part.automaton().regexes.matching(text) {
        let Some(entry) = part.entry(number) else { continue };
        let pattern = &*entry.pattern;
        if best.is_some_and(|best| !pattern.comes_before(best)) {
            return None;
        }
        if pattern.said.conditions.as_ref().is_none_or(|conditions| conditions.hold(text)) {
            return Some(entry);
        }
    }
    None
}
