//! The log in PostgreSQL does what every log must do, and keeps its promises when the server is not what it was.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod audit_entries;
#[path = "postgres/callers.rs"]
mod callers;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use audit_entries::audit_entry;
use midflight_core::{Change, DocumentId, Edit, LogHead, RevisionNumber, Trigger};
use midflight_store::{
    AppendError, AuditStore as _, EventQuery, EventStore as _, FleetStore as _, NewRevision, PostgresOptions,
    PostgresStore, Replica, RevisionLog as _, Store, StoreError, everything,
};
use midflight_testkit::{CertificateAuthority, DEADLINE, Postgres, Proxy};
use serde_json::{Value, json};
use sqlx::Connection as _;

async fn make() -> (Arc<dyn Store>, Arc<Postgres>) {
    let server = Postgres::shared();
    let store = open(&server.database());
    (Arc::new(store), server)
}

midflight_store::conformance_tests!(make());

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url.parse().unwrap(), "r1")
}

fn open(url: &str) -> PostgresStore {
    PostgresStore::new(options(url))
}

/// A store that gives up soon.
fn hasty(url: &str) -> PostgresStore {
    PostgresStore::new(PostgresOptions { connect_ms_max: 300, statement_ms_max: 300, ..options(url) })
}

fn id(name: &str) -> DocumentId {
    DocumentId::new("rules", name).unwrap()
}

fn edit(name: &str, body: Value) -> Edit {
    Edit::new("anna", Trigger::ApiUpdate, [Change::put(id(name), body)])
}

async fn append_at(store: &dyn Store, edit: &Edit, expected_head: LogHead) -> Result<u64, AppendError> {
    let created_at = jiff::Timestamp::UNIX_EPOCH;
    let new = NewRevision { edit, created_at, expected_head, documents_max: u64::MAX };
    Ok(store.append(new).await?.revision.number.get())
}

async fn append(store: &dyn Store, name: &str, body: Value) -> Result<u64, AppendError> {
    append_at(store, &edit(name, body), store.head().await?).await
}

/// What an async expression answers, which must not take for ever.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.unwrap_or_else(|_| panic!("it takes too long"))
}

