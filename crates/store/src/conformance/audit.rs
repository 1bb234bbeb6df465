//! What every store must do with the audit.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{AuditEntry, AuditQuery, AuditStore};

type Audit = Arc<dyn AuditStore>;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn entry(millisecond: i64, actor: &str, action: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        at: at(millisecond),
        replica: "r1".into(),
        actor: actor.into(),
        principal: Some("0123456789ab".into()),
        role: "editor".into(),
        action: action.into(),
        target: "/api/v1/apply".into(),
        outcome: outcome.into(),
        status: 200,
        code: None,
        from: Some("127.0.0.1".into()),
        request_id: Some("abc".into()),
        revision: Some(3),
        count: 1,
    }
}

async fn listed(store: &Audit, query: AuditQuery) -> Vec<AuditEntry> {
    let page = store.audit(AuditQuery { limit: 100, ..query }).await.unwrap();
    page.items.into_iter().map(|record| record.entry).collect()
}

/// Entries come back as they were, newest first and page by page.
pub async fn the_audit_comes_back_newest_first(store: Audit) {
    let refused = AuditEntry {
        principal: None,
        status: 403,
        code: Some("forbidden".into()),
        from: None,
        request_id: None,
        revision: None,
        count: 70,
        ..entry(2, "anonymous", "GET /x", "refused")
    };
    let all = [entry(1, "a", "POST /x", "success"), refused, entry(3, "a\"b", "PUT /x", "failed")];
    store.add_audit(&all[..2]).await.unwrap();
    store.add_audit(&all[2..]).await.unwrap();
    store.add_audit(&[]).await.unwrap();
    let first = store.audit(AuditQuery { limit: 2, ..AuditQuery::default() }).await.unwrap();
    let second = AuditQuery { before: first.next, limit: 2, ..AuditQuery::default() };
    let second = store.audit(second).await.unwrap();
    assert!(first.next.is_some() && second.next.is_none());
    let found: Vec<_> = first.items.into_iter().chain(second.items).map(|record| record.entry).collect();
    assert!(found.iter().rev().eq(&all), "{found:?}");
}

/// Entries are found by who, what, how it ended and when.
pub async fn the_audit_is_filtered(store: Audit) {
    let all = [
        entry(1, "a", "POST /x", "success"),
        entry(2, "b", "POST /x", "refused"),
        entry(3, "a", "PUT /x", "refused"),
    ];
    store.add_audit(&all).await.unwrap();
    let by = AuditQuery::default;
    assert_eq!(listed(&store, AuditQuery { actor: Some("a".into()), ..by() }).await.len(), 2);
    let posts = listed(&store, AuditQuery { action: Some("POST /x".into()), ..by() }).await;
    assert_eq!(posts, [all[1].clone(), all[0].clone()]);
    let refused = AuditQuery { outcome: Some("refused".into()), actor: Some("a".into()), ..by() };
    assert_eq!(listed(&store, refused).await, [all[2].clone()]);
    let between = AuditQuery { since: Some(at(2)), until: Some(at(3)), ..by() };
    assert_eq!(listed(&store, between).await, [all[1].clone()]);
}

/// What is older than a time is deleted, and nothing else.
pub async fn only_the_oldest_of_the_audit_are_forgotten(store: Audit) {
    for moment in 1..=4 {
        store.add_audit(&[entry(moment, "a", "POST /x", "success")]).await.unwrap();
    }
    assert_eq!(store.forget_audit(at(3)).await.unwrap(), 2);
    assert_eq!(store.forget_audit(at(1)).await.unwrap(), 0);
    let left: Vec<_> = listed(&store, AuditQuery::default()).await.iter().map(|entry| entry.at).collect();
    assert_eq!(left, [at(4), at(3)]);
    assert_eq!(store.forget_audit(at(9)).await.unwrap(), 2);
    store.add_audit(&[entry(5, "a", "POST /x", "success")]).await.unwrap();
    assert_eq!(listed(&store, AuditQuery::default()).await.len(), 1);
}
