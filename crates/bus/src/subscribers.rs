//! All subscribers of a bus in this process.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use crate::latest_slot::{Coalesce, LatestSlot};
use crate::{Hint, HintEvent, Hints};

/// The subscribers. When it is dropped, they receive what waits for them and then that the bus is closed.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    listeners: Mutex<Vec<Weak<LatestSlot<PendingHint>>>>,
}

impl Subscribers {
    /// Notifies all of them.
    pub(crate) fn say(&self, heard: &HintEvent) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let there = listener.upgrade();
            if let Some(slot) = &there {
                slot.put(PendingHint::from(heard.clone()));
            }
            there.is_some()
        });
    }

    pub(crate) fn join(&self) -> Box<dyn Hints> {
        let slot = Arc::new(LatestSlot::default());
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&slot));
        Box::new(HintSubscriber { slot, rest: PendingHint::default() })
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().filter_map(Weak::upgrade).for_each(|slot| slot.close());
    }
}

/// What waits for one listener. A look does not absorb the hint: a caller may wait for the answer to it.
#[derive(Debug, Default)]
struct PendingHint {
    look: bool,
    hint: Option<Hint>,
    reported: bool,
}

impl PendingHint {
    /// Takes what comes first.
    fn take(&mut self) -> Option<HintEvent> {
        if std::mem::take(&mut self.look) {
            return Some(HintEvent::Look);
        }
        let hint = self.hint.take().map(HintEvent::Hint);
        hint.or_else(|| std::mem::take(&mut self.reported).then_some(HintEvent::Reported))
    }
}

impl From<HintEvent> for PendingHint {
    fn from(heard: HintEvent) -> Self {
        match heard {
            HintEvent::Look => Self { look: true, ..Self::default() },
            HintEvent::Hint(hint) => Self { hint: Some(hint), ..Self::default() },
            HintEvent::Reported => Self { reported: true, ..Self::default() },
        }
    }
}

impl Coalesce for PendingHint {
    fn and(self, later: Self) -> Self {
        let hint = match (self.hint, later.hint) {
            (Some(earlier), Some(later)) => Some(earlier.and(later)),
            (earlier, later) => earlier.or(later),
        };
        Self { look: self.look || later.look, hint, reported: self.reported || later.reported }
    }
}

struct HintSubscriber {
    slot: Arc<LatestSlot<PendingHint>>,
    /// What waited, merged with what was received last.
    rest: PendingHint,
}

#[async_trait]
impl Hints for HintSubscriber {
    async fn next(&mut self) -> Option<HintEvent> {
        loop {
            if let Some(heard) = self.rest.take() {
                return Some(heard);
            }
            self.rest = self.slot.next().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::RevisionNumber;

    #[tokio::test]
    async fn a_look_comes_first_and_loses_no_waiter() {
        let subscribers = Subscribers::default();
        let mut hints = subscribers.join();
        let hint =
            |head, awaited| Hint { head: RevisionNumber::new(head), announced: None, change: None, awaited };
        let [three, four] =
            [(3, true), (4, false)].map(|(head, awaited)| HintEvent::Hint(hint(head, awaited)));
        for heard in [HintEvent::Reported, three, HintEvent::Look, four, HintEvent::Look, HintEvent::Reported]
        {
            subscribers.say(&heard);
        }
        drop(subscribers);
        assert_eq!(hints.next().await, Some(HintEvent::Look));
        assert_eq!(hints.next().await, Some(HintEvent::Hint(hint(4, true))));
        assert_eq!(hints.next().await, Some(HintEvent::Reported));
        assert_eq!(hints.next().await, None);
    }
}
