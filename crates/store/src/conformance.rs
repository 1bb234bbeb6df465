//! What every log must do. Each case takes an empty log of its own; [`crate::conformance_tests`] makes a test of each.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case is a test: it panics where it fails"
)]

mod chain;
mod pages;
mod tallies;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    Change, ComponentState, ComponentTime, Document, DocumentId, Edit, LogHead, Outcome, Owner, Phase,
    PhaseTime, Pointer, Precondition, Problem, Problems, ReloadEvent, ReloadId, RevisionNumber, Trigger,
};
use serde_json::{Value, json};

use crate::{
    AppendError, Appended, DocumentQuery, EventQuery, NewRevision, Replica, RevisionQuery, Store, StoreError,
    Token,
};

pub use chain::{
    an_edit_on_another_history_is_refused, digests_are_chained_over_what_is_read, digests_outlive_compaction,
    keys_name_the_revision_they_made,
};
pub use pages::{
    changed_documents_are_listed, documents_of_a_revision_are_listed, pages_end_by_bytes,
    revisions_are_listed_with_their_first_changes,
};
pub use tallies::{
    a_known_batch_changes_nothing, a_lost_batch_can_be_sent_again, compaction_forgets_tallies_of_the_deleted,
    counting_at_once_loses_nothing, tallies_add_up, tallies_have_pages, what_cannot_be_counted_is_refused,
};

type Log = Arc<dyn Store>;

/// Makes a test of every case, each on the empty log that an async expression answers.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!(@each $make;
            an_empty_log_says_so, a_revision_is_there_whole, refused_edits_leave_no_trace, owners_keep_what_is_theirs,
            values_come_back_exactly, lists_have_pages, the_past_can_be_read, compaction_keeps_the_state,
            writers_never_skip_or_swap_numbers, blobs_events_and_tokens_are_kept, words_of_a_newer_version_are_kept, a_dropped_append_is_all_or_nothing,
            the_key_of_hints_is_one_for_all, replicas_are_seen_until_they_age, heads_come_as_often_as_asked,
            somebody_leads_and_who_lets_go_can_lead_again, tallies_add_up, a_known_batch_changes_nothing,
            counting_at_once_loses_nothing, a_lost_batch_can_be_sent_again, tallies_have_pages,
            what_cannot_be_counted_is_refused, compaction_forgets_tallies_of_the_deleted, pages_end_by_bytes,
            documents_of_a_revision_are_listed, changed_documents_are_listed,
            revisions_are_listed_with_their_first_changes,
            digests_are_chained_over_what_is_read, digests_outlive_compaction,
            an_edit_on_another_history_is_refused, keys_name_the_revision_they_made,
        );
    };
    (@each $make:expr; $($case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (store, _guard) = $make.await;
            $crate::conformance::$case(store).await;
        }
    )+};
}

fn id(name: &str) -> DocumentId {
    DocumentId::new("rules", name).unwrap()
}

fn put(name: &str, body: Value) -> Change {
    Change::put(id(name), body)
}

fn edit(changes: impl IntoIterator<Item = Change>) -> Edit {
    Edit {
        author: "anna".into(),
        reason: "because".into(),
        trigger: Trigger::ApiUpdate,
        owner: None,
        take_over: false,
        computed_at: None,
        changes: changes.into_iter().collect(),
        key: None,
    }
}

fn number(number: u64) -> RevisionNumber {
    RevisionNumber::new(number)
}

async fn try_append(log: &Log, edit: &Edit, expected: RevisionNumber) -> Result<Appended, AppendError> {
    let (head, digests) = log.digests(&[expected]).await.unwrap();
    let expected_head = head.at(expected, digests[0].unwrap_or(head.digest));
    let created_at = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
    log.append(NewRevision { edit, created_at, expected_head, documents_max: 1000 }).await
}

async fn append(log: &Log, changes: impl IntoIterator<Item = Change>) -> Appended {
    try_append(log, &edit(changes), newest(log).await).await.unwrap()
}

async fn newest(log: &Log) -> RevisionNumber {
    log.head().await.unwrap().number
}

