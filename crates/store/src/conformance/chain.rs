//! Which log it is, and which history of it (HR-14).

use midflight_core::{Edit, LogHead};
use serde_json::json;

use super::{SharedStore, append, edit, id, number, put, try_append};
use crate::{AppendError, NewRevision, RevisionQuery, everything};

/// A reader of the log can compute every digest from what is read, and all ways to read return the same.
pub async fn digests_are_chained_over_what_is_read(log: SharedStore) {
    let empty = log.head().await.unwrap();
    assert_eq!(empty, LogHead::empty(empty.log));
    append(&log, [put("a", json!({"n": 1.0, "é": [true, null]})), put("b/c", json!("x"))]).await;
    let odd = Edit {
        author: "größe\n7:x".into(),
        reason: String::new(),
        owner: Some(midflight_core::Owner::new("file:/etc/a b\n")),
        ..edit([put("a", json!({"n": 2}))])
    };
    let second = try_append(&log, &odd, number(1)).await.unwrap();
    append(&log, [midflight_core::Change::delete(id("b/c"))]).await;
    append(&log, [midflight_core::Change::delete(id("no"))]).await;
    let read = log.since(number(0), 10).await.unwrap();
    assert_eq!(read[1], second);
    let mut parent = empty.digest;
    for one in &read {
        assert_eq!((one.parent, one.revision.digest), (parent, one.computed_digest(&parent)));
        parent = one.revision.digest;
    }
    let head = log.head().await.unwrap();
    assert_eq!(head, empty.at(number(4), parent));
    assert_eq!(log.since(number(2), 1).await.unwrap(), &read[2..3]);
    assert_eq!((everything(&*log).await.unwrap().0, log.heads(&[id("a")]).await.unwrap().0), (head, head));
    let listed = log.revisions(RevisionQuery { limit: 9, ..RevisionQuery::default() }).await.unwrap().items;
    assert_eq!(listed[0].revision.digest, head.digest);
    let asked = [number(4), number(0), number(5), number(2)];
    let message = [Some(head.digest), Some(empty.digest), None, Some(second.revision.digest)];
    assert_eq!(log.digests(&asked).await.unwrap(), (head, message.to_vec()));
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// Compacting changes no digest, and forgets none.
pub async fn digests_outlive_compaction(log: SharedStore) {
    for n in 0..5 {
        append(&log, [put("a", json!({ "n": n }))]).await;
    }
    let all = (0..=5).map(number).collect::<Vec<_>>();
    let before = log.digests(&all).await.unwrap();
    let read = log.since(number(3), 9).await.unwrap();
    log.compact(number(4)).await.unwrap();
    assert_eq!(log.digests(&all).await.unwrap(), before);
    assert_eq!(log.since(number(3), 9).await.unwrap(), read);
    let next = append(&log, [put("a", json!({}))]).await;
    assert_eq!((next.parent, next.revision.digest), (before.0.digest, next.computed_digest(&next.parent)));
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// An edit that was made on a revision of that number and another digest was made on another history.
pub async fn an_edit_on_another_history_is_refused(log: SharedStore) {
    append(&log, [put("a", json!({"n": 1}))]).await;
    let head = log.head().await.unwrap();
    let (edit, created_at) = (edit([put("a", json!({"n": 2}))]), jiff::Timestamp::UNIX_EPOCH);
    let expected_head = head.at(head.number, midflight_core::Digest::of_bytes(b"another"));
    let refused = log.append(NewRevision { edit: &edit, created_at, expected_head, documents_max: 9 }).await;
    assert!(matches!(refused, Err(AppendError::Moved { head: found, .. }) if found == head), "{refused:?}");
    assert_eq!(log.head().await.unwrap(), head);
}
