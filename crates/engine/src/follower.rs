//! The follower: says when to look at the log. A hint, a period or a start wakes it, and none of them brings anything
//! with it: what is new is read from the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use midflight_bus::Bus;
use midflight_core::Trigger;
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

/// A bell that is rung many times and answered once: triggers that come while it is not answered are one.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<Option<Trigger>>,
    notify: Notify,
}

impl Bell {
    /// Rings; the newest reason is the one that is told.
    pub(crate) fn ring(&self, trigger: Trigger) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = Some(trigger);
        self.notify.notify_one();
    }

    /// Waits until it was rung. Cancelling the wait loses nothing.
    pub(crate) async fn rung(&self) -> Trigger {
        loop {
            if let Some(trigger) = self.rung.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return trigger;
            }
            self.notify.notified().await;
        }
    }
}

/// Rings the bell at hints and by the period, until stopped.
pub(crate) async fn follow(
    bus: Arc<dyn Bus>,
    bell: Arc<Bell>,
    mut refresh: watch::Receiver<Refresh>,
    stop: CancellationToken,
) {
    let hints = hear(&*bus, &bell);
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
                () = tick => bell.ring(Trigger::Periodic),
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

async fn hear(bus: &dyn Bus, bell: &Bell) {
    loop {
        match bus.subscribe().await {
            Ok(mut hints) => {
                // Whatever was published before we listened was not heard.
                bell.ring(Trigger::Notify);
                while hints.next().await.is_some() {
                    bell.ring(Trigger::Notify);
                }
            }
            Err(error) => tracing::warn!(%error, "no hints for now; the log is looked at by the period"),
        }
        tokio::time::sleep(RESUBSCRIBE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_bus::MemoryBus;
    use midflight_core::RevisionNumber;

    #[tokio::test(start_paused = true)]
    async fn hints_and_the_period_ring_and_many_rings_are_one() {
        let bus = MemoryBus::new();
        let bell = Arc::new(Bell::default());
        let refresh = watch::Sender::new(Refresh { enabled: false, period: Duration::from_secs(30) });
        let stop = CancellationToken::new();
        let follower =
            tokio::spawn(follow(Arc::new(bus.clone()), Arc::clone(&bell), refresh.subscribe(), stop.clone()));
        assert_eq!(bell.rung().await, Trigger::Notify, "the start of listening rings");
        for number in 1..100 {
            bus.publish(RevisionNumber::new(number)).await.unwrap();
        }
        assert_eq!(bell.rung().await, Trigger::Notify);
        let quiet = tokio::time::timeout(Duration::from_secs(300), bell.rung()).await;
        assert!(quiet.is_err(), "neither a second ring nor a period that is off");
        refresh.send_replace(Refresh { enabled: true, period: Duration::from_secs(30) });
        assert_eq!(bell.rung().await, Trigger::Periodic);
        stop.cancel();
        follower.await.unwrap();
    }
}
