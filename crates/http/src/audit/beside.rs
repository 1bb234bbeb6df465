//! Entries of what is no request of its own: a call within a request, a handshake.

use std::net::IpAddr;

use axum::http::Extensions;
use jiff::Timestamp;
use midflight_store::AuditEntry;

use super::record::bounded;
use super::trail::EntryClass;
use crate::accept::Peer;
use crate::app::AppState;
use crate::principal::{ANONYMOUS, Principal};
use crate::request_id;

/// The status of a handshake that failed for the certificate of the client, as proxies write it.
const CERTIFICATE_REFUSED: u16 = 495;

/// Now, as precise as the store keeps it.
pub(super) fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default()
}

/// Where a request came from, for entries that are made while it is answered.
#[derive(Debug, Clone)]
pub struct AuditOrigin {
    from: Option<IpAddr>,
    request_id: String,
}

impl AuditOrigin {
    /// That of the request with these extensions, which is being answered.
    #[must_use]
    pub fn of(request: &Extensions) -> Self {
        let from = request.get::<Peer>().map(|peer| peer.address.ip());
        Self { from, request_id: request_id::current() }
    }
}

/// What a caller did, or may not, in a request whose own answer does not say it.
#[derive(Debug)]
pub struct CallerAction<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// From where; none outside a request.
    pub origin: Option<&'a AuditOrigin>,
    /// What, as the method and the route of the request, and what was called.
    pub action: &'a str,
    /// On what.
    pub target: &'a str,
    /// What came of it.
    pub outcome: ActionOutcome<'a>,
}

/// What came of an action; with a code, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionOutcome<'a> {
    /// It was done.
    Success,
    /// The caller may not.
    Refused(&'a str),
    /// It failed.
    Failed(&'a str),
    /// The caller left, or the time was over, before it was known.
    Unknown,
}

impl AppState {
    /// Adds an entry to the audit.
    pub fn audit_action(&self, did: &CallerAction<'_>) {
        let CallerAction { principal, origin, .. } = *did;
        let (outcome, code) = match did.outcome {
            ActionOutcome::Success => ("success", None),
            ActionOutcome::Refused(code) => ("refused", Some(code)),
            ActionOutcome::Failed(code) => ("failed", Some(code)),
            ActionOutcome::Unknown => ("unknown", None),
        };
        let class = match did.outcome {
            _ if principal.is_anonymous() => EntryClass::Unknown,
            ActionOutcome::Refused(_) => EntryClass::Refusal,
            // A caller can have calls fail, or leave before they end, as fast as it sends them.
            ActionOutcome::Failed(_) | ActionOutcome::Unknown => EntryClass::Unchanging,
            ActionOutcome::Success => EntryClass::Action,
        };
        let entry = AuditEntry {
            at: now(),
            replica: self.replica_id.clone(),
            actor: principal.name().to_owned(),
            principal: principal.token_id().map(|id| id.to_string()),
            role: principal.role().as_str().to_owned(),
            action: did.action.to_owned(),
            target: bounded(did.target),
            outcome: outcome.to_owned(),
            // That of the request in which it happened.
            status: 200,
            code: code.map(str::to_owned),
            from: origin.and_then(|origin| origin.from).map(|from| from.to_canonical().to_string()),
            request_id: origin.map(|origin| origin.request_id.clone()),
            revision: None,
            count: 1,
        };
        self.audit.add(entry, class);
    }
}

/// Adds the entry of a client certificate that was refused.
pub(crate) fn certificate_refused(app: &AppState, from: IpAddr, reason: &str) {
    let entry = AuditEntry {
        at: now(),
        replica: app.replica_id.clone(),
        actor: ANONYMOUS.to_owned(),
        principal: None,
        role: ANONYMOUS.to_owned(),
        action: "TLS handshake".to_owned(),
        target: bounded(reason),
        outcome: "refused".to_owned(),
        status: CERTIFICATE_REFUSED,
        code: Some("client_certificate_refused".to_owned()),
        from: Some(from.to_canonical().to_string()),
        request_id: None,
        revision: None,
        count: 1,
    };
    app.audit.add(entry, EntryClass::Unknown);
}
