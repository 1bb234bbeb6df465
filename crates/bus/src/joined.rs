//! Hints that come two ways: by the bus of a fleet, and from the log itself.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Bus, BusError, BusStatus, Hint, HintEvent, Hints};

/// A bus that hints go out by, and another that they come in by too. A log in PostgreSQL notifies by itself, also when
/// a row is added by hand; a fleet whose hints use Redis or NATS receives both.
pub struct JoinedBus {
    spoken: Arc<dyn Bus>,
    overheard: Arc<dyn Bus>,
}

impl JoinedBus {
    /// Sends and receives by `spoken`, and receives by `overheard`. The status is that of `spoken`.
    #[must_use]
    pub fn new(spoken: Arc<dyn Bus>, overheard: Arc<dyn Bus>) -> Self {
        Self { spoken, overheard }
    }
}

#[async_trait]
impl Bus for JoinedBus {
    async fn publish(&self, hint: Hint) -> Result<(), BusError> {
        self.spoken.publish(hint).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        let overheard = self.overheard.subscribe().await?;
        Ok(Box::new(JoinedHints { spoken: self.spoken.subscribe().await?, overheard }))
    }

    fn status(&self) -> BusStatus {
        self.spoken.status()
    }

    fn sources(&self) -> Vec<BusStatus> {
        [self.spoken.sources(), self.overheard.sources()].concat()
    }
}

struct JoinedHints {
    spoken: Box<dyn Hints>,
    overheard: Box<dyn Hints>,
}

#[async_trait]
impl Hints for JoinedHints {
    async fn next(&mut self) -> Option<HintEvent> {
        tokio::select! {
            // What a fleet sends carries the change, and so is worth more.
            biased;
            heard = self.spoken.next() => heard,
            heard = self.overheard.next() => heard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryBus;
    use midflight_core::RevisionNumber;

    #[tokio::test]
    async fn both_are_received_and_one_is_sent_to() {
        let (fleet, log) = (MemoryBus::new(), MemoryBus::new());
        let joined = JoinedBus::new(Arc::new(fleet.clone()), Arc::new(log.clone()));
        let mut hints = joined.subscribe().await.unwrap();
        let mut of_log = log.subscribe().await.unwrap();
        assert_eq!(joined.sources().len(), 2, "hints come in by both");
        let hint = |number| Hint {
            head: RevisionNumber::new(number),
            announced: None,
            change: None,
            awaited: false,
        };
        joined.publish(hint(1)).await.unwrap();
        assert_eq!(hints.next().await, Some(HintEvent::Hint(hint(1))));
        log.publish(hint(2)).await.unwrap();
        assert_eq!(hints.next().await, Some(HintEvent::Hint(hint(2))));
        assert_eq!(of_log.next().await, Some(HintEvent::Hint(hint(2))), "the first was not said to the log");
    }
}
