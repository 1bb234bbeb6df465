//! The log in a SQLite file does what every log must do, and keeps its promises when the file is not what it was.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod audit_entries;

use std::path::Path;
use std::sync::Arc;

use audit_entries::audit_entry;
use midflight_core::{Change, DocumentId, Edit, RevisionNumber, Trigger};
use midflight_store::{
    AppendError, AuditStore as _, Durability, NewRevision, RevisionLog as _, SqliteOptions, SqliteStore,
    Store, StoreError, everything,
};
use serde_json::json;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

async fn make() -> (Arc<dyn Store>, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = open(&folder.path().join("data/midflight.db")).await.unwrap();
    (Arc::new(store), folder)
}

midflight_store::conformance_tests!(make());

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions { durability: Durability::Process, ..SqliteOptions::new(path) }).await
}

fn edit(n: u64, text: &str) -> Edit {
    let id = DocumentId::new("rules", &format!("d{n}")).unwrap();
    Edit::new("anna", Trigger::ApiUpdate, [Change::put(id, json!({ "n": n, "text": text }))])
}

async fn append(store: &SqliteStore, edit: &Edit) -> Result<u64, AppendError> {
    let expected_head = store.head().await?;
    let created_at = jiff::Timestamp::UNIX_EPOCH;
    let new = NewRevision { edit, created_at, expected_head, documents_max: u64::MAX };
    Ok(store.append(new).await?.revision.number.get())
}

/// A log of some revisions in one file, with nothing in its write-ahead log.
async fn filled(path: &Path) {
    let store = open(path).await.unwrap();
    for n in 0..50 {
        append(&store, &edit(n, &"some text ".repeat(20))).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_with_the_owner() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let first = open(&path).await.unwrap();
    let refused = open(&path).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("process {} has", std::process::id())), "{refused}");
    assert!(refused.contains("--data-dir"), "{refused}");
    append(&first, &edit(1, "goes on")).await.unwrap();
    first.close().await;
    assert_eq!(open(&path).await.unwrap().head().await.unwrap().number, RevisionNumber::new(1));
}

#[tokio::test]
async fn a_full_log_reports_it_and_continues_when_there_is_space() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let bounded = SqliteOptions { store_bytes_max: Some(400_000), ..SqliteOptions::new(&path) };
    let store = SqliteStore::open(bounded).await.unwrap();
    let mut taken = 0;
    let refused = loop {
        match append(&store, &edit(taken, &"x".repeat(20_000))).await {
            Ok(number) => taken = number,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::Store(StoreError::Full(_))), "{refused}");
    assert!(taken > 5);
    assert_eq!(
        store.head().await.unwrap().number,
        RevisionNumber::new(taken),
        "what was refused left no trace"
    );
    assert!(store.diagnose().await.unwrap().is_empty());
    store.close().await;
    let store = open(&path).await.unwrap();
    assert_eq!(append(&store, &edit(taken, "small")).await.unwrap(), taken + 1);
}

#[tokio::test]
async fn an_invalid_place_of_a_log_is_reported() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    filled(&path).await;
    let inside_a_file = open(&path.join("no-folder/midflight.db")).await.unwrap_err();
    assert!(matches!(inside_a_file, StoreError::ReadOnly(_)), "{inside_a_file}");
    let a_folder = open(folder.path()).await.unwrap_err();
    assert!(a_folder.to_string().contains("is a folder"), "{a_folder}");
}

