//! What every log must do with revisions and documents.

use std::sync::Arc;

use midflight_core::{Change, DocumentId, Edit, LogHead, Owner, Precondition, RevisionNumber};
use serde_json::{Value, json};

use super::{SharedStore, append, bodies, edit, id, newest, number, put, try_append};
use crate::{AppendError, DocumentQuery, RevisionQuery, StoreError, everything};

/// Nothing is there before anything was put.
pub async fn an_empty_log_reports_it(log: SharedStore) {
    let empty = LogHead::empty(log.head().await.unwrap().log);
    assert_eq!((log.head().await.unwrap(), log.first().await.unwrap()), (empty, number(1)));
    assert_eq!(everything(&*log).await.unwrap(), (empty, Vec::new()));
    assert_eq!(log.heads(&[id("a")]).await.unwrap(), (empty, vec![None]));
    assert!(log.since(RevisionNumber::ZERO, 10).await.unwrap().is_empty());
    assert_eq!(log.document_count().await.unwrap(), 0);
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// A revision has its number, its author and all its documents, in the order of the edit.
pub async fn a_revision_is_there_whole(log: SharedStore) {
    append(&log, [put("b", json!({"n": 1})), put("a", json!({"n": 2}))]).await;
    let second =
        append(&log, [put("a", json!({"n": 3})), Change::delete(id("b")), Change::delete(id("no"))]).await;
    let revision = &second.revision;
    assert_eq!(
        (revision.number, revision.author.as_str(), revision.reason.as_str()),
        (number(2), "anna", "because")
    );
    let changes: Vec<_> =
        revision.changes.iter().map(|it| format!("{} {} v{}", it.op, it.id.name, it.version)).collect();
    assert_eq!(changes, ["put a v2", "delete b v2"]);
    assert_eq!(log.since(number(1), 10).await.unwrap(), std::slice::from_ref(&second));
    let all = log.since(RevisionNumber::ZERO, 10).await.unwrap();
    let names: Vec<_> = all[0].documents.iter().map(|document| document.id.name.as_str()).collect();
    assert_eq!((all.len(), names), (2, vec!["b", "a"]));
    assert_eq!(bodies(&log, None).await, [("a".to_owned(), json!({"n": 3}))]);
    let (head, heads) = log.heads(&[id("b"), id("a"), id("no")]).await.unwrap();
    let deleted = heads[0].as_ref().map(|it| (it.version, it.body.is_none()));
    assert_eq!((head.number, deleted, heads[2].as_ref()), (number(2), Some((2, true)), None));
    let again = append(&log, [put("b", json!({}))]).await;
    assert_eq!(again.documents[0].version, 3, "a document that comes back goes on counting");
}

/// What is refused takes no number and changes nothing.
pub async fn refused_edits_leave_no_trace(log: SharedStore) {
    append(&log, [put("a", json!({"n": 1}))]).await;
    let conditional = |precondition| edit([put("new", json!({})), put("a", json!({})).when(precondition)]);
    let failing =
        [Precondition::Absent, Precondition::Version(2), Precondition::UnchangedSince(RevisionNumber::ZERO)];
    for precondition in failing {
        let refused = try_append(&log, &conditional(precondition), number(1)).await.unwrap_err();
        assert!(matches!(refused, AppendError::Precondition(_)), "{refused}");
    }
    let moved = try_append(&log, &edit([put("new", json!({}))]), number(7)).await.unwrap_err();
    assert!(matches!(moved, AppendError::Moved { head, .. } if head.number == number(1)), "{moved}");
    let many = edit((0..1000).map(|n| put(&format!("d{n}"), json!({}))));
    let full = try_append(&log, &many, number(1)).await.unwrap_err();
    assert!(matches!(full, AppendError::TooManyDocuments { max: 1000, wanted: 1001 }), "{full}");
    assert_eq!((newest(&log).await, bodies(&log, None).await.len()), (number(1), 1));
    assert_eq!(append(&log, [put("b", json!({}))]).await.revision.number, number(2));
}

/// A document belongs to one owner until another takes it on purpose, or it is deleted.
pub async fn owners_keep_what_is_theirs(log: SharedStore) {
    let by = |owner: Option<&str>, take_over: bool| Edit {
        owner: owner.map(Owner::new),
        take_over,
        computed_at: None,
        ..edit([put("a", json!({"by": owner}))])
    };
    try_append(&log, &by(None, false), number(0)).await.unwrap();
    try_append(&log, &by(Some("x"), false), number(1)).await.unwrap();
    for other in [None, Some("y")] {
        let refused = try_append(&log, &by(other, false), number(2)).await.unwrap_err();
        assert!(matches!(&refused, AppendError::Owned { owner, .. } if owner.as_str() == "x"), "{refused}");
    }
    try_append(&log, &by(Some("x"), false), number(2)).await.unwrap();
    let taken = try_append(&log, &by(None, true), number(3)).await.unwrap();
    assert_eq!(taken.documents[0].owner, None);
    assert_eq!(log.document_head(&id("a")).await.unwrap().unwrap().owner, None);
    try_append(&log, &by(Some("y"), false), number(4)).await.unwrap();
    let removed = Edit { owner: Some(Owner::new("y")), ..edit([Change::delete(id("a"))]) };
    try_append(&log, &removed, number(5)).await.unwrap();
    try_append(&log, &by(Some("x"), false), number(6)).await.unwrap();
}

/// Numbers keep all their bits and texts all their characters.
pub async fn values_come_back_exactly(log: SharedStore) {
    let body = json!({
        "ints": [0, -1, i64::MIN, i64::MAX, u64::MAX, 9_007_199_254_740_993_u64],
        "floats": [0.1, 1e300, -1e-300, 5e-324, f64::MAX],
        "text": "naïve ☃ 𝄞 \u{0} \" \\ \n\u{7f}",
        "nested": {"a": [[], {}, null, true]},
        "long": "x".repeat(1 << 20),
    });
    append(&log, [put("größe/Ä", body.clone())]).await;
    let (_, documents) = everything(&*log).await.unwrap();
    assert_eq!(documents[0].body.as_deref(), Some(&body));
    assert_eq!(documents[0].id, id("größe/Ä"));
    assert_eq!(
        log.since(number(0), 1).await.unwrap()[0].revision.created_at.as_millisecond(),
        1_700_000_000_123
    );
}

/// Lists are cut at their limit and continue where they were cut.
pub async fn lists_have_pages(log: SharedStore) {
    for n in 0..7 {
        append(&log, [put(&format!("d{n}"), json!({})), put("same", json!({ "n": n }))]).await;
    }
    let other = Change::put(DocumentId::new("tools", "t").unwrap(), json!({}));
    append(&log, [other]).await;
    let mut numbers = Vec::new();
    let mut before = None;
    loop {
        let kind = Some("rules".parse().unwrap());
        let page = log.revisions(RevisionQuery { kind, before, limit: 3, changes_max: None }).await.unwrap();
        numbers.extend(page.items.iter().map(|it| (it.revision.number.get(), it.revision.changes.len())));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(numbers, (1..=7).rev().map(|n| (n, 2)).collect::<Vec<_>>());
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let name_prefix = "d".to_owned();
        let query = DocumentQuery { name_prefix, after, limit: 3, ..DocumentQuery::default() };
        let page = log.documents(query).await.unwrap();
        names.extend(page.items.iter().map(|document| document.id.name.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..7).map(|n| format!("d{n}")).collect::<Vec<_>>());
    let first = log.versions(&id("same"), None, 3, None).await.unwrap();
    let second = log.versions(&id("same"), first.next, 30, None).await.unwrap();
    let versions: Vec<_> =
        first.items.iter().chain(&second.items).map(|version| version.document.version).collect();
    assert_eq!((versions, first.items[0].author.as_str()), ((1..=7).rev().collect(), "anna"));
    assert_eq!(log.since(number(2), 3).await.unwrap().len(), 3);
}

/// The state at every revision can be read, and that of one that is not there is refused.
pub async fn the_past_can_be_read(log: SharedStore) {
    append(&log, [put("a", json!({"n": 1}))]).await;
    append(&log, [put("b", json!({"n": 2}))]).await;
    append(&log, [Change::delete(id("a")), put("b", json!({"n": 3}))]).await;
    let names = |state: Vec<(String, Value)>| state.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(bodies(&log, Some(number(1))).await), ["a"]);
    assert_eq!(names(bodies(&log, Some(number(2))).await), ["a", "b"]);
    assert_eq!(bodies(&log, Some(number(3))).await, [("b".to_owned(), json!({"n": 3}))]);
    let at = |n| log.document_at_owned("b", n);
    assert_eq!((at(1).await, at(2).await, at(3).await), (None, Some(json!({"n": 2})), Some(json!({"n": 3}))));
    let removed = log.document_at(&id("a"), number(3)).await.unwrap().unwrap();
    assert_eq!((removed.body, removed.version), (None, 2));
    let refused = log.document_at(&id("a"), number(4)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchRevision { .. }), "{refused}");
}

