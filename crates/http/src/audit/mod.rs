//! The audit: who did what, from where, and what came of it.

mod record;
mod routes;
mod trail;

pub use record::SignedBy;
pub(crate) use record::{Asked, ErrorCode, LoggedIn, MadeRevision, NotAudited, RoutePermissions};
pub(crate) use routes::routes;
pub(crate) use trail::{AuditTrail, run};