async fn bodies(log: &Log, at: Option<RevisionNumber>) -> Vec<(String, Value)> {
    let query = DocumentQuery { at, limit: 500, ..DocumentQuery::default() };
    let page = log.documents(query).await.unwrap();
    let pair = |document: Document| (document.id.name.to_string(), (*document.body.unwrap()).clone());
    page.items.into_iter().map(|stored| pair(stored.parse().unwrap())).collect()
}

/// Nothing is there before anything was put.
pub async fn an_empty_log_says_so(log: Log) {
    let empty = LogHead::empty(log.head().await.unwrap().log);
    assert_eq!((log.head().await.unwrap(), log.first().await.unwrap()), (empty, number(1)));
    assert_eq!(log.everything().await.unwrap(), (empty, Vec::new()));
    assert_eq!(log.heads(&[id("a")]).await.unwrap(), (empty, vec![None]));
    assert!(log.since(RevisionNumber::ZERO, 10).await.unwrap().is_empty());
    assert_eq!(log.document_count().await.unwrap(), 0);
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// A revision has its number, its author and all its documents, in the order of the edit.
pub async fn a_revision_is_there_whole(log: Log) {
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
pub async fn refused_edits_leave_no_trace(log: Log) {
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
pub async fn owners_keep_what_is_theirs(log: Log) {
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
    let gone = Edit { owner: Some(Owner::new("y")), ..edit([Change::delete(id("a"))]) };
    try_append(&log, &gone, number(5)).await.unwrap();
    try_append(&log, &by(Some("x"), false), number(6)).await.unwrap();
}

/// Numbers keep all their bits and texts all their characters.
pub async fn values_come_back_exactly(log: Log) {
    let body = json!({
        "ints": [0, -1, i64::MIN, i64::MAX, u64::MAX, 9_007_199_254_740_993_u64],
        "floats": [0.1, 1e300, -1e-300, 5e-324, f64::MAX],
        "text": "naïve ☃ 𝄞 \u{0} \" \\ \n\u{7f}",
        "nested": {"a": [[], {}, null, true]},
        "long": "x".repeat(1 << 20),
    });
    append(&log, [put("größe/Ä", body.clone())]).await;
    let (_, documents) = log.everything().await.unwrap();
    assert_eq!(documents[0].body.as_deref(), Some(&body));
    assert_eq!(documents[0].id, id("größe/Ä"));
    assert_eq!(
        log.since(number(0), 1).await.unwrap()[0].revision.created_at.as_millisecond(),
        1_700_000_000_123
    );
}

/// Lists are cut at their limit and go on where they were cut.
pub async fn lists_have_pages(log: Log) {
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
pub async fn the_past_can_be_read(log: Log) {
    append(&log, [put("a", json!({"n": 1}))]).await;
    append(&log, [put("b", json!({"n": 2}))]).await;
    append(&log, [Change::delete(id("a")), put("b", json!({"n": 3}))]).await;
    let names = |state: Vec<(String, Value)>| state.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(bodies(&log, Some(number(1))).await), ["a"]);
    assert_eq!(names(bodies(&log, Some(number(2))).await), ["a", "b"]);
    assert_eq!(bodies(&log, Some(number(3))).await, [("b".to_owned(), json!({"n": 3}))]);
    let at = |n| log.document_at_owned("b", n);
    assert_eq!((at(1).await, at(2).await, at(3).await), (None, Some(json!({"n": 2})), Some(json!({"n": 3}))));
    let gone = log.document_at(&id("a"), number(3)).await.unwrap().unwrap();
    assert_eq!((gone.body, gone.version), (None, 2));
    let refused = log.document_at(&id("a"), number(4)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchRevision { .. }), "{refused}");
}

trait Shorthand {
    async fn document_at_owned(&self, name: &str, at: u64) -> Option<Value>;
}

impl Shorthand for Log {
    async fn document_at_owned(&self, name: &str, at: u64) -> Option<Value> {
        let document = self.document_at(&id(name), number(at)).await.unwrap()?;
        document.body.map(|body| (*body).clone())
    }
}

/// Compacting forgets what no kept state needs, says what it forgot, and changes no kept state.
pub async fn compaction_keeps_the_state(log: Log) {
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

/// Whoever asks "since N" while others write sees every number once and in order.
pub async fn writers_never_skip_or_swap_numbers(log: Log) {
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

fn event(n: u64) -> ReloadEvent {
    let problem = Problem::new("odd", Pointer::root().key("a/b"), "is odd").in_document(&id("x"));
    let (trigger, outcome) = match (n.is_multiple_of(2), n.is_multiple_of(3)) {
        (true, _) => (Trigger::Manual, Outcome::Success),
        (false, true) => (Trigger::Periodic, Outcome::ValidationFailed),
        (false, false) => (Trigger::Periodic, Outcome::Success),
    };
    ReloadEvent {
        id: ReloadId(n),
        trigger: trigger.into(),
        triggered_by: "anna".into(),
        started_at: Timestamp::from_millisecond(1_700_000_000_000).unwrap(),
        took: Duration::from_nanos(1_234_567 + n),
        phases: vec![PhaseTime { phase: Phase::Load.into(), took: Duration::from_nanos(99) }],
        outcome: outcome.into(),
        from: number(n),
        to: number(n + 1),
        kinds: vec!["rules".parse().unwrap()],
        documents_changed: 3,
        components: vec![ComponentTime {
            name: "pool".into(),
            state: ComponentState::Replaced.into(),
            took: Duration::from_nanos(77),
        }],
        problems: Problems::from(problem).with_unlisted(4),
    }
}

/// What belongs to the log beside documents is kept too, within its bounds.
pub async fn blobs_events_and_tokens_are_kept(log: Log) {
    let digest = log.put_blob(b"\0bytes").await.unwrap();
    assert_eq!(log.put_blob(b"\0bytes").await.unwrap(), digest);
    assert_eq!(log.blob(&digest).await.unwrap().as_deref(), Some(&b"\0bytes"[..]));
    assert_eq!(log.blob(&midflight_core::Digest::of_bytes(b"none")).await.unwrap(), None);

    let events: Vec<_> = (1..=10).map(event).collect();
    log.record_events(&events, 8).await.unwrap();
    let select = |query| log.events(EventQuery { limit: 5, ..query });
    let all = select(EventQuery::default()).await.unwrap();
    assert_eq!(all.items, events[5..].iter().rev().cloned().collect::<Vec<_>>());
    let rest = select(EventQuery { before: all.next, ..EventQuery::default() }).await.unwrap();
    assert_eq!(rest.items.iter().map(|event| event.id.0).collect::<Vec<_>>(), [5, 4, 3]);
    let odd = EventQuery {
        trigger: Some(Trigger::Periodic.into()),
        outcome: Some(Outcome::ValidationFailed.into()),
        kind: Some("rules".parse().unwrap()),
        ..EventQuery::default()
    };
    assert_eq!(select(odd).await.unwrap().items.iter().map(|event| event.id.0).collect::<Vec<_>>(), [9, 3]);
    let none = EventQuery { kind: Some("tools".parse().unwrap()), ..EventQuery::default() };
    assert!(select(none).await.unwrap().items.is_empty());

    let token = |hash: &str| Token {
        name: "admin".into(),
        role: "admin".into(),
        hash: hash.into(),
        created_at: Timestamp::from_millisecond(1).unwrap(),
    };
    log.put_token(&token("one")).await.unwrap();
    log.put_token(&token("two")).await.unwrap();
    assert!(!log.add_token(&token("three")).await.unwrap(), "there is one of its name");
    assert_eq!(log.tokens().await.unwrap(), [token("two")]);
    let other = Token { name: "other".into(), ..token("four") };
    assert!(log.add_token(&other).await.unwrap());
    assert!(log.tokens().await.unwrap().contains(&other));
}

/// Words that only a newer version knows come back as they were, and are found by.
pub async fn words_of_a_newer_version_are_kept(log: Log) {
    let mut newer = event(2);
    newer.trigger = "canary".parse().unwrap();
    newer.outcome = "half_live".parse().unwrap();
    newer.phases[0].phase = "shadow".parse().unwrap();
    newer.components[0].state = "warmed".parse().unwrap();
    log.record_events(&[event(1), newer.clone(), event(3)], 9).await.unwrap();
    let found = log.events(EventQuery { limit: 9, ..EventQuery::default() }).await.unwrap().items;
    assert_eq!(found, [event(3), newer.clone(), event(1)]);
    let by_words = EventQuery {
        trigger: Some("canary".parse().unwrap()),
        outcome: Some("half_live".parse().unwrap()),
        limit: 9,
        ..EventQuery::default()
    };
    assert_eq!(log.events(by_words).await.unwrap().items, [newer]);
}

/// An append whose caller went away is in the log wholly or not at all, and the log goes on.
pub async fn a_dropped_append_is_all_or_nothing(log: Log) {
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
        // What was dropped may still be on its way into the log, whole; whoever appends then is told that it moved.
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

/// Whoever asks for the key gets the same, also when many ask at once for one that is not there yet.
pub async fn the_key_of_hints_is_one_for_all(log: Log) {
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.hint_key().await.unwrap() })
        })
        .collect();
    let key = log.hint_key().await.unwrap();
    assert_ne!(key, [0; 32]);
    for asked in asked {
        assert_eq!(asked.await.unwrap(), key);
    }
}

/// What a replica said last is there until it was not heard of for too long, or said that it stops.
pub async fn replicas_are_seen_until_they_age(log: Log) {
    let replica = |id: &str, applied| Replica {
        id: id.into(),
        address: "http://10.0.0.1:8080".into(),
        labels: [("zone".to_owned(), "a \"b\" \0 ☃".to_owned())].into(),
        version: "0.1.0".into(),
        started_at: Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap(),
        applied: number(applied),
        applied_digest: (applied != 6).then(|| midflight_core::Digest::of_bytes(id.as_bytes())),
        diverged: applied == 7,
        refused: vec![(number(3), "rules/a is odd".into()), (number(5), String::new())],
        degraded: (applied == 7).then(|| "the store is away".into()),
    };
    let hour = Duration::from_secs(3600);
    assert!(log.replicas(hour).await.unwrap().is_empty());
    for (id, applied) in [("b", 6), ("a", 6), ("b", 7)] {
        log.put_replica(&replica(id, applied)).await.unwrap();
    }
    let seen = log.replicas(Duration::MAX).await.unwrap();
    assert!(seen.iter().all(|seen| seen.age < hour), "{seen:?}");
    let said: Vec<_> = seen.into_iter().map(|seen| seen.replica).collect();
    assert_eq!(said, [replica("a", 6), replica("b", 7)]);
    log.forget_replica("a").await.unwrap();
    log.forget_replica("never was").await.unwrap();
    assert_eq!(log.replicas(hour).await.unwrap().len(), 1);
    // Time passes by itself; until then it is younger than nothing at all.
    let all_aged = async { while !log.replicas(Duration::ZERO).await.unwrap().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(60), all_aged).await.unwrap();
    assert!(log.replicas(hour).await.unwrap().is_empty(), "who was left out is forgotten");
    log.put_replica(&replica("b", 8)).await.unwrap();
    assert_eq!(log.replicas(hour).await.unwrap()[0].replica.applied, number(8));
}

/// Heads are in the order asked, and a document that is asked for twice is there twice.
pub async fn heads_come_as_often_as_asked(log: Log) {
    append(&log, [put("a", json!(1)), put("b", json!(2))]).await;
    let (_, heads) = log.heads(&[id("b"), id("no"), id("a"), id("b")]).await.unwrap();
    let names = heads.iter().map(|head| head.as_ref().map(|head| head.id.name.as_str())).collect::<Vec<_>>();
    assert_eq!(names, [Some("b"), None, Some("a"), Some("b")]);
    assert_eq!(log.heads(&[]).await.unwrap(), (log.head().await.unwrap(), Vec::new()));
}

/// Somebody leads as long as it has the lead, and who lets it go makes room.
pub async fn somebody_leads_and_who_lets_go_can_lead_again(log: Log) {
    for _ in 0..3 {
        // A lead that was let go is free once the log has heard of it.
        let again = async {
            loop {
                if let Some(lead) = log.lead().await.unwrap() {
                    return lead;
                }
            }
        };
        let mut lead = tokio::time::timeout(Duration::from_secs(60), again).await.unwrap();
        assert!(lead.holds().await && lead.holds().await);
    }
}
