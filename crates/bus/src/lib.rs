//! Hints: "the log is at 42". A hint may be lost, repeated, late or forged; it says when to look at the log, and may
//! spare a follower the look, but it never misleads one (HR-4).

mod memory;

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::{Appended, RevisionNumber};

pub use memory::MemoryBus;

/// Why a hint could not be given. The log has the revision all the same; followers find it by their period.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus is out of reach for now.
    #[error("the bus is not available: {0}")]
    Unavailable(String),
}

/// What is said when the log moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// The newest revision then.
    pub head: RevisionNumber,
    /// That revision itself, so that a follower exactly one behind need not ask the log. A bus leaves it out when it is
    /// too large to carry.
    pub change: Option<Arc<Appended>>,
    /// Whether somebody waits to hear that every replica serves it.
    pub awaited: bool,
}

/// What a follower hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A hint, said by somebody who has the log's key, or one that carries nothing.
    Hint(Hint),
    /// Something was or may have been missed: look at the log.
    Look,
}

/// Carries hints from whoever wrote to the log to everybody who follows it.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Says that the log moved. Does not wait for the network: whoever edits waits for this. Of hints that are not out
    /// yet the newest counts.
    ///
    /// # Errors
    /// [`BusError`] when nobody can be told.
    async fn publish(&self, hint: Hint) -> Result<(), BusError>;

    /// Hears the hints from now on.
    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError>;
}

/// The hints one follower hears. Those that come while it is busy may be one: the newest.
#[async_trait]
pub trait Hints: Send {
    /// Waits for what is heard next; none once the bus is closed. Cancelling the wait loses no hint.
    async fn next(&mut self) -> Option<Heard>;
}
