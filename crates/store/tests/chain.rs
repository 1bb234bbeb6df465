//! Which log it is and which history of it, in logs that were made before there was a chain, with rows added by hand,
//! and after a crash of a server that is told not to wait for its disk.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod older;

use std::path::Path;

use midflight_core::{Change, DocumentId, Edit, LogHead, RevisionNumber, Trigger};
use midflight_store::{
    NewRevision, PostgresOptions, PostgresStore, RevisionLog as _, SqliteOptions, SqliteStore, Store,
    StoreError,
};
use midflight_testkit::Postgres;
use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqlitePool};
use tempfile::TempDir;

fn postgres(url: &str) -> PostgresStore {
    PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), "r1"))
}

async fn sqlite(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions::new(path)).await
}

async fn append(store: &dyn Store, n: u64) -> LogHead {
    let edit = Edit::new(
        "anna",
        Trigger::ApiUpdate,
        [Change::put(DocumentId::new("rules", "a").unwrap(), json!({ "n": n }))],
    );
    let (created_at, expected_head) = (jiff::Timestamp::UNIX_EPOCH, store.head().await.unwrap());
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
    let appended = store.append(new).await.unwrap();
    assert_eq!(appended.revision.digest, appended.computed_digest(&expected_head.digest));
    expected_head.at(appended.revision.number, appended.revision.digest)
}

/// Three revisions by hand, whose bodies are not canonical: 1 and 3 of one document, and a deletion.
const BY_HAND: &str = "
    INSERT INTO revisions (number, author, reason) VALUES (1, 'Zoë', '');
    INSERT INTO documents (kind, name, version, revision, owner, body)
        VALUES ('rules', 'b', 1, 1, 'é x', '{\"z\": 1.0,  \"b\": 2}'), ('rules', 'c', 1, 1, NULL, '[]');
    INSERT INTO revisions (number, author, reason) VALUES (2, 'by hand', 'é');
    INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'c', 2, 2, NULL);
    INSERT INTO revisions (number, author) VALUES (3, 'by hand');
    INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'b', 2, 3, '{ }');";

/// The digests of the revisions from `first` on hang together, from the empty log's on, and agree with the rows.
async fn is_chained(store: &dyn Store, first: u64) {
    let read = store.since(RevisionNumber::new(first - 1), 100).await.unwrap();
    let head = store.head().await.unwrap();
    let mut parent = head.log.genesis();
    for one in &read {
        assert_eq!(one.parent, parent);
        parent = one.revision.digest;
    }
    assert_eq!(head, head.at(read.last().unwrap().revision.number, parent));
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

async fn run(pool: &SqlitePool, statements: &'static str) {
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_sqlite_log_of_before_gets_its_id_and_its_digests() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let older = older::sqlite(&path, 4).await;
    run(&older, BY_HAND).await;
    older.close().await;
    let store = sqlite(&path).await.unwrap();
    is_chained(&store, 1).await;
    let head = append(&store, 4).await;
    store.close().await;
    let again = sqlite(&path).await.unwrap();
    assert_eq!(again.head().await.unwrap(), head);
    is_chained(&again, 1).await;
}

#[tokio::test]
async fn a_sqlite_log_of_before_that_was_compacted_begins_its_chain_where_it_can_be_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let older = older::sqlite(&path, 4).await;
    run(&older, BY_HAND).await;
    run(
        &older,
        "UPDATE meta SET value = 1 WHERE key = 'compacting'; DELETE FROM documents WHERE version = 1 AND name = 'b';
         UPDATE meta SET value = 0 WHERE key = 'compacting'; UPDATE meta SET value = 3 WHERE key = 'first_revision'",
    )
    .await;
    older.close().await;
    let store = sqlite(&path).await.unwrap();
    is_chained(&store, 3).await;
    let (_, digests) = store.digests(&[RevisionNumber::new(2), RevisionNumber::new(3)]).await.unwrap();
    assert!(digests[0].is_none() && digests[1].is_some());
}

#[tokio::test]
async fn in_sqlite_rows_added_by_hand_are_chained_when_they_are_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let store = sqlite(&path).await.unwrap();
    let empty = store.head().await.unwrap();
    let by_hand = SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    run(&by_hand, BY_HAND).await;
    let head = store.head().await.unwrap();
    assert_eq!((head.log, head.number.get()), (empty.log, 3));
    is_chained(&store, 1).await;
    run(&by_hand, "INSERT INTO revisions (number, author) VALUES (4, 'by hand')").await;
    append(&store, 5).await;
    is_chained(&store, 1).await;
    for forbidden in [
        "UPDATE revision_digests SET digest = digest",
        "DELETE FROM revision_digests",
        "INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'late', 1, 5, '{}')",
    ] {
        assert!(sqlx::query(forbidden).execute(&by_hand).await.is_err(), "{forbidden}");
    }
}

