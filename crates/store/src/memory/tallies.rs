//! Tallies in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use midflight_core::{DocumentName, KindName};

use super::MemoryStore;
use crate::tally::{self, add, cursor};
use crate::{Page, StoreError, Tally, TallyQuery, TallyStore};

/// A source without a batch for so long is forgotten: a day.
const SOURCE_AGE_MAX: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Default)]
pub(super) struct Tallies {
    kinds: BTreeMap<KindName, BTreeMap<(DocumentName, String), Tally>>,
    /// The number of each source's last batch, and its time.
    sources: HashMap<String, (u64, Instant)>,
}

impl Tallies {
    /// Adds a batch in which every key is there once, and answers whether it was new.
    pub(super) fn add(&mut self, source: &str, number: u64, batch: Vec<Tally>, now: Instant) -> bool {
        let last = self.sources.get(source).map(|(last, _)| *last);
        let is_new = last.is_none_or(|last| number > last);
        self.sources.insert(source.to_owned(), (last.map_or(number, |last| last.max(number)), now));
        self.sources.retain(|_, (_, heard_at)| now.duration_since(*heard_at) <= SOURCE_AGE_MAX);
        for tally in batch.into_iter().filter(|_| is_new) {
            let of_kind = self.kinds.entry(tally.kind.clone()).or_default();
            let kept = of_kind.entry(cursor(&tally)).or_insert_with(|| Tally { count: 0, ..tally.clone() });
            add(kept, tally.count, tally.last_at);
        }
        is_new
    }

    pub(super) fn page(&self, query: &TallyQuery) -> Page<Tally, (DocumentName, String)> {
        let names: Option<HashSet<_>> = query.names.as_ref().map(|names| names.iter().collect());
        let after = query.after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let of_kind = self.kinds.get(&query.kind).into_iter();
        let rest = of_kind.flat_map(|tallies| tallies.range((after.clone(), Bound::Unbounded)));
        let asked = rest.map(|(_, tally)| tally);
        let asked = asked.filter(|tally| names.as_ref().is_none_or(|names| names.contains(&tally.name)));
        Page::cut(asked.take(query.limit as usize + 1).cloned().collect(), query.limit, cursor)
    }

    /// Forgets the tallies of the documents that are so.
    pub(super) fn forget(&mut self, is_so: impl Fn(&KindName, &DocumentName) -> bool) {
        for (kind, tallies) in &mut self.kinds {
            tallies.retain(|(name, _), _| !is_so(kind, name));
        }
    }
}

#[async_trait]
impl TallyStore for MemoryStore {
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        let tallies = tally::batch(source, batch, tallies)?;
        Ok(self.log().tallies.add(source, batch, tallies, Instant::now()))
    }

    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
        Ok(self.log().tallies.page(&query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_forgotten_after_a_day_of_silence() {
        let (mut tallies, start) = (Tallies::default(), Instant::now());
        let hour = |n: u32| start + n * Duration::from_secs(3600);
        assert!(tallies.add("silent", 7, Vec::new(), hour(0)) && tallies.add("loud", 7, Vec::new(), hour(0)));
        assert!(!tallies.add("loud", 7, Vec::new(), hour(20)), "what is known is heard of too");
        assert!(!tallies.add("silent", 7, Vec::new(), hour(24)));
        assert!(tallies.add("new", 1, Vec::new(), hour(44)));
        assert_eq!(tallies.sources.len(), 3);
        assert!(tallies.add("new", 2, Vec::new(), hour(49)));
        assert_eq!(tallies.sources.len(), 1);
        assert!(tallies.add("silent", 7, Vec::new(), hour(49)), "of what is forgotten nothing is known");
    }
}
