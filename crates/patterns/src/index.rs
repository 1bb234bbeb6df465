//! What answers the queries of one profile: a map of keys, and automata for everything else.

use std::collections::HashSet;
use std::sync::Arc;

use midflight_engine::{Interrupted, Work};

use crate::Match;
use crate::expressions::{self, Expressions};
use crate::limits::REGEXES_MAX;
use crate::literals::{self, Literals};
use crate::pattern::{Pattern, Text};
use crate::profile::Profile;
use crate::tiers::{TextEntry, TierError, Tiers};

/// The patterns of a profile that answer, ready to be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) profile: Arc<Profile>,
    /// How many patterns the profile has, those that do not answer too.
    pub(crate) members: usize,
    /// The exact patterns by key.
    exact: imbl::HashMap<Arc<str>, Arc<Pattern>>,
    /// The id of the pattern that has a text, of those that are not exact.
    taken: imbl::HashMap<String, Arc<str>>,
    literals: Tiers<Literals>,
    expressions: Tiers<Expressions>,
    /// How much memory the regular expressions take by which patterns exclude, in bytes.
    exclusions_bytes: usize,
}

/// A text that another pattern has already.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) pattern: Arc<Pattern>,
    /// Which of its texts.
    pub(crate) text: usize,
    /// The pattern that has it.
    pub(crate) first: Arc<str>,
}

/// A pattern that matched, and by which of its texts.
#[derive(Debug, Clone, Copy)]
pub struct PatternMatch<'a> {
    /// The pattern.
    pub pattern: &'a Pattern,
    /// What was found: a key, a folded text, or a regular expression.
    pub key: &'a Arc<str>,
}

impl<'a> From<&'a TextEntry> for PatternMatch<'a> {
    fn from(entry: &'a TextEntry) -> Self {
        Self { pattern: &entry.pattern, key: entry.key() }
    }
}

impl Index {
    pub(crate) fn of(profile: Arc<Profile>) -> Self {
        Self { profile, ..Self::default() }
    }

    /// The first pattern in the declared order that matches. Cost: a look into a map, and a pass over the text for each
    /// part, of which there are few however many patterns there are.
    /// The budget is asked before every search of a regular expression, and as literals are found.
    pub(crate) fn find(
        &self,
        text: &str,
        key: &str,
        work: &Work,
    ) -> Result<Option<PatternMatch<'_>>, Interrupted> {
        // No pattern has the empty key.
        let exact = self.exact.get_key_value(key);
        let mut found = exact.map(|(key, pattern)| PatternMatch { pattern, key });
        for part in self.literals.parts() {
            let best = found.map(|found| found.pattern);
            if best.is_none_or(|best| part.can_beat(best)) {
                found = literals::find(part, text, best, work)?.map(PatternMatch::from).or(found);
            }
        }
        for part in self.expressions.parts() {
            let best = found.map(|found| found.pattern);
            if best.is_none_or(|best| part.can_beat(best)) {
                found = expressions::find(part, text, best, work)?.map(PatternMatch::from).or(found);
            }
        }
        Ok(found)
    }

    /// Takes patterns out that answered, and puts others in. Answers the texts that are taken, whose patterns are then
    /// in it in part; so an index with any is to be dropped.
    pub(crate) fn change(
        &mut self,
        removed: &[Arc<Pattern>],
        added: &[Arc<Pattern>],
        work: &Work,
    ) -> Result<Vec<Taken>, TierError> {
        let mut removed_ids = HashSet::new();
        for pattern in removed {
            if pattern.meta.how != Match::Exact {
                removed_ids.insert(Arc::clone(&pattern.id));
            }
            self.exclusions_bytes = self.exclusions_bytes.saturating_sub(pattern.exclusion_bytes());
            for text in &pattern.texts {
                match pattern.meta.how {
                    Match::Exact => drop(self.exact.remove(&*text.key)),
                    _ => drop(self.taken.remove(&identity(pattern, text))),
                }
            }
        }
        let mut taken = Vec::new();
        let (mut literals, mut expressions) = (Vec::new(), Vec::new());
        for pattern in added {
            work.check()?;
            work.charge(pattern.bytes())?;
            self.exclusions_bytes += pattern.exclusion_bytes();
            for (number, text) in pattern.texts.iter().enumerate() {
                if let Some(first) = self.take(pattern, text) {
                    taken.push(Taken { pattern: Arc::clone(pattern), text: number, first });
                }
                let entry = || TextEntry {
                    pattern: Arc::clone(pattern),
                    text: u32::try_from(number).unwrap_or(u32::MAX),
                };
                match pattern.meta.how {
                    Match::Exact => {}
                    Match::Regex => expressions.push(entry()),
                    Match::Prefix | Match::Contains | Match::Word => literals.push(entry()),
                }
            }
        }
        if taken.is_empty() {
            self.literals.change(&removed_ids, literals, work)?;
            self.expressions.change(&removed_ids, expressions, work)?;
        }
        Ok(taken)
    }

    /// Gives a text to a pattern; or answers which one has it.
    fn take(&mut self, pattern: &Arc<Pattern>, text: &Text) -> Option<Arc<str>> {
        if pattern.meta.how == Match::Exact {
            if let Some(first) = self.exact.get(&*text.key) {
                return Some(Arc::clone(&first.id));
            }
            self.exact.insert(Arc::clone(&text.key), Arc::clone(pattern));
            return None;
        }
        let identity = identity(pattern, text);
        if let Some(first) = self.taken.get(&identity) {
            return Some(Arc::clone(first));
        }
        self.taken.insert(identity, Arc::clone(&pattern.id));
        None
    }

    /// Whether it has more regular expressions than it may.
    pub(crate) fn has_too_many_regexes(&self) -> bool {
        self.expressions.count() > REGEXES_MAX
    }

    /// How much memory its compiled regular expressions take, in bytes. Cost: a step for each.
    pub(crate) fn regex_bytes(&self) -> usize {
        let expressions = self.expressions.parts().iter().map(|part| part.automaton().regex_bytes());
        expressions.sum::<usize>() + self.exclusions_bytes
    }
}

/// Two patterns that are equal in this would both match, always, and the second would never answer.
fn identity(pattern: &Pattern, text: &Text) -> String {
    let conditions = pattern.meta.conditions.as_deref();
    let max_words = conditions.and_then(|conditions| conditions.max_words).unwrap_or_default();
    let exclusion =
        conditions.and_then(|conditions| conditions.exclusion.as_ref()).map_or("", |it| it.as_str());
    format!("{}\0{max_words}\0{exclusion}\0{}", pattern.meta.how, text.key)
}