/// SQLite keeps the newest revisions beside the file until it moves them.
#[tokio::test]
async fn a_file_copied_without_its_wal_is_detected_and_a_closed_one_is_complete() {
    let folder = TempDir::new().unwrap();
    let (path, copies) = (folder.path().join("midflight.db"), folder.path().join("copies"));
    std::fs::create_dir(&copies).unwrap();
    let copy = |names: &[&str]| {
        for file in std::fs::read_dir(&copies).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        for name in names {
            std::fs::copy(folder.path().join(name), copies.join(name)).unwrap();
        }
        copies.join("midflight.db")
    };
    let store = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
    let body = "x".repeat(100);
    for n in 0..3 {
        append(&store, &edit(n, &body)).await.unwrap();
    }
    let refused = open(&copy(&["midflight.db", "midflight.db.head"])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");
    let output = refused.to_string();
    assert!(output.contains("revision 3") && output.contains("midflight.db-wal"), "{output}");
    let copied = open(&copy(&["midflight.db", "midflight.db-wal", "midflight.db.head"])).await.unwrap();
    assert_eq!(copied.head().await.unwrap(), store.head().await.unwrap());
    copied.close().await;
    let head = store.head().await.unwrap();
    store.close().await;
    let whole = open(&copy(&["midflight.db"])).await.unwrap();
    assert_eq!(whole.head().await.unwrap(), head, "what was closed in order needs no other file");
}

/// After a power loss such a log may have lost revisions, which must not keep it from being opened.
#[tokio::test]
async fn a_log_that_does_not_wait_for_the_disk_is_marked_when_it_is_closed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let mark = folder.path().join("midflight.db.head");
    let options = SqliteOptions { durability: Durability::Process, ..SqliteOptions::new(&path) };
    let store = SqliteStore::open(options).await.unwrap();
    append(&store, &edit(0, "x")).await.unwrap();
    assert!(!mark.exists());
    store.close().await;
    assert!(std::fs::read_to_string(&mark).unwrap().contains(" 1 "));
    assert_eq!(open(&path).await.unwrap().head().await.unwrap().number.get(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_log_or_a_newer_one_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    std::fs::write(&path, "these are not the bytes of a database, and there are enough of them ".repeat(100))
        .unwrap();
    let refused = open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused}");

    let newer = folder.path().join("newer.db");
    filled(&newer).await;
    migrate_as_a_newer_version(&newer, 9999).await;
    let refused = open(&newer).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 9999, known: KNOWN }), "{refused}");
}

/// The newest migration of this version.
const KNOWN: i64 = 11;