/// Asks again while the store is not available.
async fn until_it_answers<T, F: Future<Output = Result<T, StoreError>>>(mut ask: impl FnMut() -> F) -> T {
    in_time(async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_row_added_by_hand_is_found_and_the_past_cannot_be_changed() {
    let server = Postgres::shared();
    let url = server.database();
    let store = open(&url);
    append(&store, "a", json!({"n": 1.5})).await.unwrap();
    for forbidden in [
        "UPDATE documents SET body = '{}'",
        "UPDATE revisions SET author = 'eve'",
        "DELETE FROM documents",
        "DELETE FROM revisions WHERE number = 1",
        "TRUNCATE documents",
        "TRUNCATE revisions CASCADE",
        "INSERT INTO revisions (number, author) VALUES (1, 'eve') ON CONFLICT (number) DO UPDATE SET author = 'eve'",
    ] {
        let refused = Postgres::psql(&url, forbidden).unwrap_err();
        assert!(refused.contains("append-only") || refused.contains("the number"), "{forbidden}: {refused}");
    }
    let by_hand = "INSERT INTO revisions (author) VALUES ('by hand');
        INSERT INTO documents (kind, name, version, revision, body)
            VALUES ('rules', 'a', 2, 2, '{\"z\": 1, \"b\": 2}'), ('rules', 'Größe/Ω_1', 1, 2, '[]')";
    Postgres::psql(&url, by_hand).unwrap();
    let put = "SELECT midflight_put('rules', 'loans/R1', '{\"when\": 1e2}', 'anna', 'from psql')";
    assert_eq!(Postgres::psql(&url, put).unwrap(), "3");
    let removed = "SELECT midflight_delete('rules', 'a', 'anna')";
    assert_eq!(Postgres::psql(&url, removed).unwrap(), "4");
    assert!(Postgres::psql(&url, removed).unwrap_err().contains("there is no rules/a"));

    let found = store.since(RevisionNumber::new(1), 10).await.unwrap();
    let by = found.iter().map(|it| it.revision.author.as_str()).collect::<Vec<_>>();
    assert_eq!((by, found[1].revision.reason.as_str()), (vec!["by hand", "anna", "anna"], "from psql"));
    assert_eq!(found[0].documents[0].body.as_deref(), Some(&json!({"z": 1, "b": 2})));
    assert_eq!(found[1].documents[0].body.as_deref(), Some(&json!({"when": 100})));
    assert_eq!((found[2].documents[0].version, &found[2].documents[0].body), (3, &None));
    assert_eq!(append(&store, "a", json!({})).await.unwrap(), 5);
    assert_eq!(store.document_count().await.unwrap(), 3);
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_audit_cannot_be_changed_and_retention_deletes_what_it_may() {
    let server = Postgres::shared();
    let url = server.database();
    let store = open(&url);
    store.add_audit(&[audit_entry(1), audit_entry(2)]).await.unwrap();
    for forbidden in [
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 1",
        "TRUNCATE audit",
        "TRUNCATE audit RESTART IDENTITY CASCADE",
        "INSERT INTO audit OVERRIDING SYSTEM VALUE VALUES (1, 0, '', '', '', '')
            ON CONFLICT (number) DO UPDATE SET actor = 'eve'",
        "DELETE FROM audit_kept",
        "TRUNCATE audit_kept",
    ] {
        let refused = Postgres::psql(&url, forbidden).unwrap_err();
        assert!(refused.contains("the audit is append-only"), "{forbidden}: {refused}");
    }
    let actors = "SELECT string_agg(actor, ',' ORDER BY number) FROM audit";
    assert_eq!(Postgres::psql(&url, actors).unwrap(), "actor1,actor2");
    assert_eq!(store.forget_audit(jiff::Timestamp::from_second(2).unwrap()).await.unwrap(), 1);
    assert_eq!(Postgres::psql(&url, actors).unwrap(), "actor2");
    let back = Postgres::psql(&url, "UPDATE audit_kept SET kept_from = 0").unwrap_err();
    assert!(back.contains("never goes back"), "{back}");
}

#[tokio::test]
async fn a_malformed_row_added_by_hand_is_refused() {
    let server = Postgres::shared();
    let url = server.database();
    let store = open(&url);
    append(&store, "d", json!({})).await.unwrap();
    let document = |values: &str| {
        format!(
            "INSERT INTO revisions (number, author) VALUES (2, 'by hand');
             INSERT INTO documents (kind, name, version, revision, body, digest) VALUES ({values})"
        )
    };
    let revision = |values: &str| {
        format!("INSERT INTO revisions (number, author, created_at, trigger_word) VALUES ({values})")
    };
    let refused = [
        (revision("3, 'by hand', '2026-01-31T12:00:00Z', 'manual'"), "the number"),
        (revision("1, 'by hand', '2026-01-31T12:00:00Z', 'manual'"), "the number"),
        (revision("2, 'by hand', 'yesterday', 'manual'"), "created_at"),
        (revision("2, 'by hand', '2026-13-31T12:00:00Z', 'manual'"), "created_at"),
        (revision("2, 'by hand', '2026-02-30T12:00:00Z', 'manual'"), "created_at"),
        (revision("2, 'by hand', '2026-01-31T24:00:00Z', 'manual'"), "created_at"),
        (revision("2, 'by hand', '2026-01-31T12:00:00Z', 'Canary'"), "trigger_word"),
        (revision("2, 'by hand', '2026-01-31T12:00:00Z', 'by hand'"), "trigger_word"),
        (revision("2, 'by hand', '2026-01-31T12:00:00Z', E'canary\\n'"), "trigger_word"),
        (revision("2, 'by hand', '2026-01-31T12:00:00Z', ''"), "trigger_word"),
        (revision("2, 'by hand', '2026-01-31T12:00:00Z', repeat('x', 33)"), "trigger_word"),
        (document("'rules', 'd', 2, 1, '{}', NULL"), "which is the newest"),
        (document("'rules', 'd', 4, 2, '{}', NULL"), "version"),
        (document("'rules', 'd', 1, 2, '{}', NULL"), "version"),
        (document("'rules', 'new', 1, 2, '{}', NULL), ('rules', 'new', 2, 2, '{}', NULL"), "version"),
        (document("'Rules', 'new', 1, 2, '{}', NULL"), "a kind is"),
        (document("'rules', 'a//b', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', '../b', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', 'a b', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', E'a\\n', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', 'snow☃', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', 'a/b/c/d/e/f/g/h/i', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', '', 1, 2, '{}', NULL"), "a name is"),
        (document("'rules', 'new', 1, 2, '{\"n\": }', NULL"), "a body is JSON"),
        (document("'rules', 'new', 1, 2, repeat('[', 1000000), NULL"), "a body is JSON"),
        (document("'rules', 'new', 1, 2, '{}', 'abc'"), "a digest is"),
        (document("'rules', 'new', 1, 2, NULL, 'abc'"), "a digest is"),
        (
            "INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'd', 2, 1, '{}')"
                .into(),
            "which is the newest",
        ),
        ("SELECT midflight_put('rules', 'a//b', '{}', 'anna')".into(), "a name is"),
        ("SELECT midflight_put('rules', 'new', '{}', NULL)".into(), "author"),
    ];
    for (statements, why) in refused {
        let error = Postgres::psql(&url, &statements).unwrap_err();
        assert!(error.contains(why), "{statements}\n{error}");
    }
    let owned = Edit { owner: Some(midflight_core::Owner::new("file:/etc")), ..edit("d", json!({"by": 1})) };
    append_at(&store, &owned, store.head().await.unwrap()).await.unwrap();
    let put = "SELECT midflight_put('rules', 'd', '{}', 'anna')";
    assert!(Postgres::psql(&url, put).unwrap_err().contains("belongs to file:/etc"));
    assert_eq!(store.head().await.unwrap().number, RevisionNumber::new(2), "what was refused left no trace");
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_newer_log_is_refused() {
    let server = Postgres::shared();
    let url = server.database();
    open(&url).head().await.unwrap();
    migrate_as_a_newer_version(&url, 9999);
    let refused = open(&url).head().await.unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 9999, known: KNOWN }), "{refused}");
}

/// The newest migration of this version.
const KNOWN: i64 = 10;

/// Leaves the schema as a newer version does whose log may be used by programs that know the migration `oldest`.
fn migrate_as_a_newer_version(url: &str, oldest: i64) {
    let newer = format!(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', TRUE, '\\x00', 0);
         UPDATE schema_reader SET oldest = {oldest}"
    );
    Postgres::psql(url, &newer).unwrap();
}

/// A replica of this version that starts while the others are of a newer one, and another that starts after it.
#[tokio::test]
async fn a_log_of_a_newer_version_that_this_one_may_use_is_used() {
    let server = Postgres::shared();
    let url = server.database();
    let before = open(&url);
    append(&before, "a", json!(1)).await.unwrap();
    migrate_as_a_newer_version(&url, KNOWN);
    for n in 2..4 {
        let store = open(&url);
        assert_eq!(append(&store, "a", json!(n)).await.unwrap(), n);
    }
    assert_eq!(append(&before, "a", json!(4)).await.unwrap(), 4);
}

#[tokio::test]
async fn a_read_only_log_reports_it() {
    let server = Postgres::shared();
    let url = server.database();
    append(&open(&url), "a", json!({})).await.unwrap();
    let store = open(&format!("{url}?options[default_transaction_read_only]=on"));
    // The schema is looked after first, which writes.
    let refused = store.head().await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_replicas_start_at_once() {
    let server = Postgres::shared();
    let url = server.database();
    let starts: Vec<_> = (0..10)
        .map(|n| {
            let store = open(&url);
            tokio::spawn(async move {
                let key = store.hint_key().await.unwrap();
                loop {
                    match append(&store, &format!("d{n}"), json!({})).await {
                        Ok(_) => return key,
                        Err(AppendError::Moved { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    let mut keys = Vec::new();
    for start in starts {
        keys.push(in_time(start).await.unwrap());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1, "the key is one for all");
    let (head, documents) = everything(&open(&url)).await.unwrap();
    assert_eq!((head.number.get(), documents.len()), (10, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_order_is_number_order_for_programs_and_people() {
    const EACH: u64 = 40;
    let server = Postgres::shared();
    let url = server.database();
    let reader = open(&url);
    reader.head().await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = open(&url);
            tokio::spawn(async move {
                for n in 0..EACH {
                    let edit = edit(&format!("w{writer}"), json!({ "n": n }));
                    let mut head = store.head().await.unwrap();
                    while let Err(refused) = append_at(&store, &edit, head).await {
                        let AppendError::Moved { head: newer, .. } = refused else { panic!("{refused}") };
                        head = newer;
                    }
                }
            })
        })
        .collect();
    let psql = url.clone();
    let by_hand = tokio::task::spawn_blocking(move || {
        for n in 0..EACH {
            // It holds its number for a moment before it commits; what waits for the lock must not overtake it.
            let put = format!(
                "BEGIN; SELECT midflight_put('rules', 'hand', '{n}', 'anna'); SELECT pg_sleep(0.002); COMMIT"
            );
            Postgres::psql(&psql, &put).unwrap();
        }
    });
    let mut seen = RevisionNumber::ZERO;
    in_time(async {
        while seen.get() < 5 * EACH {
            for appended in reader.since(seen, 7).await.unwrap() {
                assert_eq!((appended.revision.number, appended.documents.len()), (seen.next(), 1));
                seen = appended.revision.number;
            }
        }
    })
    .await;
    for writer in writers {
        writer.await.unwrap();
    }
    by_hand.await.unwrap();
    assert_eq!(reader.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_of_the_server() {
    let mut server = Postgres::start();
    let url = server.database();
    let store = Arc::new(open(&url));
    let mut acknowledged = Vec::new();
    for round in 0..4_u64 {
        let (message, mut received) = tokio::sync::mpsc::unbounded_channel();
        let writer = Arc::clone(&store);
        let writing = tokio::spawn(async move {
            for n in 0.. {
                let name = format!("r{round}/n{n}");
                match append(&*writer, &name, json!({ "n": n })).await {
                    Ok(number) => message.send((number, name)).unwrap(),
                    Err(AppendError::Store(StoreError::Unavailable(_)) | AppendError::Unknown { .. }) => {
                        return;
                    }
                    // Its own, of which it was not known whether it was taken.
                    Err(AppendError::Moved { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        for _ in 0..(5 + 7 * round) {
            acknowledged.push(in_time(received.recv()).await.unwrap());
        }
        server.process().kill();
        in_time(writing).await.unwrap();
        while let Some(one) = received.recv().await {
            acknowledged.push(one);
        }
        assert!(is_unavailable(&store.head().await), "it is away");
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
        let all = until_it_answers(|| store.since(RevisionNumber::ZERO, u32::MAX)).await;
        assert!(all.iter().zip(1..).all(|(it, n)| it.revision.number.get() == n && it.documents.len() == 1));
        for (number, name) in &acknowledged {
            let there = &all[usize::try_from(*number).unwrap() - 1].documents[0];
            assert_eq!(there.id.name.as_str(), name, "what was acknowledged under {number} is there");
        }
    }
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_or_stopped_server_is_unavailable_until_it_is_back() {
    let mut server = Postgres::start();
    let url = server.database();
    // Away from the beginning: nothing is needed to make a store.
    server.stop();
    let store = Arc::new(hasty(&url));
    assert!(is_unavailable(&in_time(store.head()).await));
    assert!(is_unavailable(&in_time(everything(&*store)).await));
    server.restart();
    append_in_time(&store, "a").await;

    // A proxy that passes nothing on is what a paused machine is to its clients.
    let proxy = Proxy::to(server.port());
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let stores = [Arc::new(hasty(&through)), Arc::clone(&store)];
    until_it_answers(|| stores[0].head()).await;
    for round in 0..3 {
        proxy.stall();
        let calls = (0..30).map(|_| {
            let store = Arc::clone(&stores[0]);
            tokio::spawn(async move { store.head().await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(is_unavailable(&in_time(call).await.unwrap()), "round {round}");
        }
        assert!(is_unavailable(&in_time(everything(&*stores[0])).await));
        proxy.heal();
        append_in_time(&stores[0], "a").await;
        proxy.cut();
        assert!(is_unavailable(&in_time(stores[0].head()).await));
        proxy.heal();
        append_in_time(&stores[0], "a").await;
    }
    server.process().pause();
    // The session that answered last is a process of its own, which goes on; a new one cannot be had.
    let new = hasty(&url);
    assert!(is_unavailable(&in_time(new.head()).await));
    server.process().resume();
    append_in_time(&new, "a").await;
    store.close().await;
    assert!(is_unavailable(&in_time(store.head()).await), "a closed one stays closed");
}

/// Appends when the store is back. What was sent just before may be taken yet, so the log may move meanwhile.
async fn append_in_time(store: &PostgresStore, name: &str) {
    in_time(async {
        loop {
            match append(store, name, json!({})).await {
                Ok(_) => return,
                Err(AppendError::Moved { .. } | AppendError::Store(StoreError::Unavailable(_))) => {}
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hangs_in_a_transaction_is_not_in_the_way_for_long() {
    let server = Postgres::shared();
    let url = server.database();
    let store = PostgresStore::new(PostgresOptions { statement_ms_max: 300, ..options(&url) });
    append(&store, "a", json!({})).await.unwrap();
    // Somebody has put a revision and does not commit.
    let hand = {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            Postgres::psql(
                &url,
                "BEGIN; SELECT midflight_put('rules', 'b', '1', 'anna'); SELECT pg_sleep(3); ROLLBACK",
            )
        })
    };
    in_time(async {
        loop {
            match append(&store, "a", json!({})).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(refused) => {
                    assert!(matches!(refused, AppendError::Store(StoreError::Unavailable(_))), "{refused}");
                    return;
                }
            }
        }
    })
    .await;
    assert!(store.head().await.is_ok(), "readers are not held up");
    in_time(hand).await.unwrap().unwrap();
    append_in_time(&store, "a").await;
    assert_eq!(store.document_head(&id("b")).await.unwrap(), None);
}

/// Waits until the store is measured to be available, or not to be.
async fn until_measured(store: &PostgresStore, available: bool) {
    in_time(async {
        while store.availability().is_none_or(|measured| measured.available != available) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_measured_to_be_unavailable_and_no_call_waits_for_it() {
    let server = Postgres::shared();
    let url = server.database();
    let proxy = Proxy::to(server.port());
    // Each call alone would wait for a minute.
    let patient = options(&url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port())));
    let patient = PostgresOptions { connect_ms_max: 60_000, statement_ms_max: 60_000, ..patient };
    let store = Arc::new(PostgresStore::new(patient));
    let mut changes = store.availability_changes().unwrap();
    assert_eq!(store.availability(), None, "nothing was asked yet, so nothing is claimed");
    store.head().await.unwrap();
    until_measured(&store, true).await;
    for _ in 0..3 {
        in_time(changes.changed()).await.unwrap();
        changes.mark_unchanged();
        proxy.stall();
        let reads = (0..30).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.head().await })
        });
        for read in reads.collect::<Vec<_>>() {
            assert!(is_unavailable(&in_time(read).await.unwrap()));
        }
        let measured = store.availability().unwrap();
        assert!(!measured.available && measured.answered_at <= Some(measured.since), "{measured:?}");
        assert!(measured.error.unwrap().contains("answer_ms_max"));
        in_time(changes.changed()).await.unwrap();
        proxy.heal();
        until_measured(&store, true).await;
        assert_eq!(store.availability().unwrap().error, None);
        until_it_answers(|| store.head()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_sent_before_the_server_hung_has_an_unknown_outcome() {
    let server = Postgres::shared();
    let url = server.database();
    let proxy = Proxy::to(server.port());
    let store = Arc::new(open(&url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()))));
    append(&*store, "a", json!({})).await.unwrap();
    // An edit by hand that is not committed makes the append wait in the server.
    let mut hand = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN").execute(&mut hand).await.unwrap();
    sqlx::query("SELECT midflight_put('rules', 'b', '1', 'anna')").execute(&mut hand).await.unwrap();
    let sent = {
        let (store, first) = (Arc::clone(&store), store.head().await.unwrap());
        tokio::spawn(async move { append_at(&*store, &edit("a", json!(2)), first).await })
    };
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%midflight_append%'
        AND datname = current_database()";
    in_time(async {
        while Postgres::psql(&url, waits).unwrap() != "1" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    proxy.stall();
    let message = in_time(sent).await.unwrap().unwrap_err();
    let second = RevisionNumber::new(2);
    assert!(matches!(message, AppendError::Unknown { number, .. } if number == second), "{message}");
    sqlx::query("ROLLBACK").execute(&mut hand).await.unwrap();
    // It was taken after that, as an answer that was lost is.
    let near = open(&url);
    let head = in_time(async {
        loop {
            let head = near.head().await.unwrap();
            if head.number.get() == 2 {
                return head.number;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(near.since(RevisionNumber::new(1), 9).await.unwrap()[0].revision.number, head);
}

#[tokio::test]
async fn every_revision_is_notified_when_it_commits() {
    let server = Postgres::shared();
    let url = server.database();
    let store = open(&url);
    store.head().await.unwrap();
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    listener.listen("midflight").await.unwrap();
    Postgres::psql(&url, "BEGIN; SELECT midflight_put('rules', 'no', '1', 'anna'); ROLLBACK").unwrap();
    Postgres::psql(&url, "SELECT midflight_put('rules', 'a', '1', 'anna')").unwrap();
    append(&store, "a", json!(2)).await.unwrap();
    Postgres::psql(&url, "INSERT INTO revisions (author) VALUES ('by hand')").unwrap();
    for number in ["1", "2", "3"] {
        assert_eq!(in_time(listener.recv()).await.unwrap().payload(), number);
    }
}

#[tokio::test]
async fn each_replica_reads_its_own_reload_events() {
    use midflight_core::{Outcome, Problems, ReloadEvent, ReloadId};
    let server = Postgres::shared();
    let url = server.database();
    let event = |n: u64, by: &str| ReloadEvent {
        id: ReloadId(n),
        trigger: Trigger::Manual.into(),
        triggered_by: by.into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(1),
        phases: Vec::new(),
        outcome: Outcome::Success.into(),
        from: RevisionNumber::ZERO,
        to: RevisionNumber::new(1),
        kinds: Vec::new(),
        documents_changed: 0,
        components: Vec::new(),
        problems: Problems::default(),
    };
    let replicas =
        ["r1", "r2"].map(|name| PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), name)));
    for (replica, by) in replicas.iter().zip(["one", "two"]) {
        replica.record_events(&[event(1, by), event(2, by)], 9).await.unwrap();
    }
    replicas[0].record_events(&[event(2, "again"), event(3, "again")], 2).await.unwrap();
    replicas[0].record_events(&[], 0).await.unwrap();
    let by = async |replica: &PostgresStore| {
        let page = replica.events(EventQuery { limit: 9, ..EventQuery::default() }).await.unwrap();
        page.items.into_iter().map(|event| (event.id.0, event.triggered_by)).collect::<Vec<_>>()
    };
    let pairs = |numbers: [u64; 2], by: &str| numbers.map(|n| (n, by.to_owned()));
    assert_eq!(by(&replicas[0]).await, pairs([3, 2], "again"));
    assert_eq!(by(&replicas[1]).await, pairs([2, 1], "two"));
}

/// Waits until a store leads.
async fn leads(store: &PostgresStore) -> Box<dyn midflight_store::Lead> {
    in_time(async {
        loop {
            if let Ok(Some(lead)) = store.lead().await {
                return lead;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_and_a_leader_that_is_dead_or_hangs_is_replaced() {
    let server = Postgres::shared();
    let url = server.database();
    let proxy = Proxy::to(server.port());
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let (near, far) = (open(&url), open(&through));
    let mut first = leads(&far).await;
    assert!(near.lead().await.unwrap().is_none() && first.holds().await, "one leads");
    // Another log, in the same database, has a leader of its own.
    Postgres::psql(&url, "CREATE SCHEMA other").unwrap();
    assert!(open(&format!("{url}?options[search_path]=other")).lead().await.unwrap().is_some());

    // Its connection is there and nothing comes of it any more, as of a process that was paused.
    proxy.stall();
    let mut second = leads(&near).await;
    assert!(second.holds().await);
    proxy.heal();
    assert!(!first.holds().await, "it was replaced, and finds out");
    assert!(!first.holds().await && until_it_answers(|| far.lead()).await.is_none());

    // Its process is gone, and its connection with it.
    drop(second);
    let mut third = leads(&far).await;
    assert!(third.holds().await);
    proxy.cut();
    let mut fourth = leads(&near).await;
    assert!(fourth.holds().await && !third.holds().await);
    // Only of this log: other tests have theirs in other databases of the same server.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid
        FROM pg_database WHERE datname = current_database())";
    Postgres::psql(&url, end).unwrap();
    assert!(!fourth.holds().await, "who is told so by the server leads no more");
    near.close().await;
    assert!(is_unavailable(&near.lead().await.map(|lead| lead.is_some())));
}

#[tokio::test]
async fn other_connections_to_the_same_log_take_over_while_it_is_used() {
    let server = Postgres::shared();
    let (url, another) = (server.database(), server.database());
    let log = Arc::new(open(&url));
    append(&*log, "a", json!({"n": 0})).await.unwrap();

    let other_log = log.open_beside(&options(&another)).await.unwrap_err();
    assert!(matches!(&other_log, StoreError::Corrupt(why) if why.contains("is not the log")), "{other_log}");
    let anonymous =
        PostgresOptions { connect_ms_max: 300, ..options("postgres://anna:hunter2@127.0.0.1:1/log") };
    let unavailable = log.open_beside(&anonymous).await.unwrap_err().to_string();
    assert!(!unavailable.contains("hunter2"), "{unavailable}");

    let writers: Vec<_> = (0..8)
        .map(|n| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for i in 0..20 {
                    let name = format!("w{n}");
                    while let Err(error) = append(&*log, &name, json!({"n": i})).await {
                        assert!(matches!(error, AppendError::Moved { .. }), "{error}");
                    }
                }
            })
        })
        .collect();
    for size in [2, 7, 1, 5] {
        let options = PostgresOptions { connections_max: size, ..options(&url) };
        let beside = log.open_beside(&options).await.unwrap();
        drop(log.swap(beside));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(log.head().await.unwrap().number.get(), 161);
    // And back: the retained ones are as they were.
    let beside = log.open_beside(&options(&url)).await.unwrap();
    let old = log.swap(beside);
    drop(log.swap(old));
    assert_eq!(log.head().await.unwrap().number.get(), 161);
}

#[tokio::test]
async fn what_a_replica_reports_is_notified_when_it_is_new() {
    let server = Postgres::shared();
    let url = server.database();
    let store = open(&url);
    store.head().await.unwrap();
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    listener.listen("midflight_replicas").await.unwrap();
    for applied in [1, 1, 2] {
        let replica = Replica {
            id: "a".to_owned(),
            address: String::new(),
            labels: std::collections::BTreeMap::new(),
            version: String::new(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            applied: RevisionNumber::new(applied),
            applied_digest: None,
            diverged: false,
            refused: Vec::new(),
            degraded: None,
            inputs: std::collections::BTreeMap::new(),
        };
        store.put_replica(&replica).await.unwrap();
    }
    Postgres::psql(&url, "NOTIFY midflight_replicas, 'end'").unwrap();
    let mut received = Vec::new();
    while received.last().is_none_or(|last| last != "end") {
        received.push(in_time(listener.recv()).await.unwrap().payload().to_owned());
    }
    assert_eq!(received, ["", "", "end"], "a heartbeat is not");
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_and_the_name_of_its_certificate() {
    let (authority, stranger) = (CertificateAuthority::new(), CertificateAuthority::new());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let files = [authority.write(folders[0].path()), stranger.write(folders[1].path())];
    let with = |server: &Postgres, file: &std::path::Path| {
        format!("{}?sslmode=verify-full&sslrootcert={}", server.database(), file.display())
    };
    let server = Postgres::start_with_tls(&authority.server(&["127.0.0.1"]));
    in_time(open(&with(&server, &files[0])).head()).await.unwrap();
    let elsewhere = Postgres::start_with_tls(&authority.server(&["db.example"]));
    for (url, reason) in
        [(with(&server, &files[1]), "UnknownIssuer"), (with(&elsewhere, &files[0]), "not valid for name")]
    {
        let refused = in_time(hasty(&url).head()).await.unwrap_err();
        let refused = format!("{refused:?}");
        assert!(refused.contains(reason) || refused.contains("NotValidForName"), "{refused}");
    }
}
