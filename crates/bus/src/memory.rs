//! The bus within one process: nothing to install, and it cannot fail.

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Bus, BusError, Heard, Hint, Hints};

/// Carries hints within one process. Cloning it gives another end of the same bus.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    newest: watch::Sender<Option<Hint>>,
}

impl MemoryBus {
    /// A bus that nobody hears yet.
    #[must_use]
    pub fn new() -> Self {
        Self { newest: watch::Sender::new(None) }
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, hint: Hint) -> Result<(), BusError> {
        self.newest.send_replace(Some(hint));
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        Ok(Box::new(MemoryHints { newest: self.newest.subscribe() }))
    }
}

struct MemoryHints {
    newest: watch::Receiver<Option<Hint>>,
}

#[async_trait]
impl Hints for MemoryHints {
    async fn next(&mut self) -> Option<Heard> {
        self.newest.changed().await.ok()?;
        let newest = self.newest.borrow_and_update().clone();
        Some(newest.map_or(Heard::Look, Heard::Hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::RevisionNumber;

    #[tokio::test]
    async fn a_burst_is_heard_as_its_newest() {
        let bus = MemoryBus::new();
        let mut hints = bus.subscribe().await.unwrap();
        let hint = |number| Hint { head: RevisionNumber::new(number), change: None, awaited: false };
        for number in 1..=1000 {
            bus.publish(hint(number)).await.unwrap();
        }
        assert_eq!(hints.next().await, Some(Heard::Hint(hint(1000))));
        drop(bus);
        assert_eq!(hints.next().await, None);
    }
}
