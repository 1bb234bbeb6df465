//! Buses over a network: one driver, and a transport for each server that a fleet may have already.

mod codec;
mod driver;
pub(crate) mod message_filter;
#[cfg(feature = "nats")]
pub(crate) mod nats;
mod outbound;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod seal;
mod timing;
#[cfg(any(feature = "redis", feature = "nats"))]
mod tls;
#[cfg(any(feature = "redis", feature = "nats"))]
mod tls_files;
mod transport;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::latest_slot::LatestSlot;
use crate::status::Record;
use crate::subscribers::Subscribers;
use crate::{Bus, BusError, BusStatus, Hint, Hints};
use outbound::Outbound;
use transport::Transport;

pub use seal::Seal;
pub use timing::Timing;

/// A bus over a server that may come and go. Cloning it gives another handle of the same end; when the last one is
/// dropped, its task ends at once, whatever the server does, and its subscribers receive that it is closed.
///
/// Publishing never waits and never fails: a hint waits for the server, the newest alone. A change goes along when it
/// fits into a message of that server, and when the [`Seal`] knows the key.
pub struct NetworkBus<T> {
    end: Arc<Connected>,
    transport: watch::Sender<Arc<T>>,
    timing: Timing,
}

/// What a bus and its task share.
#[derive(Debug)]
pub(crate) struct NetworkBusState {
    subscribers: Subscribers,
    outbox: LatestSlot<Outbound>,
    /// Counts the orders to reload of the programs that Midflight replaces, and what may have been one.
    orders: watch::Sender<u64>,
    record: Record,
}

struct Connected {
    shared: Arc<NetworkBusState>,
    task: AbortHandle,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> NetworkBus<T> {
    fn start(name: &'static str, address: String, transport: T, seal: &Seal, timing: Timing) -> Self
    where
        T: Transport,
    {
        let shared = Arc::new(NetworkBusState {
            subscribers: Subscribers::default(),
            outbox: LatestSlot::default(),
            orders: watch::Sender::new(0),
            record: Record::new(name, address, false),
        });
        let transport = watch::Sender::new(Arc::new(transport));
        let follows = transport.subscribe();
        let task = tokio::spawn(driver::run(follows, Arc::clone(&shared), seal.clone(), timing));
        let end = Arc::new(Connected { shared, task: task.abort_handle() });
        Self { end, transport, timing }
    }

    #[cfg(any(feature = "redis", feature = "postgres"))]
    /// Connects to another server beside the one in use, to verify that hints would arrive there, and disconnects
    /// again.
    async fn try_server(&self, transport: T, address: String) -> Result<OtherServer<T>, BusError>
    where
        T: Transport,
    {
        let connected = tokio::time::timeout(self.timing.connect(), transport.connect()).await;
        let late = |_| Err(format!("it took more than {} ms to connect", self.timing.connect().as_millis()));
        match connected.unwrap_or_else(late) {
            Ok(_) => Ok(OtherServer { transport: Arc::new(transport), address }),
            Err(why) => Err(BusError::Unavailable(format!("{address}: {why}"))),
        }
    }

    /// Uses another server from now on, and answers the one that was used. Hints that wait are sent there; a look at
    /// the log after connecting makes up for what was sent to the old one meanwhile.
    pub fn use_server(&self, server: OtherServer<T>) -> OtherServer<T> {
        let address = {
            let mut status = self.end.shared.record.lock();
            std::mem::replace(&mut status.address, server.address)
        };
        OtherServer { transport: self.transport.send_replace(server.transport), address }
    }
}

/// A server that a bus may use instead of the one it uses.
pub struct OtherServer<T> {
    transport: Arc<T>,
    address: String,
}

impl<T> fmt::Debug for OtherServer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtherServer").field(&self.address).finish()
    }
}

impl<T> Clone for NetworkBus<T> {
    fn clone(&self) -> Self {
        Self { end: Arc::clone(&self.end), transport: self.transport.clone(), timing: self.timing }
    }
}

impl<T> fmt::Debug for NetworkBus<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkBus").field("status", &*self.end.shared.record.lock()).finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Send + Sync + 'static> Bus for NetworkBus<T> {
    async fn publish(&self, hint: Hint) -> Result<(), BusError> {
        self.end.shared.outbox.put(Outbound::new(hint));
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        Ok(self.end.shared.subscribers.join())
    }

    fn status(&self) -> BusStatus {
        self.end.shared.record.lock().clone()
    }
}
