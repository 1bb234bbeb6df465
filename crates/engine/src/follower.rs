//! The follower: decides when to look at the log. A hint, a period or a start wakes it, and none of them brings
//! anything with it: what is new is read from the log.

use std::sync::Arc;
use std::time::Duration;

use midflight_bus::{Bus, Coalesce, Hint, HintEvent, LatestSlot};
use midflight_core::{Appended, LogHead, RevisionNumber, Trigger};
use midflight_store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long to wait before asking a bus again that did not answer.
const RESUBSCRIBE: Duration = Duration::from_secs(1);

/// Whether the log is polled, and how often.
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

/// Why the coordinator is to look at the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wake {
    pub(crate) trigger: Trigger,
    /// The newest revision that was announced; none when the log has to be asked.
    pub(crate) head: Option<RevisionNumber>,
    /// The log and the digest of that revision, as announced.
    pub(crate) announced: Option<LogHead>,
    /// That revision itself, if it came along.
    pub(crate) change: Option<Arc<Appended>>,
    /// Whether a caller waits until it is served here.
    pub(crate) awaited: bool,
}

impl Wake {
    /// Asks to look at the log.
    pub(crate) fn look(trigger: Trigger) -> Self {
        Self { trigger, head: None, announced: None, change: None, awaited: false }
    }

    fn hint(hint: Hint) -> Self {
        let Hint { head, announced, change, awaited } = hint;
        Self { trigger: Trigger::Notify, head: Some(head), announced, change, awaited }
    }
}

impl Coalesce for Wake {
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

/// Wakes the coordinator. Triggers that come while it is busy are answered by one look.
pub(crate) type WakeSignal = LatestSlot<Wake>;

/// Wakes the coordinator at hints and by the period, until stopped. Counts in `reports` what other replicas report of
/// themselves.
pub(crate) async fn follow(
    bus: Arc<dyn Bus>,
    signal: Arc<WakeSignal>,
    reports: watch::Sender<u64>,
    mut refresh: watch::Receiver<Refresh>,
    stop: CancellationToken,
) {
    let hints = receive(&*bus, &signal, &reports);
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
                () = tick => signal.put(Wake::look(Trigger::Periodic)),
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

/// Wakes the coordinator when the store is measured to be unavailable, or to be back, until stopped: the look that follows
/// fails at once, or finds what came meanwhile.
pub(crate) async fn follow_availability(
    store: Arc<dyn Store>,
    signal: Arc<WakeSignal>,
    stop: CancellationToken,
) {
    let Some(mut changes) = store.availability_changes() else { return };
    loop {
        tokio::select! {
            changed = changes.changed() => match changed {
                Ok(()) => signal.put(Wake::look(Trigger::Periodic)),
                Err(_) => return,
            },
            () = stop.cancelled() => return,
        }
    }
}

async fn receive(bus: &dyn Bus, signal: &WakeSignal, reports: &watch::Sender<u64>) {
    loop {
        match bus.subscribe().await {
            Ok(mut hints) => {
                // What was published before the subscription was not received.
                signal.put(Wake::look(Trigger::Notify));
                while let Some(received) = hints.next().await {
                    match received {
                        HintEvent::Hint(hint) => signal.put(Wake::hint(hint)),
                        HintEvent::Look => signal.put(Wake::look(Trigger::Notify)),
                        HintEvent::Reported => reports.send_modify(|count| *count += 1),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "bus disconnected; subscribing again"),
        }
        tokio::time::sleep(RESUBSCRIBE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_bus::MemoryBus;

    fn hint(number: u64) -> Hint {
        Hint { head: RevisionNumber::new(number), announced: None, change: None, awaited: false }
    }

    #[tokio::test(start_paused = true)]
    async fn hints_and_the_period_wake_and_many_wakes_are_one() {
        let bus = MemoryBus::new();
        let signal = Arc::new(WakeSignal::default());
        let refresh = watch::Sender::new(Refresh { enabled: false, period: Duration::from_secs(30) });
        let stop = CancellationToken::new();
        let (log, of_log) = (Arc::new(bus.clone()), Arc::clone(&signal));
        let reports = watch::Sender::new(0);
        let follower = tokio::spawn(follow(log, of_log, reports, refresh.subscribe(), stop.clone()));
        assert_eq!(signal.next().await.unwrap(), Wake::look(Trigger::Notify), "the start of listening wakes");
        for number in 1..100 {
            bus.publish(hint(number)).await.unwrap();
        }
        assert_eq!(signal.next().await.unwrap(), Wake::hint(hint(99)));
        let quiet = tokio::time::timeout(Duration::from_secs(300), signal.next()).await;
        assert!(quiet.is_err(), "neither a second wake nor a period that is off");
        refresh.send_replace(Refresh { enabled: true, period: Duration::from_secs(30) });
        assert_eq!(signal.next().await.unwrap(), Wake::look(Trigger::Periodic));
        stop.cancel();
        follower.await.unwrap();
    }

    #[tokio::test]
    async fn of_several_wakes_a_look_or_the_newest_hint_is_answered() {
        let signal = WakeSignal::default();
        for wake in [Wake::hint(hint(3)), Wake::hint(hint(5)), Wake::hint(hint(4))] {
            signal.put(wake);
        }
        assert_eq!(signal.next().await.unwrap().head, Some(RevisionNumber::new(5)));
        for wake in [Wake::hint(hint(6)), Wake::look(Trigger::Periodic), Wake::hint(hint(7))] {
            signal.put(wake);
        }
        assert_eq!(signal.next().await.unwrap(), Wake::look(Trigger::Notify));
    }
}
