//! Observations counted in memory, and written to the tallies of the store in batches, each once however often it must
//! be tried.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use midflight_core::{Digest, DocumentName};
use midflight_engine::Kind as _;
use midflight_store::{Store, StoreError, Tally};
use midflight_tools::Tools;
use midflight_tools::telemetry::{Observation, PatternTelemetry};

/// How many tallies one batch has at most.
const BATCH_MAX: usize = 5_000;

/// The name under which a pattern is counted: names of capabilities and patterns may have characters that no name of a
/// document has, so a digest replaces both.
pub(super) fn counted_as(tool: &str, capability: &str, pattern: &str) -> Option<DocumentName> {
    let digest = Digest::of_bytes(format!("{capability}\0{pattern}").as_bytes()).to_string();
    DocumentName::new(&format!("{tool}/{}", digest.get(..24)?)).ok()
}

/// What was counted and is not written.
pub(super) struct ObservationCounter {
    /// Names this start of this replica among all that count.
    source: String,
    counted: Mutex<BTreeMap<DocumentName, PatternTelemetry>>,
    writing: tokio::sync::Mutex<Writing>,
}

#[derive(Default)]
struct Writing {
    /// The number of the last batch.
    batch: u64,
    /// What is to be written, the last first; it has the number of the last batch, which may have been received.
    waiting: Vec<Vec<Tally>>,
}

impl ObservationCounter {
    pub(super) fn new(source: String) -> Self {
        Self { source, counted: Mutex::default(), writing: tokio::sync::Mutex::default() }
    }

    /// Counts observations in memory. Cost: a lock, and a look into a map for each.
    pub(super) fn count(&self, observed: &[(DocumentName, Observation)]) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, observation) in observed {
            counted.entry(name.clone()).or_default().add(observation);
        }
    }

    /// Counts observations in the store, once under this key. Answers whether the key is new; one is known for a day.
    ///
    /// # Errors
    /// [`StoreError`]: whether they were counted is not known then.
    pub(super) async fn count_once(
        store: &dyn Store,
        key: Digest,
        observed: &[(DocumentName, Observation)],
    ) -> Result<bool, StoreError> {
        let mut counted = BTreeMap::<DocumentName, PatternTelemetry>::new();
        for (name, observation) in observed {
            counted.entry(name.clone()).or_default().add(observation);
        }
        store.add_tallies(&format!("key:{key}"), 1, &tallies(&counted)).await
    }

    /// Writes all that was counted. Answers whether all of it is written; what is not is kept for the next time.
    pub(super) async fn flush(&self, store: &dyn Store) -> bool {
        let mut writing = self.writing.lock().await;
        // What could not be written yet goes first, as it is: under its number it may be there already.
        if !self.write(store, &mut writing).await {
            return false;
        }
        let counted = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return true;
        }
        writing.waiting = tallies(&counted).chunks(BATCH_MAX).map(<[Tally]>::to_vec).rev().collect();
        writing.batch += 1;
        self.write(store, &mut writing).await
    }

    async fn write(&self, store: &dyn Store, writing: &mut Writing) -> bool {
        while let Some(batch) = writing.waiting.last() {
            if let Err(error) = store.add_tallies(&self.source, writing.batch, batch).await {
                tracing::warn!(%error, "cannot write observations of tools; they are kept and written later");
                return false;
            }
            writing.waiting.pop();
            if !writing.waiting.is_empty() {
                writing.batch += 1;
            }
        }
        true
    }
}

fn tallies(counted: &BTreeMap<DocumentName, PatternTelemetry>) -> Vec<Tally> {
    let (kind, now) = (Tools.name(), Timestamp::now());
    let of_pattern = |(name, telemetry): (&DocumentName, &PatternTelemetry)| {
        let (kind, name) = (kind.clone(), name.clone());
        let tally = move |(counter, count)| Tally {
            kind: kind.clone(),
            name: name.clone(),
            counter,
            count,
            last_at: now,
        };
        telemetry.counters().into_iter().map(tally)
    };
    counted.iter().flat_map(of_pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_store::{MemoryStore, TallyQuery};

    #[tokio::test]
    async fn what_is_counted_is_written_once_and_keys_count_once() {
        let store = MemoryStore::new();
        let counting = ObservationCounter::new("one@1".to_owned());
        let name = counted_as("grep", "text search", "one/file").unwrap();
        let slow = Observation {
            time_ms: 300.0,
            estimated_time_ms: 200.0,
            cost: None,
            estimated_cost: 1.0,
            is_success: true,
        };
        let observed = [(name.clone(), slow), (name.clone(), slow)];
        counting.count(&observed);
        assert!(counting.flush(&store).await && counting.flush(&store).await);
        let key = Digest::of_bytes(b"key");
        assert!(ObservationCounter::count_once(&store, key, &observed).await.unwrap());
        assert!(!ObservationCounter::count_once(&store, key, &observed).await.unwrap());
        let query = TallyQuery { kind: Tools.name(), names: Some(vec![name]), after: None, limit: 500 };
        let page = midflight_store::TallyStore::tallies(&store, query).await.unwrap();
        let uses = page.items.iter().find(|tally| tally.counter == "uses").unwrap();
        assert_eq!(uses.count, 4);
    }
}