trait Shorthand {
    async fn document_at_owned(&self, name: &str, at: u64) -> Option<Value>;
}

impl Shorthand for SharedStore {
    async fn document_at_owned(&self, name: &str, at: u64) -> Option<Value> {
        let document = self.document_at(&id(name), number(at)).await.unwrap()?;
        document.body.map(|body| (*body).clone())
    }
}

/// Compacting removes what no kept state needs, reports what it removed, and changes no kept state.
pub async fn compaction_keeps_the_state(log: SharedStore) {
    append(&log, [put("old", json!({})), put("a", json!({"n": 1}))]).await;
    append(&log, [put("a", json!({"n": 2}))]).await;
    append(&log, [put("a", json!({"n": 3})), Change::delete(id("old"))]).await;
    append(&log, [put("a", json!({"n": 4}))]).await;
    let states = [bodies(&log, Some(number(3))).await, bodies(&log, Some(number(4))).await];
    assert!(log.compact(number(9)).await.is_err());
    assert_eq!(log.compact(number(3)).await.unwrap(), 3, "two of a, and old before its deletion");
    assert_eq!((log.first().await.unwrap(), newest(&log).await), (number(3), number(4)));
    assert_eq!([bodies(&log, Some(number(3))).await, bodies(&log, Some(number(4))).await], states);
    let since = |n| log.since(number(n), 10);
    assert_eq!(since(2).await.unwrap().iter().map(|it| it.documents.len()).collect::<Vec<_>>(), [2, 1]);
    assert!(matches!(since(1).await.unwrap_err(), StoreError::Compacted { first, .. } if first == number(3)));
    let refused = log.document_at(&id("a"), number(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Compacted { .. }), "{refused}");
    assert_eq!(log.revisions(RevisionQuery { limit: 9, ..Default::default() }).await.unwrap().items.len(), 2);
    assert_eq!(log.compact(number(2)).await.unwrap(), 0, "it is already forgotten");
    assert_eq!(append(&log, [put("a", json!({"n": 5}))]).await.documents[0].version, 5);
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// A caller that asks "since N" while others write sees every number once and in order.
pub async fn writers_never_skip_or_swap_numbers(log: SharedStore) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 25;
    let writers = (0..WRITERS).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 0..EACH {
                let edit = edit([
                    put(&format!("w{writer}"), json!({ "n": n })),
                    put("shared", json!({"w": writer})),
                ]);
                loop {
                    let head = newest(&log).await;
                    match try_append(&log, &edit, head).await {
                        Ok(_) => break,
                        Err(AppendError::Moved { .. }) => tokio::task::yield_now().await,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut seen = RevisionNumber::ZERO;
    while seen.get() < WRITERS * EACH {
        for appended in log.since(seen, 7).await.unwrap() {
            assert_eq!((appended.revision.number, appended.documents.len()), (seen.next(), 2));
            seen = appended.revision.number;
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let shared = log.document_head(&id("shared")).await.unwrap().unwrap();
    assert_eq!((shared.version, shared.revision), (WRITERS * EACH, number(WRITERS * EACH)));
}

/// An append whose caller was dropped is in the log completely or not at all, and the log continues.
pub async fn a_dropped_append_is_all_or_nothing(log: SharedStore) {
    for polls in 0..40_u32 {
        let head = newest(&log).await;
        let two = edit([put("a", json!({ "n": polls })), put("b", json!({ "n": polls }))]);
        {
            let mut append = Box::pin(try_append(&log, &two, head));
            let mut polled = 0;
            std::future::poll_fn(|context| {
                polled += 1;
                let done = append.as_mut().poll(context).is_ready() || polled > polls;
                if done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        // A dropped append may still be on its way into the log, complete; the next append then gets that it moved.
        let after = edit([put("after", json!({ "n": polls }))]);
        while let Err(refused) = try_append(&log, &after, newest(&log).await).await {
            assert!(matches!(refused, AppendError::Moved { .. }), "{refused}");
        }
        let state = bodies(&log, None).await;
        let value = |name: &str| state.iter().find(|(of, _)| of == name).map(|(_, body)| body.clone());
        assert_eq!(value("a"), value("b"));
    }
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// Heads are in the order asked, and a document that is asked for twice is there twice.
pub async fn heads_come_as_often_as_asked(log: SharedStore) {
    append(&log, [put("a", json!(1)), put("b", json!(2))]).await;
    let (_, heads) = log.heads(&[id("b"), id("no"), id("a"), id("b")]).await.unwrap();
    let names = heads.iter().map(|head| head.as_ref().map(|head| head.id.name.as_str())).collect::<Vec<_>>();
    assert_eq!(names, [Some("b"), None, Some("a"), Some("b")]);
    assert_eq!(log.heads(&[]).await.unwrap(), (log.head().await.unwrap(), Vec::new()));
}
