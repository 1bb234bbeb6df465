//! The follower: says when to look at the log. A hint, a period or a start wakes it, and none of them brings anything
//! with it: what is new is read from the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use midflight_bus::{Bus, Heard, Hint};
use midflight_core::{Appended, LogHead, RevisionNumber, Trigger};
use midflight_store::Store;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How long to wait before asking a bus again that did not answer.
const RESUBSCRIBE: Duration = Duration::from_secs(1);

/// Whether the log is looked at from time to time without being told, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// Whether it is.
    pub enabled: bool,
    /// How often.
    pub period: Duration,
}

impl Default for Refresh {
    /// Every 30 seconds: a hint that was lost delays a replica no longer than that.
    fn default() -> Self {
        Self { enabled: true, period: Duration::from_secs(30) }
    }
}

/// Why the bell was rung.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ring {
    pub(crate) trigger: Trigger,
    /// The newest revision that is said to be there; none when the log is to be asked.
    pub(crate) head: Option<RevisionNumber>,
    /// The log and the digest of that revision, as they were said.
    pub(crate) said: Option<LogHead>,
    /// That revision itself, if it came along.
    pub(crate) change: Option<Arc<Appended>>,
    /// Whether somebody waits to hear that it is served here.
    pub(crate) awaited: bool,
}

impl Ring {
    /// Asks to look at the log.
    pub(crate) fn look(trigger: Trigger) -> Self {
        Self { trigger, head: None, said: None, change: None, awaited: false }
    }

    fn hint(hint: Hint) -> Self {
        let Hint { head, said, change, awaited } = hint;
        Self { trigger: Trigger::Notify, head: Some(head), said, change, awaited }
    }

    /// What both ask for: a look if either does, else the newer of two hints.
    fn and(self, later: Self) -> Self {
        let awaited = self.awaited || later.awaited;
        let both = match (self.head, later.head) {
            (None, _) => Self { trigger: later.trigger, ..self },
            (Some(head), Some(newer)) if newer < head => self,
            _ => later,
        };
        Self { awaited, ..both }
    }
}

/// A bell that is rung many times and answered once: triggers that come while it is not answered are one.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<Option<Ring>>,
    notify: Notify,
}

impl Bell {
    pub(crate) fn ring(&self, ring: Ring) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        *rung = Some(match rung.take() {
            Some(earlier) => earlier.and(ring),
            None => ring,
        });
        drop(rung);
        self.notify.notify_one();
    }

    /// Waits until it was rung. Cancelling the wait loses nothing.
    pub(crate) async fn rung(&self) -> Ring {
        loop {
            if let Some(ring) = self.rung.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return ring;
            }
            self.notify.notified().await;
        }
    }
}

/// Rings the bell at hints and by the period, until stopped. Counts in `reports` what other replicas report of themselves.
pub(crate) async fn follow(
    bus: Arc<dyn Bus>,
    bell: Arc<Bell>,
    reports: watch::Sender<u64>,
    mut refresh: watch::Receiver<Refresh>,
    stop: CancellationToken,
) {
    let hints = hear(&*bus, &bell, &reports);
    let period = async {
        loop {
            let now = *refresh.borrow_and_update();
            let tick = async {
                match now.enabled {
                    true => tokio::time::sleep(now.period).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tick => bell.ring(Ring::look(Trigger::Periodic)),
                changed = refresh.changed() => if changed.is_err() { std::future::pending().await },
            }
        }
    };
    tokio::select! {
        () = hints => {}
        () = period => {}
        () = stop.cancelled() => {}
    }
}

/// Rings the bell when the store is measured to be unavailable, or to be back, until stopped: the look that follows fails at
/// once, or finds what came meanwhile.
pub(crate) async fn follow_availability(store: Arc<dyn Store>, bell: Arc<Bell>, stop: CancellationToken) {
    let Some(mut changes) = store.availability_changes() else { return };
    loop {
        tokio::select! {
            changed = changes.changed() => match changed {
                Ok(()) => bell.ring(Ring::look(Trigger::Periodic)),
                Err(_) => return,
            },
            () = stop.cancelled() => return,
        }
    }
}

async fn hear(bus: &dyn Bus, bell: &Bell, reports: &watch::Sender<u64>) {
    loop {
        match bus.subscribe().await {
            Ok(mut hints) => {
                // Whatever was published before we listened was not heard.
                bell.ring(Ring::look(Trigger::Notify));
                while let Some(heard) = hints.next().await {
                    match heard {
                        Heard::Hint(hint) => bell.ring(Ring::hint(hint)),
                        Heard::Look => bell.ring(Ring::look(Trigger::Notify)),
                        Heard::Reported => reports.send_modify(|count| *count += 1),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "no hints by this bus; subscribing again"),
        }
        tokio::time::sleep(RESUBSCRIBE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_bus::MemoryBus;

    fn hint(number: u64) -> Hint {
        Hint { head: RevisionNumber::new(number), said: None, change: None, awaited: false }
    }

    #[tokio::test(start_paused = true)]
    async fn hints_and_the_period_ring_and_many_rings_are_one() {
        let bus = MemoryBus::new();
        let bell = Arc::new(Bell::default());
        let refresh = watch::Sender::new(Refresh { enabled: false, period: Duration::from_secs(30) });
        let stop = CancellationToken::new();
        let (log, of_log) = (Arc::new(bus.clone()), Arc::clone(&bell));
        let reports = watch::Sender::new(0);
        let follower = tokio::spawn(follow(log, of_log, reports, refresh.subscribe(), stop.clone()));
        assert_eq!(bell.rung().await, Ring::look(Trigger::Notify), "the start of listening rings");
        for number in 1..100 {
            bus.publish(hint(number)).await.unwrap();
        }
        assert_eq!(bell.rung().await, Ring::hint(hint(99)));
        let quiet = tokio::time::timeout(Duration::from_secs(300), bell.rung()).await;
        assert!(quiet.is_err(), "neither a second ring nor a period that is off");
        refresh.send_replace(Refresh { enabled: true, period: Duration::from_secs(30) });
        assert_eq!(bell.rung().await, Ring::look(Trigger::Periodic));
        stop.cancel();
        follower.await.unwrap();
    }

    #[tokio::test]
    async fn of_several_rings_a_look_or_the_newest_hint_is_answered() {
        let bell = Bell::default();
        for ring in [Ring::hint(hint(3)), Ring::hint(hint(5)), Ring::hint(hint(4))] {
            bell.ring(ring);
        }
        assert_eq!(bell.rung().await.head, Some(RevisionNumber::new(5)));
        for ring in [Ring::hint(hint(6)), Ring::look(Trigger::Periodic), Ring::hint(hint(7))] {
            bell.ring(ring);
        }
        assert_eq!(bell.rung().await, Ring::look(Trigger::Notify));
    }
}
