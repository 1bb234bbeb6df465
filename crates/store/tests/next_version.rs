//! What the next version of the program wrote is read by this one, and shown as it was written.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::sync::Arc;

use midflight_core::{Change, DocumentId, Edit, Open, Outcome, RevisionNumber, Trigger};
use midflight_store::{
    EventQuery, MemoryStore, NewRevision, PostgresOptions, PostgresStore, RevisionLog as _, RevisionQuery,
    SqliteOptions, SqliteStore, Store,
};
use midflight_testkit::Postgres;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqlitePool};
use tempfile::TempDir;

fn edit(n: u64) -> Edit {
    Edit::new(
        "anna",
        Trigger::ApiUpdate,
        [Change::put(DocumentId::new("rules", "a").unwrap(), json!({ "n": n }))],
    )
}

/// The first revision, of a trigger that this version does not know. Its texts are as programs write them.
const REVISION: &str = "
    INSERT INTO revisions (number, author, trigger_word, created_at)
        VALUES (1, 'next', 'canary', '2026-01-31T12:00:00Z');
    INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'a', 1, 1, '{\"n\":1}');";

const TOKEN: &str = "INSERT INTO tokens (name, role, hash, created_at)
    VALUES ('ci', 'deployer', '0123', '2026-01-31T12:00:00Z');";

/// A reload event of another shape, with words and members that this version does not know.
const EVENT: &str = r#"{"shape": 2, "id": 1, "trigger": "canary", "by": "next", "started_at": "2026-01-31T12:00:00Z",
    "took_ns": 5, "phases": [["load", 1], ["shadow", 2]], "outcome": "half_live", "from": 0, "to": 1,
    "kinds": ["rules"], "documents": 1, "components": [["pool", "warmed", 9]], "cohort": "eu",
    "problems": [], "unlisted": 0}"#;

/// Reads what was written above, and goes on with the log.
async fn is_read(store: &dyn Store) {
    let read = store.since(RevisionNumber::ZERO, 9).await.unwrap();
    let [first] = read.as_slice() else { panic!("{read:?}") };
    let trigger = first.revision.trigger;
    assert_eq!((trigger.as_str(), trigger.known()), ("canary", None));
    // The digest is of the word as it was written, so a follower does not take the log for another one.
    let (head, parent) = (store.head().await.unwrap(), first.parent);
    assert_eq!((head.digest, first.revision.digest), (first.revision.digest, first.computed_digest(&parent)));
    let listed = store.revisions(RevisionQuery { limit: 9, ..RevisionQuery::default() }).await.unwrap();
    assert_eq!(listed.items[0].revision, first.revision);

    let (created_at, edit) = (jiff::Timestamp::UNIX_EPOCH, edit(2));
    let new = NewRevision { edit: &edit, created_at, expected_head: head, documents_max: 9 };
    let second = store.append(new).await.unwrap();
    assert_eq!((second.parent, second.revision.trigger), (head.digest, Trigger::ApiUpdate.into()));
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

async fn event_and_token_are_read(store: &dyn Store) {
    let query = EventQuery {
        trigger: Some("canary".parse().unwrap()),
        outcome: Some("half_live".parse().unwrap()),
        limit: 9,
        ..EventQuery::default()
    };
    let found = store.events(query.clone()).await.unwrap().items;
    let [event] = found.as_slice() else { panic!("{found:?}") };
    let words: Vec<_> = event.phases.iter().map(|time| time.phase.as_str()).collect();
    assert_eq!((words, event.components[0].state.as_str()), (vec!["load", "shadow"], "warmed"));
    assert!(!event.outcome.is_live() && event.outcome.known().is_none());
    let failed = EventQuery { outcome: Some(Open::Known(Outcome::Stuck)), ..query.clone() };
    assert!(store.events(failed).await.unwrap().items.is_empty());
    store.record_events(&found, 9).await.unwrap();
    assert_eq!(store.events(query).await.unwrap().items, found, "it is kept as it was read");
    let tokens = store.tokens().await.unwrap();
    assert_eq!((tokens[0].name.as_str(), tokens[0].role.as_str()), ("ci", "deployer"));
}

#[tokio::test]
async fn in_memory_a_trigger_of_the_next_version_is_kept() {
    let store = MemoryStore::new();
    let (edit, expected_head) = (edit(1), store.head().await.unwrap());
    let created_at = jiff::Timestamp::UNIX_EPOCH;
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 9 };
    store.append_as(new, "canary".parse().unwrap()).unwrap();
    is_read(&store).await;
}

#[tokio::test]
async fn in_sqlite_what_the_next_version_wrote_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let store = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    let next = SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let event = format!(
        "INSERT INTO reload_events (id, trigger_word, outcome, event) VALUES (1, 'canary', 'half_live', '{EVENT}')"
    );
    sqlx::raw_sql(AssertSqlSafe(format!("{REVISION} {TOKEN} {event}"))).execute(&next).await.unwrap();
    is_read(&store).await;
    event_and_token_are_read(&store).await;
    store.close().await;
}

#[tokio::test]
async fn in_postgres_what_the_next_version_wrote_is_read() {
    let server = Postgres::shared();
    let url = server.database();
    let store = Arc::new(PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), "r1")));
    store.head().await.unwrap();
    let event = format!(
        "INSERT INTO reload_events (replica, id, trigger_word, outcome, kinds, event)
             VALUES ('r1', 1, 'canary', 'half_live', '{{rules}}', '{EVENT}')"
    );
    Postgres::psql(&url, &format!("{REVISION} {TOKEN} {event}")).unwrap();
    is_read(&*store).await;
    event_and_token_are_read(&*store).await;
}
