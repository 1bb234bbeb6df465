//! Entries of the audit, and in which form a database keeps them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::StoreError;

/// One action that was done or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it was answered, to the microsecond.
    pub at: Timestamp,
    /// The replica that answered it.
    pub replica: String,
    /// The name of who asked: the author of a revision that it made.
    pub actor: String,
    /// The id of the token or the subject of who asked; none without one.
    pub principal: Option<String>,
    /// The role of who asked.
    pub role: String,
    /// What was asked for, as a method and the path of a route.
    pub action: String,
    /// The path that was asked for.
    pub target: String,
    /// What came of it: `success`, `refused` (who asked may not) or `failed`.
    pub outcome: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the error, if it was one.
    pub code: Option<String>,
    /// The address of the other end of the connection.
    pub from: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The revision that it made, if it made one.
    pub revision: Option<u64>,
    /// How many equal ones this entry stands for: 1, or more when refusals came too fast to be kept one by one.
    pub count: u64,
}

/// An entry with its number, which only grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The number. Some may be missing.
    pub number: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only of this action.
    pub action: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Only from before this time.
    pub until: Option<Timestamp>,
    /// Only those before the one with this number.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

impl AuditQuery {
    /// Whether an entry is wanted.
    pub(crate) fn wants(&self, AuditRecord { number, entry }: &AuditRecord) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.actor, &entry.actor)
            && is(&self.action, &entry.action)
            && is(&self.outcome, &entry.outcome)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.before.is_none_or(|before| *number < before)
    }
}

/// What of an entry has no column of its own.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(dead_code, reason = "only databases need it")
)]
pub(crate) fn to_json(entry: &AuditEntry) -> Value {
    json!({
        "replica": entry.replica, "principal": entry.principal, "role": entry.role, "target": entry.target,
        "status": entry.status, "code": entry.code, "from": entry.from, "request_id": entry.request_id,
        "revision": entry.revision, "count": entry.count,
    })
}

/// An entry of its columns and the rest. Members that are missing are empty.
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    expect(dead_code, reason = "only databases need it")
)]
pub(crate) fn of_json(
    at: Timestamp,
    [actor, action, outcome]: [String; 3],
    rest: &str,
) -> Result<AuditEntry, StoreError> {
    let rest: Value = serde_json::from_str(rest).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let text = |key: &str| rest.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| rest.get(key).and_then(Value::as_u64);
    Ok(AuditEntry {
        at,
        replica: text("replica").unwrap_or_default(),
        actor,
        principal: text("principal"),
        role: text("role").unwrap_or_default(),
        action,
        target: text("target").unwrap_or_default(),
        outcome,
        status: number("status").and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
        code: text("code"),
        from: text("from"),
        request_id: text("request_id"),
        revision: number("revision"),
        count: number("count").unwrap_or(1),
    })
}
