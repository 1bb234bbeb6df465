//! Entries of the audit for the tests of stores.

use jiff::Timestamp;
use midflight_store::AuditEntry;

/// One of that second, by `actor` and the second.
pub(crate) fn audit_entry(second: i64) -> AuditEntry {
    AuditEntry {
        at: Timestamp::from_second(second).unwrap(),
        replica: "r1".into(),
        actor: format!("actor{second}"),
        principal: None,
        role: "editor".into(),
        action: "POST /x".into(),
        target: "/x".into(),
        outcome: "success".into(),
        status: 200,
        code: None,
        from: None,
        request_id: None,
        revision: None,
        count: 1,
    }
}
