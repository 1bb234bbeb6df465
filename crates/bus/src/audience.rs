//! Everybody who hears a bus in this process.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use crate::slot::{Coalesce, Slot};
use crate::{Heard, Hint, Hints};

/// Those who hear. When it goes, they hear what waits for them and then that the bus is closed.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    listeners: Mutex<Vec<Weak<Slot<Waiting>>>>,
}

impl Audience {
    /// Tells everybody.
    pub(crate) fn say(&self, heard: &Heard) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let there = listener.upgrade();
            if let Some(slot) = &there {
                slot.put(Waiting::from(heard.clone()));
            }
            there.is_some()
        });
    }

    pub(crate) fn join(&self) -> Box<dyn Hints> {
        let slot = Arc::new(Slot::new());
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&slot));
        Box::new(Listener { slot, rest: Waiting::default() })
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().filter_map(Weak::upgrade).for_each(|slot| slot.close());
    }
}

/// What waits for one listener. A look does not absorb the hint: somebody may wait for that to be answered.
#[derive(Debug, Default)]
struct Waiting {
    look: bool,
    hint: Option<Hint>,
    reported: bool,
}

impl Waiting {
    /// Takes what comes first.
    fn take(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.look) {
            return Some(Heard::Look);
        }
        let hint = self.hint.take().map(Heard::Hint);
        hint.or_else(|| std::mem::take(&mut self.reported).then_some(Heard::Reported))
    }
}

impl From<Heard> for Waiting {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Look => Self { look: true, ..Self::default() },
            Heard::Hint(hint) => Self { hint: Some(hint), ..Self::default() },
            Heard::Reported => Self { reported: true, ..Self::default() },
        }
    }
}

impl Coalesce for Waiting {
    fn and(self, later: Self) -> Self {
        let hint = match (self.hint, later.hint) {
            (Some(earlier), Some(later)) => Some(earlier.and(later)),
            (earlier, later) => earlier.or(later),
        };
        Self { look: self.look || later.look, hint, reported: self.reported || later.reported }
    }
}

struct Listener {
    slot: Arc<Slot<Waiting>>,
    /// What waited along with what was heard last.
    rest: Waiting,
}

#[async_trait]
impl Hints for Listener {
    async fn next(&mut self) -> Option<Heard> {
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
    async fn a_look_comes_first_and_loses_nobody_who_waits() {
        let audience = Audience::default();
        let mut hints = audience.join();
        let hint =
            |head, awaited| Hint { head: RevisionNumber::new(head), said: None, change: None, awaited };
        let [three, four] = [(3, true), (4, false)].map(|(head, awaited)| Heard::Hint(hint(head, awaited)));
        for heard in [Heard::Reported, three, Heard::Look, four, Heard::Look, Heard::Reported] {
            audience.say(&heard);
        }
        drop(audience);
        assert_eq!(hints.next().await, Some(Heard::Look));
        assert_eq!(hints.next().await, Some(Heard::Hint(hint(4, true))));
        assert_eq!(hints.next().await, Some(Heard::Reported));
        assert_eq!(hints.next().await, None);
    }
}
