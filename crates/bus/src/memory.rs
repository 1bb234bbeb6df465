//! The bus within one process: nothing to install, and it cannot fail.

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use tokio::sync::watch;

use crate::{Bus, BusError, Hints};

/// Carries hints within one process. Cloning it gives another end of the same bus.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    newest: watch::Sender<RevisionNumber>,
}

impl MemoryBus {
    /// A bus that nobody hears yet.
    #[must_use]
    pub fn new() -> Self {
        Self { newest: watch::Sender::new(RevisionNumber::ZERO) }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, head: RevisionNumber) -> Result<(), BusError> {
        self.newest.send_replace(head);
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        Ok(Box::new(MemoryHints { newest: self.newest.subscribe() }))
    }
}

struct MemoryHints {
    newest: watch::Receiver<RevisionNumber>,
}

#[async_trait]
impl Hints for MemoryHints {
    async fn next(&mut self) -> Option<RevisionNumber> {
        self.newest.changed().await.ok()?;
        Some(*self.newest.borrow_and_update())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_is_heard_as_its_newest() {
        let bus = MemoryBus::new();
        let mut hints = bus.subscribe().await.unwrap();
        for number in 1..=1000 {
            bus.publish(RevisionNumber::new(number)).await.unwrap();
        }
        assert_eq!(hints.next().await, Some(RevisionNumber::new(1000)));
        drop(bus);
        assert_eq!(hints.next().await, None);
    }
}