/// Leaves the schema as a newer version does whose log may be used by programs that know the migration `oldest`.
async fn migrate_as_a_newer_version(path: &Path, oldest: i64) {
    let writer = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let add = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
               VALUES (9999, 'from the future', TRUE, x'00', 0)";
    sqlx::query(add).execute(&writer).await.unwrap();
    sqlx::query("UPDATE schema_reader SET oldest = ?1").bind(oldest).execute(&writer).await.unwrap();
    writer.close().await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_that_this_one_may_use_is_used() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    filled(&path).await;
    migrate_as_a_newer_version(&path, KNOWN).await;
    let store = open(&path).await.unwrap();
    assert_eq!(append(&store, &edit(1, "goes on")).await.unwrap(), 51);
    assert_eq!(store.diagnose().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_past_cannot_be_changed_and_a_row_added_by_hand_is_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    filled(&path).await;
    let store = open(&path).await.unwrap();
    let by_hand = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    for forbidden in [
        "UPDATE documents SET body = '{}'",
        "UPDATE revisions SET author = 'eve'",
        "DELETE FROM documents",
        "DELETE FROM revisions WHERE number = 1",
    ] {
        let refused = sqlx::query(forbidden).execute(&by_hand).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{forbidden}: {refused}");
    }
    sqlx::raw_sql(
        "INSERT INTO revisions (number, author) VALUES (51, 'by hand');
         INSERT INTO documents (kind, name, version, revision, body) VALUES ('rules', 'd0', 2, 51, '{\"n\": 1}');",
    )
    .execute(&by_hand)
    .await
    .unwrap();
    by_hand.close().await;
    let found = store.since(RevisionNumber::new(50), 10).await.unwrap();
    assert_eq!(found[0].documents[0].body.as_deref(), Some(&json!({"n": 1})));
    let (head, heads) = store.heads(&[DocumentId::new("rules", "d0").unwrap()]).await.unwrap();
    assert_eq!((head.number.get(), heads[0].as_ref().unwrap().version), (51, 2));
}

#[tokio::test]
async fn the_audit_cannot_be_changed_and_retention_deletes_what_it_may() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let store = open(&path).await.unwrap();
    store.add_audit(&[audit_entry(1), audit_entry(2)]).await.unwrap();
    let by_hand = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    // SQLite has no TRUNCATE: a DELETE without WHERE is it.
    for forbidden in [
        "UPDATE audit SET actor = 'eve'",
        "UPDATE OR REPLACE audit SET number = 2 WHERE number = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 1",
        "INSERT OR REPLACE INTO audit VALUES (1, 0, 'eve', '', '', '{}')",
        "INSERT INTO audit VALUES (1, 0, 'eve', '', '', '{}') ON CONFLICT (number) DO UPDATE SET actor = 'eve'",
        "DELETE FROM audit_kept",
        "INSERT OR REPLACE INTO audit_kept VALUES (1, 100)",
    ] {
        let refused = sqlx::query(forbidden).execute(&by_hand).await.unwrap_err().to_string();
        assert!(refused.contains("the audit is append-only"), "{forbidden}: {refused}");
    }
    let actors = async || {
        let actors = sqlx::query_scalar::<_, String>("SELECT actor FROM audit ORDER BY number");
        actors.fetch_all(&by_hand).await.unwrap()
    };
    assert_eq!(actors().await, ["actor1", "actor2"]);
    assert_eq!(store.forget_audit(jiff::Timestamp::from_second(2).unwrap()).await.unwrap(), 1);
    assert_eq!(actors().await, ["actor2"]);
    let back = sqlx::query("UPDATE audit_kept SET kept_from = 0").execute(&by_hand).await.unwrap_err();
    assert!(back.to_string().contains("never goes back"), "{back}");
    by_hand.close().await;
}

#[tokio::test]
async fn a_malformed_row_added_by_hand_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    filled(&path).await;
    let by_hand = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let document = |values: &str| {
        format!(
            "BEGIN; INSERT INTO revisions (number, author) VALUES (51, 'by hand');
             INSERT INTO documents (kind, name, version, revision, body) VALUES ({values}); COMMIT;"
        )
    };
    let revision = |values: &str| {
        format!("BEGIN; INSERT INTO revisions (number, author, created_at) VALUES ({values});")
    };
    let triggered = |word: &str| {
        format!(
            "BEGIN; INSERT INTO revisions (number, author, trigger_word) VALUES (51, 'by hand', '{word}');"
        )
    };
    let refused = [
        (revision("53, 'by hand', '2026-01-31T12:00:00Z'"), "the number"),
        (revision("51, 'by hand', 'yesterday'"), "created_at"),
        (revision("51, 'by hand', '2026-13-31T12:00:00Z'"), "created_at"),
        (triggered("Canary"), "trigger_word"),
        (triggered("by hand"), "trigger_word"),
        (triggered(""), "trigger_word"),
        (triggered(&"x".repeat(33)), "trigger_word"),
        (document("'rules', 'd0', 2, 50, '{}'"), "which is the newest"),
        (document("'rules', 'd0', 4, 51, '{}'"), "version"),
        (document("'rules', 'd0', 1, 51, '{}'"), "version"),
        (document("'Rules', 'new', 1, 51, '{}'"), "a kind is"),
        (document("'rules', 'a//b', 1, 51, '{}'"), "a name is"),
        (document("'rules', '../b', 1, 51, '{}'"), "a name is"),
        (document("'rules', 'a b', 1, 51, '{}'"), "a name is"),
        (document("'rules', '', 1, 51, '{}'"), "a name is"),
        (document("'rules', 'new', 1, 51, '{\"n\": }'"), "a body is JSON"),
        (document("'rules', 'new', 1, 51, x'00'"), "a body is JSON"),
    ];
    for (statements, why) in refused {
        let mut connection = by_hand.acquire().await.unwrap();
        let error = sqlx::raw_sql(AssertSqlSafe(statements.as_str()))
            .execute(&mut *connection)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{statements}\n{error}");
        sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.unwrap();
    }
    let taken = document("'rules', 'règles/Ω_1.a-b:c@d+e', 1, 51, '{}'");
    sqlx::raw_sql(AssertSqlSafe(taken)).execute(&by_hand).await.unwrap();
    by_hand.close().await;
    let store = open(&path).await.unwrap();
    assert_eq!(store.since(RevisionNumber::new(50), 10).await.unwrap().len(), 1);
}

