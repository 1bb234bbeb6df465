//! A log that the next version of the program writes to is followed, listed, exported and restored by this one.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{Change, DocumentId, Edit, ReloadEvent, ReloadId, RevisionNumber, Trigger};
use midflight_server::Backend;
use midflight_store::{
    MemoryStore, NewRevision, PostgresOptions, PostgresStore, RevisionLog as _, SqliteOptions, SqliteStore,
    Store, Token,
};
use midflight_testkit::Postgres;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqlitePool};

use crate::support::{Server, answer, client, options, rule};

/// A token of a role that this version does not know.
const TOKEN: &str = "mf_of-the-next-version-and-long-enough";
const ADMIN: &str = "mf_of-this-version-and-long-enough-too";

/// Leaves tokens and an event of a reload with words that this version does not know.
async fn prepare(store: &dyn Store) {
    let event = ReloadEvent {
        id: ReloadId(1),
        trigger: "canary".parse().unwrap(),
        triggered_by: "next".into(),
        started_at: Timestamp::UNIX_EPOCH,
        took: std::time::Duration::from_millis(1),
        phases: vec![midflight_core::PhaseTime {
            phase: "shadow".parse().unwrap(),
            took: std::time::Duration::ZERO,
        }],
        outcome: "half_live".parse().unwrap(),
        from: RevisionNumber::ZERO,
        to: RevisionNumber::ZERO,
        kinds: vec!["rules".parse().unwrap()],
        documents_changed: 0,
        components: vec![midflight_core::ComponentTime {
            name: "pool".into(),
            state: "warmed".parse().unwrap(),
            took: std::time::Duration::ZERO,
        }],
        problems: midflight_core::Problems::default(),
    };
    store.record_events(&[event], 100).await.unwrap();
    for (name, role, token) in [("admin", "admin", ADMIN), ("ci", "deployer", TOKEN)] {
        let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
        store.put_token(&Token::new(name, role, &hash, Timestamp::UNIX_EPOCH)).await.unwrap();
    }
}

async fn serve(store: Arc<dyn Store>) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let running = midflight_server::start_on(options(&dir), Backend::of_store(store)).await.unwrap();
    Server { running, token: ADMIN.to_owned(), client: client(), dir }.with_loans().await
}

/// The revision that the next version makes after the two of `with_loans`, as SQL.
fn revision(body: &Value) -> String {
    format!(
        "INSERT INTO revisions (number, author, trigger_word) VALUES (3, 'next', 'canary');
         INSERT INTO documents (kind, name, version, revision, body)
             VALUES ('rules', 'loans/R1', 2, 3, '{body}');"
    )
}

/// Reads the log that the next version has put its revision into.
async fn is_served(server: &Server) {
    let executed = json!({"data": {"age": 40}});
    // Followed,
    server.post("/api/v1/rules/hot-reload/reload", &json!({})).await.ok();
    let points = server.post("/api/v1/rules/execute", &executed).await.ok();
    assert_eq!((&points["revision"], &points["total_points"]), (&json!(3), &json!(7.0)));
    assert_eq!(server.get("/api/v1/status").await.ok()["quarantined"], json!([]));
    // listed,
    let listed = server.get("/api/v1/revisions").await.ok();
    assert_eq!(
        (&listed["items"][0]["trigger"], &listed["items"][0]["author"]),
        (&json!("canary"), &json!("next"))
    );
    assert_eq!(server.get("/api/v1/revisions/3").await.ok()["revision"]["trigger"], "canary");
    let reloads = server.get("/api/v1/reloads?trigger=canary&outcome=half_live").await.ok();
    let event = &reloads["items"][0];
    assert_eq!((&event["outcome"], &event["phases"][0]["phase"]), (&json!("half_live"), &json!("shadow")));
    assert_eq!(event["components"][0]["state"], "warmed");
    assert_eq!(server.get("/api/v1/reloads?trigger=Canary!").await.status, 400);
    let statistics = server.get("/api/v1/reloads/statistics").await.ok();
    assert_eq!(
        (&statistics["by_outcome"]["half_live"], &statistics["by_trigger"]["canary"]),
        (&json!(1), &json!(1))
    );
    // exported,
    let exported = server.get("/api/v1/export").await;
    assert_eq!(exported.status, 200);
    // and restored: to before that revision, and to it.
    for (to, expected) in [(2, 2.0), (3, 7.0)] {
        let restored = server.post(&format!("/api/v1/revisions/{to}/restore"), &json!({})).await;
        assert!(restored.status.is_success(), "{:#}", restored.json);
        let points = server.post("/api/v1/rules/execute", &executed).await.ok();
        assert_eq!(points["total_points"], expected);
    }
    // A role that is not known allows nothing, and is named.
    let by_next = server.anonymous(Method::PUT, "/api/v1/rulesets/cards").bearer_auth(TOKEN).json(&json!({}));
    let refused = answer(by_next).await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("deployer"), "{refused}");
}

#[tokio::test]
async fn a_log_in_memory() {
    let store = MemoryStore::new();
    prepare(&store).await;
    let server = serve(Arc::new(store.clone())).await;
    let id = DocumentId::new("rules", "loans/R1").unwrap();
    let edit = Edit::new("next", Trigger::Manual, [Change::put(id, rule(18, 7.0))]);
    let (created_at, expected_head) = (Timestamp::now(), store.head().await.unwrap());
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
    store.append_as(new, "canary".parse().unwrap()).unwrap();
    is_served(&server).await;
}

#[tokio::test]
async fn a_log_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(&path)).await.unwrap());
    prepare(&*store).await;
    let server = serve(store).await;
    let next = SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(revision(&rule(18, 7.0)))).execute(&next).await.unwrap();
    is_served(&server).await;
}

#[tokio::test]
async fn a_log_in_postgres() {
    let database = Postgres::shared();
    let url = database.database();
    let store = Arc::new(PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), "r1")));
    prepare(&*store).await;
    let server = serve(store).await;
    Postgres::psql(&url, &revision(&rule(18, 7.0))).unwrap();
    is_served(&server).await;
}
