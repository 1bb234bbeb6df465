//! The trait of every bus.

use async_trait::async_trait;

use crate::{BusStatus, Hint, HintEvent};

/// Why a hint could not be given, or a bus not be made. The log has the revision all the same; followers find it by
/// their period.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus is out of reach for now.
    #[error("bus unavailable: {0}")]
    Unavailable(String),
    /// What the bus was to be made of cannot be. Trying again does not help.
    #[error("cannot set up the bus: {0}")]
    Options(String),
}

/// Carries hints from the writer of the log to all followers, the writer's own process included.
///
/// A bus whose server is unavailable still accepts hints: only the newest waits, and [`Bus::status`] reports it.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Announces that the log moved. Does not wait for the network: the caller of an edit waits for this. Of hints that
    /// are not out yet the newest counts.
    ///
    /// # Errors
    /// [`BusError`] when no follower can be reached.
    async fn publish(&self, hint: Hint) -> Result<(), BusError>;

    /// Receives the hints from now on. Earlier hints are not received: look at the log once this has returned.
    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError>;

    /// How the bus does. Cost: a short lock and a copy of two texts.
    fn status(&self) -> BusStatus;

    /// How each source does that hints come in by; the first is the one that they go out by. Cost: as [`Self::status`],
    /// for each.
    fn sources(&self) -> Vec<BusStatus> {
        vec![self.status()]
    }
}

/// The hints that one follower receives. Those that arrive while it is busy are merged: the newest, after a
/// [`HintEvent::Look`] if there was any.
#[async_trait]
pub trait Hints: Send {
    /// Waits for the next hint; none once the bus is closed. Cancelling the wait loses no hint.
    async fn next(&mut self) -> Option<HintEvent>;
}
