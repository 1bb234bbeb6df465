//! The trait of every bus.

use async_trait::async_trait;

use crate::{BusStatus, Heard, Hint};

/// Why a hint could not be given, or a bus not be made. The log has the revision all the same; followers find it by
/// their period.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus is out of reach for now.
    #[error("the bus is not available: {0}")]
    Unavailable(String),
    /// What the bus was to be made of cannot be. Trying again does not help.
    #[error("the bus cannot be made: {0}")]
    Options(String),
}

/// Carries hints from whoever wrote to the log to everybody who follows it, the writer's own process too.
///
/// A bus whose server is away is a bus all the same: hints wait, the newest alone, and [`Bus::status`] says so.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Says that the log moved. Does not wait for the network: whoever edits waits for this. Of hints that are not out
    /// yet the newest counts.
    ///
    /// # Errors
    /// [`BusError`] when nobody can be told.
    async fn publish(&self, hint: Hint) -> Result<(), BusError>;

    /// Hears the hints from now on. What was said before is not heard: look at the log once this has returned.
    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError>;

    /// How the bus does. Cost: a short lock and a copy of two texts.
    fn status(&self) -> BusStatus;

    /// How each source does that hints come in by; the first is the one that they go out by. Cost: as [`Self::status`], for
    /// each.
    fn sources(&self) -> Vec<BusStatus> {
        vec![self.status()]
    }
}

/// The hints one follower hears. Those that come while it is busy are one: the newest, after a [`Heard::Look`] if there
/// was any.
#[async_trait]
pub trait Hints: Send {
    /// Waits for what is heard next; none once the bus is closed. Cancelling the wait loses no hint.
    async fn next(&mut self) -> Option<Heard>;
}
