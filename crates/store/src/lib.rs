//! The log: the append-only list of revisions, and the only truth.

mod audit;
mod availability;
mod blocking;
#[cfg(feature = "conformance")]
pub mod conformance;
mod delivery;
mod error;
mod last_good;
mod lead;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod replica;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod rows;
mod secret;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
mod store;
mod tally;
mod token;

pub use audit::{AuditEntry, AuditQuery, AuditRecord};
pub use availability::Availability;
pub use delivery::{
    AttemptEnd, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention, DeliveryState,
    NewDelivery, ResendQuery,
};
pub use error::{AppendError, StoreError};
pub use last_good::{KeptAt, KeptDocument, LastGood, LastGoodFile, LastGoodView};
pub use lead::Lead;
pub use memory::MemoryStore;
pub use midflight_core::Appended;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresSessions, PostgresStore, PostgresUrl, PostgresUrlError};
pub use query::{
    Authorship, ChangedQuery, DocumentQuery, DocumentVersion, EventQuery, KeyedRevision, ListedRevision,
    NewRevision, Page, RevisionQuery, StoredDocument,
};
pub use replica::{Replica, SeenReplica};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteOptions, SqliteStore};
pub use state::{everything, heads_as, newest_state, state_at};
pub use store::{
    AuditStore, BlobStore, DeliveryStore, EventStore, FleetStore, RevisionLog, Store, TallyStore, TokenStore,
};
pub use tally::{Tally, TallyQuery};
pub use token::{AgentLimits, PreviousHash, Token};
