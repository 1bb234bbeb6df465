//! The single task of a bus over a network: connects, without limit; receives and sends while connected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::codec::encode;
use super::message_filter::{MessageFilter, ReceivedMessage};
use super::outbound::Outbound;
use super::timing::{ReconnectBackoff, Timing};
use super::transport::{Incoming, Outgoing, Transport};
use super::{NetworkBusState, Seal};
use crate::HintEvent;
use crate::latest_slot::Coalesce as _;

/// Runs until it is aborted. `transport` may become another one meanwhile; then it is connected to that.
pub(crate) async fn run<T: Transport>(
    mut transport: watch::Receiver<Arc<T>>,
    shared: Arc<NetworkBusState>,
    seal: Seal,
    timing: Timing,
) {
    let mut driver = Driver { shared: &shared, seal, timing, was_connected: false, unsent: None };
    let mut backoff = ReconnectBackoff::new(timing);
    loop {
        let server = Arc::clone(&transport.borrow_and_update());
        tokio::select! {
            () = one_connection(&*server, &mut driver, &mut backoff, timing) => {}
            () = moved(&mut transport) => {
                driver.disconnected("bus moved to another server".to_owned());
                backoff = ReconnectBackoff::new(timing);
            }
        }
    }
}

/// Waits until there is another transport.
async fn moved<T>(transport: &mut watch::Receiver<Arc<T>>) {
    // The sender lives as long as the bus, which aborts this task when it goes.
    if transport.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Connects, talks until that fails, and waits before the next time.
async fn one_connection<T: Transport>(
    transport: &T,
    driver: &mut Driver<'_>,
    backoff: &mut ReconnectBackoff,
    timing: Timing,
) {
    let connected = within(timing.connect(), "to connect", transport.connect()).await;
    let mut held = Duration::ZERO;
    let why = match connected {
        Ok((incoming, outgoing)) => {
            let since = Instant::now();
            driver.connected();
            let why = driver.talk(incoming, outgoing).await;
            held = since.elapsed();
            why
        }
        Err(why) => why,
    };
    driver.disconnected(why);
    sleep(backoff.next(held)).await;
}

struct Driver<'a> {
    shared: &'a NetworkBusState,
    seal: Seal,
    timing: Timing,
    was_connected: bool,
    /// What the server has not taken yet. It outlives the connection.
    unsent: Option<Outbound>,
}

impl Driver<'_> {
    fn connected(&mut self) {
        let mut status = self.shared.record.lock();
        tracing::info!(bus = status.name, address = status.address, "bus connected");
        status.connected = true;
        status.reconnects += u64::from(self.was_connected);
        status.since = std::time::Instant::now();
        drop(status);
        self.was_connected = true;
        // What was published before the subscription was not received.
        self.shared.subscribers.say(&HintEvent::Look);
        self.shared.orders.send_modify(|orders| *orders += 1);
    }

    fn disconnected(&self, why: String) {
        let mut status = self.shared.record.lock();
        let name = status.name;
        // Logged once: a server that is unavailable for a day fills no log.
        if status.last_error.as_ref() != Some(&why) || status.connected {
            tracing::warn!(bus = name, error = why, "bus disconnected; falling back to polling");
        }
        if status.connected {
            status.connected = false;
            status.since = std::time::Instant::now();
        }
        status.last_error = Some(why);
    }

    /// Receives and sends until either fails. Answers why.
    async fn talk(&mut self, incoming: impl Incoming, outgoing: impl Outgoing) -> String {
        let filter = MessageFilter::new(self.seal.clone());
        let (shared, timing) = (self.shared, self.timing);
        tokio::select! {
            why = listen(shared, timing, filter, incoming) => why,
            why = self.speak(outgoing) => why,
        }
    }

    async fn speak(&mut self, mut outgoing: impl Outgoing) -> String {
        loop {
            if self.unsent.is_none() {
                tokio::select! {
                    outbound = self.shared.outbox.next() => self.unsent = outbound,
                    () = sleep(self.timing.silence()) => {
                        if let Err(why) = within(self.timing.answer(), "to answer", outgoing.ping()).await {
                            return why;
                        }
                    }
                }
            }
            // What was published while the last one was on its way, or while there was no connection.
            let newer = self.shared.outbox.take();
            let outbound = match (self.unsent.take(), newer) {
                (Some(unsent), Some(newer)) => unsent.and(newer),
                (unsent, newer) => match unsent.or(newer) {
                    Some(outbound) => outbound,
                    None => continue,
                },
            };
            let message = encode(&outbound.hint, &self.seal, outgoing.bytes_max());
            let outbound = self.unsent.insert(outbound);
            let sent = outgoing.send(message, &outbound.edited);
            if let Err(why) = within(self.timing.answer(), "to take a hint", sent).await {
                return why;
            }
            self.unsent = None;
            self.shared.record.lock().published += 1;
        }
    }
}

async fn listen(
    shared: &NetworkBusState,
    timing: Timing,
    mut filter: MessageFilter,
    mut incoming: impl Incoming,
) -> String {
    loop {
        let due = filter.due();
        let ripe = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = incoming.next() => {
                let received = match received {
                    Ok(received) => received,
                    Err(why) => return why,
                };
                let verdict = filter.receive(&received, Instant::now());
                if received != ReceivedMessage::Report {
                    let mut status = shared.record.lock();
                    status.heard += u64::from(verdict.is_hint);
                    status.ignored += u64::from(!verdict.is_hint);
                }
                if let Some(heard) = verdict.heard {
                    shared.subscribers.say(&heard);
                }
                if verdict.is_order {
                    shared.orders.send_modify(|orders| *orders += 1);
                }
            }
            () = ripe => {
                if let Some(heard) = filter.ripe(Instant::now()) {
                    shared.subscribers.say(&heard);
                }
            }
            () = sleep(timing.silence()) => {
                if let Err(why) = within(timing.answer(), "to answer", incoming.ping()).await {
                    return why;
                }
            }
        }
    }
}

/// Its result, unless it takes too long.
async fn within<T>(
    time: Duration,
    what: &str,
    doing: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let late = |_| format!("the server took more than {} ms {what}", time.as_millis());
    timeout(time, doing).await.map_err(late)?
}
