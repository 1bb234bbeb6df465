//! The log: the append-only list of revisions, and the only truth.

mod error;
mod query;
mod store;

pub use error::{AppendError, StoreError};
pub use query::{
    Appended, DocumentQuery, DocumentVersion, EventQuery, NewRevision, Page, RevisionQuery, Token,
};
pub use store::Store;