/// A generator of numbers that is the same on every machine (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_read_right_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    filled(&path).await;
    let store = open(&path).await.unwrap();
    let whole = everything(&store).await.unwrap();
    store.close().await;
    let bytes = std::fs::read(&path).unwrap();
    let mut numbers = Numbers(0x5eed);
    let (mut right, mut refused) = (0, 0);
    for round in 0..200 {
        let damaged = folder.path().join(format!("damaged{round}.db"));
        let mut copy = bytes.clone();
        if round % 10 == 0 {
            copy.truncate(numbers.next(copy.len()));
        } else {
            for _ in 0..=numbers.next(4) {
                let place = numbers.next(copy.len());
                copy[place] ^= 1 << numbers.next(8);
            }
        }
        std::fs::write(&damaged, copy).unwrap();
        let read = async {
            let store = open(&damaged).await?;
            let everything = everything(&store).await;
            store.close().await;
            everything
        };
        match read.await {
            // A flipped bit in an index or in free space changes nothing that is read; in a name or a number it is
            // seen by whoever compares, which the digest of a body is not for.
            Ok((_, documents)) => {
                let bodies_are_whole = documents.iter().all(|document| {
                    let was = whole.1.iter().any(|whole| whole.body == document.body);
                    was || document.body.is_none()
                });
                assert!(bodies_are_whole, "round {round}: a body came back that was never put");
                right += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(right > 20 && refused > 20, "both happen: {right} read, {refused} refused");
}

/// The child of the test below: appends for ever, and says each number once it is acknowledged.
const CHILD: &str = "MIDFLIGHT_STORE_KILL_TEST";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Ok(path) = std::env::var(CHILD) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = SqliteStore::open(SqliteOptions::new(path)).await.unwrap();
            for n in 0.. {
                let number = append(&store, &edit(n % 7, "text")).await.unwrap();
                println!("acknowledged {number}");
            }
        });
    }
    use std::io::{BufRead as _, BufReader};
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("midflight.db");
    let mut numbers = Numbers(0xdead);
    let mut last = 0;
    for _ in 0..10 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
            .env(CHILD, &path)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = last + 1 + numbers.next(40) as u64;
        while last < wanted {
            let line = lines.next().expect("the child goes on until it is killed").unwrap();
            if let Some((_, number)) = line.split_once("acknowledged ") {
                last = number.trim().parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            // What it had said before it was killed counts too.
            if let Some((_, number)) = line.split_once("acknowledged ") {
                last = number.trim().parse().unwrap_or(last);
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let head = runtime.block_on(async {
            let store = SqliteStore::open(SqliteOptions::new(&path)).await.unwrap();
            let all = store.since(RevisionNumber::ZERO, u32::MAX).await.unwrap();
            let gapless =
                all.iter().zip(1..).all(|(it, n)| it.revision.number.get() == n && it.documents.len() == 1);
            assert!(gapless, "every revision is there whole, under its number");
            assert!(store.diagnose().await.unwrap().is_empty());
            let head = store.head().await.unwrap().number.get();
            store.close().await;
            head
        });
        assert!(head >= last, "{last} was acknowledged and {head} is the newest");
        last = head;
    }
}
