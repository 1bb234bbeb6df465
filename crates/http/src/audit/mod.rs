//! The audit: who did what, from where, and what came of it.

mod beside;
mod merged;
mod record;
mod routes;
mod trail;

pub(crate) use beside::certificate_refused;
pub use beside::{ActionOutcome, AuditOrigin, CallerAction};
pub use record::SignedBy;
pub(crate) use record::{Asked, ErrorCode, FoundCaller, MadeRevision, RoutePermissions};
pub(crate) use routes::routes;
pub(crate) use trail::{AuditTrail, run};

/// An entry of a test.
#[cfg(test)]
fn test_entry(actor: &str, outcome: &str) -> midflight_store::AuditEntry {
    midflight_store::AuditEntry {
        at: jiff::Timestamp::UNIX_EPOCH,
        replica: "r1".to_owned(),
        actor: actor.to_owned(),
        principal: None,
        role: "viewer".to_owned(),
        action: "POST /api/v1/apply".to_owned(),
        target: "/api/v1/apply".to_owned(),
        outcome: outcome.to_owned(),
        status: 403,
        code: None,
        from: None,
        request_id: None,
        revision: None,
        count: 1,
    }
}
