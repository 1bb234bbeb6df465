//! Writes what was counted in batches, each once however often it must be tried.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::Digest;
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_patterns::PatternsSnapshot;
use midflight_store::{StoreError, Tally};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::learned_pattern;
use crate::performance::PROFILE;
use crate::usage::{Counting, UnwrittenCounts, UsageCounter};

/// How many tallies one batch has at most.
const BATCH_MAX: usize = 5_000;

/// What writes what is counted.
pub(crate) struct Flusher {
    engine: Engine,
    patterns: Live<PatternsSnapshot>,
    counting: Arc<Counting>,
    /// Names this start of this replica among all that count.
    source: String,
    state: Mutex<FlushState>,
    /// The patterns with negative feedback that were not checked since, each with its count.
    doubted: std::sync::Mutex<BTreeMap<Arc<str>, u64>>,
}

#[derive(Default)]
struct FlushState {
    /// The number of the last batch.
    batch: u64,
    /// What is to be written, the first under the number of the last batch, which may have come.
    waiting: Vec<Vec<Tally>>,
}

impl Flusher {
    pub(crate) fn new(
        engine: Engine,
        patterns: Live<PatternsSnapshot>,
        counting: Arc<Counting>,
        source: String,
    ) -> Self {
        let (state, doubted) = (Mutex::default(), std::sync::Mutex::default());
        Self { engine, patterns, counting, source, state, doubted }
    }

    /// Writes periodically until it is stopped; the last write is requested by the code that stops it.
    pub(crate) async fn run(self: Arc<Self>, period: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
            self.flush().await;
        }
    }

    /// Writes everything that was counted, and looks at what is doubted. What could not be done is kept, and is tried
    /// again the next time; so is what was under way when the future is dropped.
    pub(crate) async fn flush(&self) {
        let mut state = self.state.lock().await;
        // What could not be written yet goes first, as it is: under its number it may be there already.
        if !self.write(&mut state).await {
            return;
        }
        let counted = self.counting.take();
        if !counted.is_empty() {
            self.doubt(&counted);
            let tallies = tallies(counted);
            state.waiting = tallies.chunks(BATCH_MAX).map(<[Tally]>::to_vec).rev().collect();
            state.batch += 1;
            if !self.write(&mut state).await {
                return;
            }
        }
        self.look_at_doubted().await;
    }

    async fn look_at_doubted(&self) {
        let before = self.doubted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let names = before.keys().cloned().collect();
        let left = crate::demotion::look(&self.engine, &self.patterns, &names).await;
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        // Feedback that arrived during the check may not have been seen.
        doubted.retain(|name, times| before.get(name) != Some(times) || left.contains(name));
    }

    fn doubt(&self, counted: &UnwrittenCounts) {
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        for ((name, _), times) in counted.iter().filter(|((_, counter), _)| *counter == UsageCounter::Wrong) {
            *doubted.entry(Arc::clone(name)).or_default() += times;
        }
    }

    /// Counts once what is counted with this key, which identifies nothing else, and writes it. Answers whether the key
    /// is new; one is known for a day.
    ///
    /// # Errors
    /// [`StoreError`]: whether it was counted is not known then.
    pub(crate) async fn count_once(
        &self,
        key: Digest,
        name: &Arc<str>,
        counter: UsageCounter,
    ) -> Result<bool, StoreError> {
        let counted = UnwrittenCounts::from([((Arc::clone(name), counter), 1)]);
        // Before, since the caller may leave, and after, since a look may come between. One look too many does no harm.
        self.doubt(&counted);
        let is_new =
            self.engine.store().add_tallies(&format!("key:{key}"), 1, &tallies(counted.clone())).await?;
        self.doubt(&counted);
        Ok(is_new)
    }

    async fn write(&self, state: &mut FlushState) -> bool {
        while let Some(batch) = state.waiting.last() {
            match self.engine.store().add_tallies(&self.source, state.batch, batch).await {
                Ok(_) => {
                    state.waiting.pop();
                    if !state.waiting.is_empty() {
                        state.batch += 1;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot write uses of patterns; keeping them to write later");
                    return false;
                }
            }
        }
        true
    }
}

fn tallies(counted: UnwrittenCounts) -> Vec<Tally> {
    let now = Timestamp::now();
    let tally = |((name, counter), count): ((Arc<str>, UsageCounter), u64)| {
        let folder = if counter.is_of_profile() { PROFILE } else { "" };
        let name = learned_pattern::document(&format!("{folder}{name}"))?.name;
        Some(Tally {
            kind: learned_pattern::kind(),
            name,
            counter: counter.as_str().to_owned(),
            count,
            last_at: now,
        })
    };
    counted.into_iter().filter_map(tally).collect()
}
