//! Tallies in the databases: in a log that is older than they are, beside silent sources, and with rows added by hand.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod older;

use midflight_store::{
    PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError, Tally, TallyQuery,
};
use midflight_testkit::Postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlitePool};
use tempfile::TempDir;

fn used(count: u64) -> Tally {
    let (kind, name) = ("rules".parse().unwrap(), "a".parse().unwrap());
    Tally { kind, name, counter: "used".into(), count, last_at: jiff::Timestamp::UNIX_EPOCH }
}

async fn add(store: &dyn Store, source: &str, batch: u64) -> bool {
    store.add_tallies(source, batch, &[used(1)]).await.unwrap()
}

async fn counts(store: &dyn Store) -> Result<Vec<u64>, StoreError> {
    let query = TallyQuery { kind: "rules".parse().unwrap(), names: None, after: None, limit: 9 };
    Ok(store.tallies(query).await?.items.iter().map(|tally| tally.count).collect())
}

/// Counts with two sources that are then said to have been silent for more than a day.
async fn two_silent(store: &dyn Store, age: impl AsyncFnOnce()) {
    assert!(add(store, "silent", 1).await && add(store, "loud", 1).await);
    age().await;
    assert!(!add(store, "loud", 1).await, "what is known is heard of too");
    assert!(add(store, "new", 1).await);
    assert_eq!(counts(store).await.unwrap(), [3]);
}

/// What is said of a row whose name is none.
async fn finds_the_unreadable(store: &dyn Store) {
    let found = store.diagnose().await.unwrap();
    assert!(found.len() == 1 && found[0].contains("a//b"), "{found:?}");
    let refused = counts(store).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
}

async fn sqlite(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(SqliteOptions::new(folder.path().join("midflight.db"))).await.unwrap()
}

async fn by_hand(folder: &TempDir) -> SqlitePool {
    let path = folder.path().join("midflight.db");
    SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap()
}

fn postgres(url: &str) -> PostgresStore {
    PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), "r1"))
}

#[tokio::test]
async fn a_sqlite_log_of_before_there_were_tallies_opens() {
    let folder = TempDir::new().unwrap();
    let older = older::sqlite(&folder.path().join("midflight.db"), 2).await;
    older.close().await;
    let store = sqlite(&folder).await;
    assert!(add(&store, "one", 1).await);
    assert_eq!(counts(&store).await.unwrap(), [1]);
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_postgres_log_of_before_there_were_tallies_opens() {
    let server = Postgres::shared();
    let url = server.database();
    older::postgres(&url, 1).await;
    let store = postgres(&url);
    assert!(add(&store, "one", 1).await);
    assert_eq!(counts(&store).await.unwrap(), [1]);
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn in_sqlite_silent_sources_are_forgotten_and_no_row_is_worse_than_unreadable() {
    let folder = TempDir::new().unwrap();
    let (store, by_hand) = (sqlite(&folder).await, by_hand(&folder).await);
    two_silent(&store, async || {
        let age = "UPDATE tally_sources SET heard_at_ms = heard_at_ms - 90000000";
        sqlx::raw_sql(age).execute(&by_hand).await.unwrap();
    })
    .await;
    let select = "SELECT source FROM tally_sources ORDER BY source";
    let left: Vec<String> = sqlx::query_scalar(select).fetch_all(&by_hand).await.unwrap();
    assert_eq!(left, ["loud", "new"]);

    for refused in ["'a b', 1, 1", "'', 1, 1", "'used', -1, 1", "'used', 'x', 1", "'used', 1.5, 1"] {
        let insert = format!("INSERT INTO tallies VALUES ('rules', 'd', {refused})");
        let refused = sqlx::query(AssertSqlSafe(insert)).execute(&by_hand).await.unwrap_err().to_string();
        assert!(refused.contains("CHECK"), "{refused}");
    }
    let insert = "INSERT INTO tallies VALUES ('rules', 'a//b', 'used', 1, 1)";
    sqlx::query(insert).execute(&by_hand).await.unwrap();
    finds_the_unreadable(&store).await;
}

#[tokio::test]
async fn in_postgres_silent_sources_are_forgotten_and_no_row_is_worse_than_unreadable() {
    let server = Postgres::shared();
    let url = server.database();
    let store = postgres(&url);
    two_silent(&store, async || {
        let age = "UPDATE tally_sources SET heard_at = heard_at - INTERVAL '25 hours'";
        Postgres::psql(&url, age).unwrap();
    })
    .await;
    let left = Postgres::psql(&url, "SELECT string_agg(source, ' ' ORDER BY source) FROM tally_sources");
    assert_eq!(left.unwrap(), "loud new");

    for refused in ["'a b', 1, 1", "'', 1, 1", "'used', -1, 1"] {
        let insert = format!("INSERT INTO tallies VALUES ('rules', 'd', {refused})");
        let refused = Postgres::psql(&url, &insert).unwrap_err();
        assert!(refused.contains("check constraint"), "{refused}");
    }
    Postgres::psql(&url, "INSERT INTO tallies VALUES ('rules', 'a//b', 'used', 1, 1)").unwrap();
    finds_the_unreadable(&store).await;
}

#[tokio::test]
async fn a_source_that_was_silent_and_is_back_delays_no_one() {
    let server = Postgres::shared();
    let url = server.database();
    let store = postgres(&url);
    assert!(add(&store, "silent", 1).await);
    Postgres::psql(&url, "UPDATE tally_sources SET heard_at = heard_at - INTERVAL '25 hours'").unwrap();
    let mut back = PgConnection::connect(&url).await.unwrap();
    let begin = "BEGIN; SELECT midflight_add_tallies('silent', 2, '{rules}', '{b}', '{used}', '{1}', '{1}')";
    sqlx::raw_sql(begin).execute(&mut back).await.unwrap();
    // A statement that waited for it would be ended by the server and fail.
    assert!(add(&store, "new", 1).await);
    sqlx::raw_sql("COMMIT").execute(&mut back).await.unwrap();
    assert!(!add(&store, "silent", 2).await, "it is not forgotten");
    assert_eq!(counts(&store).await.unwrap(), [2, 1]);
}
