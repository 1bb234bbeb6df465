//! The bus within one process: nothing to install, and it cannot fail.

use std::sync::Arc;

use async_trait::async_trait;

use crate::status::Record;
use crate::subscribers::Subscribers;
use crate::{Bus, BusError, BusStatus, Hint, HintEvent, Hints};

/// Carries hints within one process. Cloning it gives another end of the same bus.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), midflight_bus::BusError> {
/// use midflight_bus::{Bus, HintEvent, Hint, MemoryBus};
/// use midflight_core::RevisionNumber;
///
/// let bus = MemoryBus::new();
/// let mut hints = bus.subscribe().await?;
/// let hint = Hint { head: RevisionNumber::new(42), announced: None, change: None, awaited: false };
/// bus.publish(hint.clone()).await?;
/// assert_eq!(hints.next().await, Some(HintEvent::Hint(hint)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryBus {
    shared: Arc<MemoryBusState>,
}

#[derive(Debug)]
struct MemoryBusState {
    subscribers: Subscribers,
    record: Record,
}

impl MemoryBus {
    /// A bus without subscribers.
    #[must_use]
    pub fn new() -> Self {
        let record = Record::new("memory", "this process".to_owned(), true);
        Self { shared: Arc::new(MemoryBusState { subscribers: Subscribers::default(), record }) }
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
        self.shared.subscribers.say(&HintEvent::Hint(hint));
        let mut status = self.shared.record.lock();
        status.published += 1;
        status.heard += 1;
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        Ok(self.shared.subscribers.join())
    }

    fn status(&self) -> BusStatus {
        self.shared.record.lock().clone()
    }
}
