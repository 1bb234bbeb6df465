//! The trait that every store implements, and its parts by purpose.

mod audit;
mod blobs;
mod deliveries;
mod events;
mod fleet;
mod log;
mod tallies;
mod tokens;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{Availability, StoreError};

pub use audit::AuditStore;
pub use blobs::BlobStore;
pub use deliveries::DeliveryStore;
pub use events::EventStore;
pub use fleet::FleetStore;
pub use log::RevisionLog;
pub use tallies::TallyStore;
pub use tokens::TokenStore;

/// The log and what is kept beside it: one database, with a trait for each purpose. What needs a part takes that part,
/// as `&dyn TokenStore`; a `dyn Store` has the methods of all of them, whether or not their traits are imported.
///
/// Every method of every part may fail with [`StoreError`], whose variant shows whether trying again is right. Dropping
/// a future before it is done leaves the store as it was or with the whole change in it, never in between.
///
/// To implement it, implement each part and this; `conformance` has a suite for each.
#[async_trait]
pub trait Store:
    RevisionLog
    + EventStore
    + FleetStore
    + TokenStore
    + TallyStore
    + BlobStore
    + AuditStore
    + DeliveryStore
    + 'static
{
    /// Whether the store answers, as it was measured last, without waiting for it. None for one whose reads are local
    /// and cannot hang, and until something was measured. Cost: a short lock.
    fn availability(&self) -> Option<Availability> {
        None
    }

    /// Notifies whenever [`Store::availability`] changes; none for a store that does not measure it.
    fn availability_changes(&self) -> Option<watch::Receiver<()>> {
        None
    }

    /// Checks whether everything can be read and is consistent; the problems, in words. Cost: reads all of it.
    async fn diagnose(&self) -> Result<Vec<String>, StoreError>;

    /// Writes what is pending and releases files and connections. Nothing else may be called afterwards.
    async fn close(&self);
}
