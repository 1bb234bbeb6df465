//! What every log must do with the keys of edits, and with who asked for them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use midflight_core::{Digest, Edit, EditKey, PrincipalId};
use serde_json::json;

use super::{SharedStore, append, edit, newest, number, put, try_append};
use crate::{AppendError, Appended, KeyedRevision, NewRevision, RevisionQuery};

/// When the revisions of these cases are accepted.
fn time(after: SignedDuration) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_123).unwrap() + after
}

fn keyed(key: &EditKey, n: u64) -> Edit {
    Edit { key: Some(key.clone()), ..edit([put("a", json!({ "n": n }))]) }
}

async fn append_after(
    log: &SharedStore,
    edit: &Edit,
    after: SignedDuration,
) -> Result<Appended, AppendError> {
    let (created_at, expected_head) = (time(after), log.head().await.unwrap());
    log.append(NewRevision { edit, created_at, expected_head, documents_max: 1000 }).await
}

/// A key names the revision that was made under it, until that is compacted.
pub async fn keys_name_the_revision_they_made(log: SharedStore) {
    let request = Digest::of_bytes(b"the request");
    let key = EditKey::new("webhook:ci msg_\u{e9}\u{0}").of_request(request);
    append(&log, [put("a", json!({"n": 1}))]).await;
    assert_eq!(log.revision_of_key(&key.text).await.unwrap(), None);
    try_append(&log, &keyed(&key, 2), number(1)).await.unwrap();
    let kept =
        KeyedRevision { revision: number(2), created_at: time(SignedDuration::ZERO), request: Some(request) };
    assert_eq!(log.revision_of_key(&key.text).await.unwrap(), Some(kept));
    assert_eq!(log.revision_of_key("webhook:ci").await.unwrap(), None);
    append(&log, [put("a", json!({"n": 3}))]).await;
    log.compact(newest(&log).await).await.unwrap();
    assert_eq!(log.revision_of_key(&key.text).await.unwrap(), None);
}

/// A key is taken once as long as it counts, and again by a later edit, whose revision it names then.
pub async fn a_key_is_taken_again_once_it_is_old(log: SharedStore) {
    let key = EditKey::new("http:t1:one");
    let hours = SignedDuration::from_hours;
    append_after(&log, &keyed(&key, 1), hours(0)).await.unwrap();
    for after in [hours(0), hours(-1), hours(24) - SignedDuration::from_millis(1)] {
        let refused = append_after(&log, &keyed(&key, 2), after).await;
        assert!(
            matches!(refused, Err(AppendError::Repeated { revision }) if revision == number(1)),
            "{refused:?}"
        );
    }
    assert_eq!(newest(&log).await, number(1), "what was refused left no trace");
    append_after(&log, &keyed(&key, 2), hours(24)).await.unwrap();
    let kept = KeyedRevision { revision: number(2), created_at: time(hours(24)), request: None };
    assert_eq!(log.revision_of_key(&key.text).await.unwrap(), Some(kept));
    let keys: Vec<_> =
        log.since(number(0), 9).await.unwrap().into_iter().map(|one| one.revision.key).collect();
    assert_eq!(keys, [Some(key.text.clone()), Some(key.text)]);
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// Of many who append under one key at once, one makes a revision.
pub async fn a_key_is_taken_by_one_of_many(log: SharedStore) {
    const WRITERS: u64 = 6;
    const KEYS: u64 = 8;
    for round in 0..KEYS {
        let writers = (0..WRITERS).map(|n| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let edit = keyed(&EditKey::new(format!("http:t1:{round}")), n);
                loop {
                    match append_after(&log, &edit, SignedDuration::ZERO).await {
                        Ok(appended) => break Ok(appended.revision.number),
                        Err(AppendError::Repeated { revision }) => break Err(revision),
                        Err(AppendError::Moved { .. }) => tokio::task::yield_now().await,
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut made = 0;
        for writer in writers {
            let answer = writer.await.unwrap();
            made += u64::from(answer.is_ok());
            assert_eq!(answer.unwrap_or_else(|repeated| repeated), number(round + 1));
        }
        assert_eq!((made, newest(&log).await), (1, number(round + 1)));
    }
}

/// The principal and the key come back wherever revisions are read, and no digest is of them.
pub async fn revisions_carry_their_principal_and_their_key(log: SharedStore) {
    let by = Edit {
        principal: Some(PrincipalId::new("tok_\u{e9}")),
        ..keyed(&EditKey::new("http:tok_\u{e9}:1"), 1)
    };
    let made = try_append(&log, &by, number(0)).await.unwrap();
    append(&log, [put("a", json!({"n": 2}))]).await;
    assert_eq!(
        (made.revision.principal.clone(), made.revision.key.as_deref()),
        (by.principal.clone(), Some("http:tok_\u{e9}:1"))
    );
    let read = log.since(number(0), 9).await.unwrap();
    assert_eq!(read[0], made);
    assert_eq!((read[1].revision.principal.as_ref(), read[1].revision.key.as_ref()), (None, None));
    let listed = log.revisions(RevisionQuery { limit: 9, ..RevisionQuery::default() }).await.unwrap().items;
    assert_eq!(listed[1].revision, made.revision);
    let versions = log.versions(&super::id("a"), None, 9, None).await.unwrap().items;
    let principals: Vec<_> = versions.into_iter().map(|version| version.principal).collect();
    assert_eq!(principals, [None, by.principal]);
    let mut without = made.clone();
    (without.revision.principal, without.revision.key) = (None, None);
    assert_eq!(without.computed_digest(&made.parent), made.revision.digest);
}
