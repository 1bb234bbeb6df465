//! What happens with patterns, counted in memory.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::KindName;
use midflight_store::{Store, StoreError, TallyQuery};

use crate::learned_pattern;

/// What is counted, by the word it is kept under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum UsageCounter {
    /// A pattern answered a query.
    Used,
    /// Of a profile: one of its patterns answered a query.
    Matched,
    /// Positive feedback.
    Right,
    /// Negative feedback.
    Wrong,
    /// The same, and the pattern has the corrected answer since then: it is not to be doubted for that.
    Corrected,
    /// Of a profile: an LLM answered.
    Llm,
    /// Of a profile: nothing did.
    None,
}

impl UsageCounter {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Matched => "matched",
            Self::Right => "right",
            Self::Wrong | Self::Corrected => "wrong",
            Self::Llm => "llm",
            Self::None => "none",
        }
    }
}

/// What was counted and is not written yet, by document.
pub(crate) type UnwrittenCounts = HashMap<(Arc<str>, UsageCounter), u64>;

impl UsageCounter {
    /// Whether it is of a profile rather than of a pattern.
    pub(crate) fn is_of_profile(self) -> bool {
        matches!(self, Self::Matched | Self::Llm | Self::None)
    }
}

/// Several maps, so that threads that count at the same time rarely wait for each other.
const SHARDS: usize = 16;

/// Counts in memory. Cost of counting: a lock that is rarely contended, and a look into a map.
#[derive(Default)]
pub(crate) struct Counting {
    shards: [Mutex<UnwrittenCounts>; SHARDS],
}

thread_local! {
    /// Which of the maps a thread counts in.
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SHARD.with(|shard| {
        shard.get().unwrap_or_else(|| {
            let taken = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            shard.set(Some(taken));
            taken
        })
    })
}

impl Counting {
    /// Adds one to each of these.
    pub(crate) fn count<const N: usize>(&self, counted: [(&Arc<str>, UsageCounter); N]) {
        let mut counts = self.shards[shard()].lock().unwrap_or_else(PoisonError::into_inner);
        for (name, counter) in counted {
            *counts.entry((Arc::clone(name), counter)).or_default() += 1;
        }
    }

    /// Takes what was counted so far.
    pub(crate) fn take(&self) -> UnwrittenCounts {
        let mut all = UnwrittenCounts::new();
        for shard in &self.shards {
            let counts = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            if all.is_empty() {
                all = counts;
            } else {
                counts.into_iter().for_each(|(key, count)| *all.entry(key).or_default() += count);
            }
        }
        all
    }
}

/// How often a pattern was used, and its feedback, on all replicas together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatternUsage {
    /// How often it answered a query.
    pub used: u64,
    /// Number of positive feedbacks.
    pub right: u64,
    /// Number of negative feedbacks.
    pub wrong: u64,
    /// When it last answered a query, as far as is written.
    pub last_used_at: Option<jiff::Timestamp>,
    /// Of a profile: how often one of its patterns answered.
    pub matched: u64,
    /// Of a profile: how often an LLM answered.
    pub llm: u64,
    /// Of a profile: how often nothing did.
    pub none: u64,
}

impl PatternUsage {
    /// The share of positive feedbacks; none without feedback.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let output = self.right.saturating_add(self.wrong);
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let share = self.right as f64 / output as f64;
        (output > 0).then_some(share)
    }

    pub(crate) fn add(&mut self, tally: &midflight_store::Tally) {
        match tally.counter.as_str() {
            "used" => {
                self.used = tally.count;
                self.last_used_at = Some(tally.last_at);
            }
            "right" => self.right = tally.count,
            "wrong" => self.wrong = tally.count,
            "matched" => self.matched = tally.count,
            "llm" => self.llm = tally.count,
            "none" => self.none = tally.count,
            _ => {}
        }
    }
}

/// How many tallies are read from the store at once.
const PAGE: u32 = 5_000;

/// Reads what is written of these documents, or of all, and hands each on, ordered by name.
pub(crate) async fn read(
    store: &dyn Store,
    names: Option<&[Arc<str>]>,
    mut each: impl FnMut(&str, PatternUsage),
) -> Result<(), StoreError> {
    let kind: KindName = learned_pattern::kind();
    let names = names
        .map(|names| names.iter().filter_map(|name| Some(learned_pattern::document(name)?.name)).collect());
    let mut query = TallyQuery { kind, names, after: None, limit: PAGE };
    let mut current: Option<(midflight_core::DocumentName, PatternUsage)> = None;
    loop {
        let page = store.tallies(query.clone()).await?;
        for tally in &page.items {
            match &mut current {
                Some((name, usage)) if *name == tally.name => usage.add(tally),
                _ => {
                    if let Some((name, usage)) = current.take() {
                        each(name.as_str(), usage);
                    }
                    let mut usage = PatternUsage::default();
                    usage.add(tally);
                    current = Some((tally.name.clone(), usage));
                }
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    if let Some((name, usage)) = current {
        each(name.as_str(), usage);
    }
    Ok(())
}
