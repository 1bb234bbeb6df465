//! Leading: of all who follow one log, one does what only one need do.

use async_trait::async_trait;

/// That this process leads those who follow the log, as long as it has this. Dropping it lets another lead.
///
/// Leading spares work and is no lock: a process that was paused may think that it leads while another does already.
/// What may happen only once is therefore made conditional on the log itself, by a precondition of the edit.
#[async_trait]
pub trait Lead: Send + Sync {
    /// Whether it still leads, as far as can be known now; once it does not, it never does again. A shared log expects
    /// to be asked every second: a replica that has not asked for some seconds counts as stopped. Cost: one small read.
    async fn holds(&mut self) -> bool;
}

/// The lead over a log that one process has for itself.
pub(crate) struct Alone;

#[async_trait]
impl Lead for Alone {
    async fn holds(&mut self) -> bool {
        true
    }
}
