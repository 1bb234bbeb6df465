//! Compiled parts of growing size: a change rebuilds the small ones, and only now and then a large one.
//!
//! Patterns that need an automaton are in parts. What is added becomes a part of its own; a part that is not much
//! larger than the next one is built together with it. So each pattern is built into a part a few times while a million
//! others come, and there are few parts to ask. What is removed is marked, until half of a part is.

use std::collections::HashSet;
use std::sync::Arc;

use midflight_engine::{Interrupted, Work};

use crate::pattern::Pattern;

/// How many times larger a part is than the next one, at least.
const RATIO: usize = 8;

/// A text of a pattern, as a part holds it.
#[derive(Debug, Clone)]
pub(crate) struct TextEntry {
    pub(crate) pattern: Arc<Pattern>,
    /// Which of its texts.
    pub(crate) text: u32,
}

impl TextEntry {
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.pattern.texts[self.text as usize].key
    }
}

/// What finds the entries of a part.
pub(crate) trait Automaton: Sized {
    /// Makes one of these texts, whose numbers are their places; and takes what it keeps off the budget.
    fn build(entries: &[TextEntry], work: &Work) -> Result<Self, TierError>;
}

/// Why parts could not be made.
#[derive(Debug)]
pub(crate) enum TierError {
    Interrupted(Interrupted),
    /// The message of the library that was to build it.
    Automaton(String),
}

impl From<Interrupted> for TierError {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

/// A part: an automaton, shared by all snapshots that have it, and which of its entries are removed.
#[derive(Debug)]
pub(crate) struct AutomatonPart<A> {
    built: Arc<Built<A>>,
    /// One bit for each removed entry.
    removed: Arc<[u64]>,
    removed_count: usize,
}

#[derive(Debug)]
struct Built<A> {
    automaton: A,
    entries: Vec<TextEntry>,
}

impl<A> Clone for AutomatonPart<A> {
    fn clone(&self) -> Self {
        Self {
            built: Arc::clone(&self.built),
            removed: Arc::clone(&self.removed),
            removed_count: self.removed_count,
        }
    }
}

impl<A> AutomatonPart<A> {
    pub(crate) fn automaton(&self) -> &A {
        &self.built.automaton
    }

    /// The entry of a number; none when it was removed.
    pub(crate) fn entry(&self, number: usize) -> Option<&TextEntry> {
        let is_missing = self.removed[number / 64] >> (number % 64) & 1 == 1;
        (!is_missing).then(|| &self.built.entries[number])
    }

    /// Whether one of its patterns may answer rather than `best`. The first of its entries comes before all others.
    pub(crate) fn can_beat(&self, best: &Pattern) -> bool {
        self.built.entries.first().is_some_and(|first| first.pattern.comes_before(best))
    }

    fn live(&self) -> impl Iterator<Item = &TextEntry> {
        (0..self.built.entries.len()).filter_map(|number| self.entry(number))
    }

    fn count(&self) -> usize {
        self.built.entries.len() - self.removed_count
    }

    /// The same part without these patterns; none when it has none of them.
    fn without(&self, ids: &HashSet<Arc<str>>) -> Option<Self> {
        let mut removed = self.removed.to_vec();
        let mut removed_count = self.removed_count;
        for (number, entry) in self.built.entries.iter().enumerate() {
            let (word, bit) = (number / 64, 1 << (number % 64));
            if removed[word] & bit == 0 && ids.contains(&entry.pattern.id) {
                removed[word] |= bit;
                removed_count += 1;
            }
        }
        (removed_count > self.removed_count).then(|| Self {
            built: Arc::clone(&self.built),
            removed: removed.into(),
            removed_count,
        })
    }
}

/// The parts, largest first.
#[derive(Debug)]
pub(crate) struct Tiers<A> {
    parts: Vec<AutomatonPart<A>>,
}

impl<A> Clone for Tiers<A> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}

impl<A> Default for Tiers<A> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

impl<A: Automaton> Tiers<A> {
    pub(crate) fn parts(&self) -> &[AutomatonPart<A>] {
        &self.parts
    }

    /// How many texts there are.
    pub(crate) fn count(&self) -> usize {
        self.parts.iter().map(AutomatonPart::count).sum()
    }

