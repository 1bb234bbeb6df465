//! Tallies: how often something happened with documents.

use async_trait::async_trait;
use midflight_core::DocumentName;

use crate::{Page, StoreError, Tally, TallyQuery};

/// How often something happened with documents, counted beside the log without a revision for it.
#[async_trait]
pub trait TallyStore: Send + Sync {
    /// Adds counts, once. `source` names the counter, in 1 to 256 bytes without NUL, and numbers its batches upwards:
    /// one whose number is not above that of its last is known already and changes nothing, so a batch with an unknown
    /// result may be sent again. Answers whether it was new.
    ///
    /// All of a batch is counted or none of it. What has the same kind, name and counter adds up, in a batch too, and
    /// the latest `last_at` stays. It need not survive a crash of the machine, which takes the counts and the number of
    /// their batch together. A source without a batch for a day may be forgotten, and its numbers with it, so no batch
    /// is to be sent again that late; a source takes a new name when it starts. Cost: one small write, so count in
    /// memory and send about every second.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a source or a counter that is none, a number above 2⁶³ - 1, and more than
    /// [`Tally::BATCH_MAX`] tallies; nothing is counted then.
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError>;

    /// Tallies of a kind, ordered by name (as bytes) and counter; only of `names` when given. The tallies of a document
    /// that was deleted are there until the log is compacted.
    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError>;
}
