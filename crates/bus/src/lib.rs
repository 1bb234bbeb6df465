//! Hints: "the log is at 42". A hint may be lost, repeated, late or forged; it only says when to look at the log,
//! never what is in it (HR-4).

mod memory;

use async_trait::async_trait;
use midflight_core::RevisionNumber;

pub use memory::MemoryBus;

/// Why a hint could not be given. The log has the revision all the same; followers find it by their period.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus is out of reach for now.
    #[error("the bus is not available: {0}")]
    Unavailable(String),
}

/// Carries hints from whoever wrote to the log to everybody who follows it.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Says that the log is at `head`.
    ///
    /// # Errors
    /// [`BusError`] when nobody can be told.
    async fn publish(&self, head: RevisionNumber) -> Result<(), BusError>;

    /// Hears the hints from now on.
    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError>;
}

/// The hints one follower hears. Those that come while it is busy are one: the newest.
#[async_trait]
pub trait Hints: Send {
    /// Waits for the next hint; none once the bus is closed. Cancelling the wait loses no hint.
    async fn next(&mut self) -> Option<RevisionNumber>;
}
