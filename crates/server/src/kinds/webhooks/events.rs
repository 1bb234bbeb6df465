//! What happened, as events: of the log, of the audit, and of this replica.

use midflight_core::{DocumentId, LogId, Outcome, RevisionNumber};
use midflight_engine::{Diverged, Quarantined, ReloadReport};
use midflight_http::wire::{ms, problem_items, stamp};
use midflight_store::{AuditRecord, ListedRevision};
use midflight_webhooks::{WebhookEvent, WebhookEventType};
use serde_json::{Map, Value, json};

/// How many documents an event lists.
pub(super) const DOCUMENTS_MAX: usize = 100;

/// A revision that is served.
pub(super) fn revision_live(log: LogId, listed: &ListedRevision) -> WebhookEvent {
    let event = WebhookEventType::RevisionLive;
    let revision = &listed.revision;
    let parts = [log.to_string(), revision.number.to_string(), revision.digest.to_string()];
    let changed: Map<_, _> =
        listed.kinds.iter().map(|(kind, count)| (kind.to_string(), Value::from(*count))).collect();
    let changes = revision.changes.iter().take(DOCUMENTS_MAX);
    let changes: Vec<_> = changes
        .map(|change| json!({ "kind": change.id.kind.as_str(), "name": change.id.name.as_str(), "op": change.op.as_str() }))
        .collect();
    WebhookEvent {
        id: WebhookEvent::id(event, &parts.each_ref().map(String::as_str)),
        event,
        at: revision.created_at,
        kinds: listed.kinds.iter().map(|(kind, _)| kind.clone()).collect(),
        documents: revision.changes.iter().map(|change| change.id.clone()).collect(),
        has_more: listed.changes_count() > revision.changes.len() as u64,
        outcome: Some(Outcome::Success.as_str().to_owned()),
        data: json!({
            "revision": revision.number.get(),
            "author": revision.author,
            "reason": revision.reason,
            "trigger": revision.trigger.as_str(),
            "created_at": stamp(revision.created_at),
            "changes": changes,
            "changes_count": listed.changes_count(),
            "changed": changed,
        }),
    }
}

/// A new entry of the audit.
pub(super) fn audit(log: LogId, AuditRecord { number, entry }: &AuditRecord) -> WebhookEvent {
    let event = WebhookEventType::Audit;
    WebhookEvent {
        id: WebhookEvent::id(event, &[&log.to_string(), &number.to_string()]),
        event,
        at: entry.at,
        kinds: Vec::new(),
        documents: Vec::new(),
        has_more: false,
        outcome: Some(entry.outcome.clone()),
        data: json!({
            "number": number, "at": stamp(entry.at), "replica": entry.replica, "actor": entry.actor,
            "principal": entry.principal, "role": entry.role, "action": entry.action, "target": entry.target,
            "outcome": entry.outcome, "status": entry.status, "code": entry.code, "from": entry.from,
            "request_id": entry.request_id, "revision": entry.revision, "count": entry.count,
        }),
    }
}

/// A reload of this replica that failed.
pub(super) fn failed(replica: &str, report: &ReloadReport) -> WebhookEvent {
    let reload = &report.event;
    let event = match reload.outcome == Outcome::RolledBack {
        true => WebhookEventType::RolledBack,
        false => WebhookEventType::ReloadFailed,
    };
    let parts = [replica.to_owned(), reload.started_at.to_string(), reload.id.to_string()];
    let documents: Vec<DocumentId> = report.changes.iter().map(|(id, _)| id.clone()).collect();
    WebhookEvent {
        id: WebhookEvent::id(event, &parts.each_ref().map(String::as_str)),
        event,
        at: reload.started_at,
        kinds: reload.kinds.clone(),
        has_more: reload.documents_changed > documents.len(),
        outcome: Some(reload.outcome.as_str().to_owned()),
        data: json!({
            "replica": replica,
            "outcome": reload.outcome.as_str(),
            "trigger": reload.trigger.as_str(),
            "triggered_by": reload.triggered_by,
            "started_at": stamp(reload.started_at),
            "reload_time_ms": ms(reload.took),
            "from": reload.from.get(),
            "to": reload.to.get(),
            "documents": names(&documents),
            "errors": problem_items(&reload.problems),
        }),
        documents,
    }
}

/// A revision that is left out on this replica.
pub(super) fn quarantined(
    replica: &str,
    log: LogId,
    number: RevisionNumber,
    quarantined: &Quarantined,
) -> WebhookEvent {
    let event = WebhookEventType::Quarantined;
    let documents = &quarantined.documents;
    let mut kinds: Vec<_> = documents.iter().map(|id| id.kind.clone()).collect();
    kinds.dedup();
    WebhookEvent {
        id: WebhookEvent::id(event, &[replica, &log.to_string(), &number.to_string()]),
        event,
        at: jiff::Timestamp::now(),
        kinds,
        has_more: false,
        outcome: None,
        data: json!({
            "replica": replica,
            "revision": number.get(),
            "documents": names(documents),
            "errors": problem_items(&quarantined.problems),
        }),
        documents: documents.clone(),
    }
}

/// The log is not the one that this replica followed.
pub(super) fn diverged(replica: &str, diverged: &Diverged) -> WebhookEvent {
    let event = WebhookEventType::Diverged;
    let detail = diverged.to_string();
    WebhookEvent {
        id: WebhookEvent::id(event, &[replica, &detail]),
        event,
        at: jiff::Timestamp::now(),
        kinds: Vec::new(),
        documents: Vec::new(),
        has_more: false,
        outcome: None,
        data: json!({ "replica": replica, "position": diverged.position.get(), "detail": detail }),
    }
}

fn names(documents: &[DocumentId]) -> Vec<String> {
    documents.iter().take(DOCUMENTS_MAX).map(ToString::to_string).collect()
}