    /// Removes the patterns with these ids, and adds these entries.
    pub(crate) fn change(
        &mut self,
        removed: &HashSet<Arc<str>>,
        added: Vec<TextEntry>,
        work: &Work,
    ) -> Result<(), TierError> {
        if !removed.is_empty() {
            for part in &mut self.parts {
                if let Some(less) = part.without(removed) {
                    *part = less;
                }
            }
        }
        // From the first part that is half empty on, or too small for its place, all are built as one.
        let mut kept = self.parts.iter().take_while(|part| part.removed_count <= part.count()).count();
        let mut rest = added.len() + self.parts[kept..].iter().map(AutomatonPart::count).sum::<usize>();
        while kept > 0 && rest > 0 && self.parts[kept - 1].count() <= RATIO * rest {
            kept -= 1;
            rest += self.parts[kept].count();
        }
        let mut entries: Vec<_> = self.parts[kept..].iter().flat_map(AutomatonPart::live).cloned().collect();
        if added.is_empty() && kept == self.parts.len() {
            return Ok(());
        }
        entries.extend(added);
        self.parts.truncate(kept);
        if !entries.is_empty() {
            self.parts.push(build(entries, work)?);
        }
        Ok(())
    }
}

fn build<A: Automaton>(mut entries: Vec<TextEntry>, work: &Work) -> Result<AutomatonPart<A>, TierError> {
    work.check()?;
    // In the declared order, so that the first that matches is the one that answers.
    entries.sort_by(|a, b| {
        let key = |entry: &TextEntry| (entry.pattern.meta.order, Arc::clone(&entry.pattern.id), entry.text);
        if Arc::ptr_eq(&a.pattern, &b.pattern) { a.text.cmp(&b.text) } else { key(a).cmp(&key(b)) }
    });
    work.charge((entries.len() * size_of::<TextEntry>()) as u64)?;
    let automaton = A::build(&entries, work)?;
    let removed = vec![0; entries.len().div_ceil(64)].into();
    Ok(AutomatonPart { built: Arc::new(Built { automaton, entries }), removed, removed_count: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Match;
    use crate::pattern::{PatternDocument, Text};
    use crate::profile::Profile;
    use crate::read_pattern::read_pattern;
    use serde_json::json;

    /// An automaton that only knows how many texts were built into it.
    #[derive(Debug)]
    struct Counted(usize);

    impl Automaton for Counted {
        fn build(entries: &[TextEntry], _: &Work) -> Result<Self, TierError> {
            Ok(Self(entries.len()))
        }
    }

    fn entry(number: usize) -> TextEntry {
        let body = json!({"pattern": format!("t{number}"), "match": "contains", "category": "A"});
        let PatternDocument { meta, profile, category, texts } =
            read_pattern(&body, &Work::unbounded()).unwrap();
        let texts = texts.iter().map(|text| Text::new(text, Match::Contains, &Profile::default())).collect();
        let pattern = Pattern { id: format!("p{number}").into(), profile, category, meta, texts };
        TextEntry { pattern: Arc::new(pattern), text: 0 }
    }

    fn live(tiers: &Tiers<Counted>) -> Vec<String> {
        let mut ids: Vec<_> = tiers
            .parts()
            .iter()
            .flat_map(AutomatonPart::live)
            .map(|entry| entry.pattern.id.to_string())
            .collect();
        ids.sort();
        ids
    }

    #[test]
    fn thousands_that_come_one_by_one_are_few_parts_and_are_built_a_few_times() {
        let work = Work::unbounded();
        let (mut tiers, mut built) = (Tiers::<Counted>::default(), 0);
        for number in 0..5_000 {
            tiers.change(&HashSet::new(), vec![entry(number)], &work).unwrap();
            built += tiers.parts().last().map_or(0, |part| part.automaton().0);
            assert!(tiers.parts().len() <= 5, "{} parts of {number}", tiers.parts().len());
        }
        assert_eq!(tiers.count(), 5_000);
        assert!(built < 5_000 * 40, "{built} texts were built for 5,000");
    }

    #[test]
    fn removed_texts_are_gone_and_half_empty_parts_are_rebuilt() {
        let work = Work::unbounded();
        let mut tiers = Tiers::<Counted>::default();
        tiers.change(&HashSet::new(), (0..1_000).map(entry).collect(), &work).unwrap();
        tiers.change(&HashSet::new(), (1_000..1_010).map(entry).collect(), &work).unwrap();
        assert_eq!(tiers.parts().len(), 2);
        let before = tiers.clone();
        for removed in 0..900 {
            tiers.change(&HashSet::from([format!("p{removed}").into()]), Vec::new(), &work).unwrap();
            let held: usize = tiers.parts().iter().map(|part| part.automaton().0).sum();
            assert_eq!(tiers.count(), 1_009 - removed);
            assert!(held <= 2 * tiers.count() + 1, "{held} are held for {}", tiers.count());
        }
        let mut left: Vec<_> = (900..1_010).map(|number| format!("p{number}")).collect();
        left.sort();
        assert_eq!(live(&tiers), left);
        assert_eq!(before.count(), 1_010, "the parts that others have stay as they were");
        let all: HashSet<Arc<str>> = left.into_iter().map(Into::into).collect();
        tiers.change(&all, Vec::new(), &work).unwrap();
        assert!(tiers.parts().is_empty());
    }
}
