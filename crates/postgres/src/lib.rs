//! What every use of PostgreSQL shares: the URL of a database, read in one way, and the connections of a pool that wait
//! to be used again.
//!
//! How many connections there may be, who waits for one and for how long, and what becomes of those in use, differs
//! between the log, whose callers may leave at any time, and the pools of components, which are drained. That is theirs.

mod idle;
mod url;

pub use idle::IdleConnections;
pub use url::{PostgresUrl, PostgresUrlError, address_of};