#[tokio::test]
async fn a_postgres_log_of_before_gets_its_id_and_its_digests() {
    let server = Postgres::shared();
    let url = server.database();
    older::postgres(&url, 2).await;
    Postgres::psql(&url, BY_HAND).unwrap();
    let store = postgres(&url);
    is_chained(&store, 1).await;
    append(&store, 4).await;
    is_chained(&store, 1).await;
    assert_eq!(postgres(&url).head().await.unwrap(), store.head().await.unwrap());
}

/// What a program of before appends, as the statement that it sends.
const OLDER_APPEND: &str =
    "SELECT taken, newest FROM midflight_append(0, 'old', '', 'manual', '2026-01-31T12:00:00Z',
    '{rules}', '{a}', '{1}', '{NULL}', '{NULL}', '{\"{}\"}')";

#[tokio::test]
async fn a_revision_that_an_older_program_commits_during_the_upgrade_has_a_digest() {
    let server = Postgres::shared();
    let url = server.database();
    older::postgres(&url, 2).await;
    let mut older = PgConnection::connect(&url).await.unwrap();
    let mut writing = older.begin().await.unwrap();
    sqlx::query(OLDER_APPEND).execute(&mut *writing).await.unwrap();
    let upgraded = tokio::spawn({
        let store = postgres(&url);
        async move {
            store.head().await.unwrap();
            store
        }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while Postgres::psql(&url, waits).unwrap() == "0" {
        tokio::task::yield_now().await;
    }
    writing.commit().await.unwrap();
    let store = upgraded.await.unwrap();
    is_chained(&store, 1).await;
    assert_eq!(append(&store, 2).await.number.get(), 2);
}

#[tokio::test]
async fn in_postgres_rows_added_by_hand_have_their_digest_when_they_commit() {
    let server = Postgres::shared();
    let url = server.database();
    let store = postgres(&url);
    store.head().await.unwrap();
    Postgres::psql(&url, &format!("BEGIN; {BY_HAND} COMMIT")).unwrap();
    is_chained(&store, 1).await;
    append(&store, 4).await;
    Postgres::psql(&url, "SELECT midflight_put('rules', 'R1', '{\"when\": 1e2}', 'anna', 'é')").unwrap();
    is_chained(&store, 1).await;
    for forbidden in [
        "UPDATE revision_digests SET digest = digest",
        "DELETE FROM revision_digests",
        "TRUNCATE revision_digests",
        "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO revisions (author) VALUES ('x');
         INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'late', 1, 6, '{}'); COMMIT",
    ] {
        assert!(Postgres::psql(&url, forbidden).is_err(), "{forbidden}");
    }
    is_chained(&store, 1).await;
}

/// A program of before goes on appending to a log that a newer one has brought up to date.
#[tokio::test]
async fn in_postgres_a_program_of_before_appends_to_the_chain() {
    let server = Postgres::shared();
    let url = server.database();
    let store = postgres(&url);
    store.head().await.unwrap();
    assert_eq!(Postgres::psql(&url, OLDER_APPEND).unwrap(), "t|1");
    is_chained(&store, 1).await;
}

/// With the database's default off, PostgreSQL answers before the commit is on the disk, and a crash loses it.
#[tokio::test]
async fn an_acknowledged_edit_survives_a_crash_without_waiting_for_the_disk() {
    let mut server = Postgres::start();
    let url = server.database();
    // The writer of the WAL would put it on the disk by itself within a moment.
    let lazy = "ALTER SYSTEM SET synchronous_commit = 'off'; ALTER SYSTEM SET wal_writer_delay = '10s';
        ALTER SYSTEM SET wal_writer_flush_after = '1GB'; SELECT pg_reload_conf()";
    for statement in lazy.split(';') {
        Postgres::psql(&url, statement).unwrap();
    }
    let store = postgres(&url);
    for round in 0..5 {
        let mut head = store.head().await.unwrap();
        for n in 0..10 {
            head = append(&store, round * 10 + n).await;
        }
        let by_hand = "SELECT midflight_put('rules', 'R1', '{}', 'anna')";
        let number = Postgres::psql(&url, by_hand).unwrap();
        server.process().kill();
        server.restart();
        let store = postgres(&url);
        let after = store.head().await.unwrap();
        assert_eq!(after.number.to_string(), number, "what was acknowledged is there");
        let (_, digests) = store.digests(&[head.number]).await.unwrap();
        assert_eq!(digests, [Some(head.digest)]);
    }
}

/// A setting that waits for more than the disk is not weakened.
#[tokio::test]
async fn a_stronger_setting_of_the_server_stays() {
    let server = Postgres::shared();
    let url = server.database();
    for (default, kept) in
        [("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")]
    {
        let name = url.rsplit('/').next().unwrap();
        Postgres::psql(&url, &format!("ALTER DATABASE {name} SET synchronous_commit = '{default}'")).unwrap();
        append(&postgres(&url), 1).await;
        let in_transaction =
            "BEGIN; INSERT INTO revisions (author) VALUES ('x'); SHOW synchronous_commit; COMMIT";
        assert_eq!(Postgres::psql(&url, in_transaction).unwrap(), kept);
    }
}
