//! A followed table: rows of another program's patterns become documents, change with them and go with them.

use std::time::Duration;

use midflight_server::{PatternTable, ServeOptions, TableOptions};
use midflight_source::LossBounds;
use midflight_testkit::Postgres;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, server_with};

const METRICS: &str = "/api/v1/patterns/hot-reload/metrics";
const RELOAD: &str = "/api/milhena/patterns/reload";

/// A table of another program, in a database of its own.
struct Table {
    _postgres: std::sync::Arc<Postgres>,
    database: String,
}

impl Table {
    fn with(rows: &str) -> Self {
        let postgres = Postgres::shared();
        let table = Self { database: postgres.database(), _postgres: postgres };
        table.run(
            "CREATE TABLE learned (id int PRIMARY KEY, pattern text, category text, confidence float, times_used int DEFAULT 0,
                times_correct int DEFAULT 0, last_used_at timestamp, created_by text DEFAULT 'llm', enabled boolean DEFAULT true)",
        );
        table.insert(rows);
        table
    }

    fn run(&self, sql: &str) {
        Postgres::psql(&self.database, sql).unwrap();
    }

    fn insert(&self, rows: &str) {
        if !rows.is_empty() {
            self.run(&format!("INSERT INTO learned (id, pattern, category, confidence) VALUES {rows}"));
        }
    }

    async fn follow(&self, period_seconds: u64) -> Server {
        self.follow_with(|options| options.hot_reload.interval_seconds = period_seconds).await
    }

    async fn follow_with(&self, change: impl FnOnce(&mut ServeOptions)) -> Server {
        let table = PatternTable::new(&self.database, "learned").unwrap();
        let loss = LossBounds { allow_empty: false, percent_max: 50, documents_min: 10 };
        let followed = TableOptions { table, profile: "default".to_owned(), loss };
        server_with(|options| {
            options.follow_table = Some(followed);
            change(options);
        })
        .await
    }
}

async fn table(server: &Server) -> Value {
    server.get(METRICS).await.ok()["table"].clone()
}

/// Waits until the table stands to the log as it should.
async fn until(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let table = table(server).await;
            if is_so(&table) {
                return table;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(DEADLINE, looking).await;
    match found {
        Ok(table) => table,
        Err(_) => panic!("timed out waiting for {what}: {:#}", table(server).await),
    }
}

async fn classify(server: &Server, query: &str) -> Value {
    server.post("/api/v1/patterns/classify", &json!({ "query": query })).await.ok()
}

#[tokio::test]
async fn rows_are_documents_that_change_and_go_with_them() {
    let rows = Table::with("(1, 'How many orders?', 'METRIC', 0.97), (2, 'hello', 'GREETING', 1)");
    let server = rows.follow(1).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    assert_eq!(classify(&server, "how many orders").await["category"], "METRIC");
    let document = server.get("/api/v1/documents/patterns/1").await.ok();
    assert_eq!(document["owner"], "table:learned");
    let revision = server.get("/api/v1/revisions?limit=1").await.ok()["items"][0].clone();
    assert_eq!(
        (&revision["author"], &revision["trigger"], &revision["reason"]),
        (&json!("table:learned"), &json!("table_watch"), &json!("2 rows put, from learned"))
    );

    rows.run("UPDATE learned SET category = 'COUNT' WHERE id = 1; DELETE FROM learned WHERE id = 2");
    until(&server, "the period", |table| table["revisions"] == 2).await;
    assert_eq!(classify(&server, "how many orders").await["category"], "COUNT");
    assert_eq!(classify(&server, "hello").await["source"], "none", "its row was deleted");

    // What has no consequence is no revision, however often it is looked.
    let (before, at) = (server.revision().await, table(&server).await["synced_at"].clone());
    until(&server, "another look", |table| table["synced_at"] != at).await;
    assert_eq!(server.revision().await, before);
    assert_eq!(server.get("/health/hot-reload").await.json["degraded"], json!([]));
    server.running.stop().await;
}

#[tokio::test]
async fn a_table_that_loses_most_of_its_rows_deletes_nothing() {
    let rows = (1..=20).map(|n| format!("({n}, 'query {n}', 'A', 1)")).collect::<Vec<_>>();
    let rows = Table::with(&rows.join(", "));
    let server = rows.follow(1).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    // What changed is followed all the same.
    rows.run("DELETE FROM learned WHERE id > 2; UPDATE learned SET category = 'B' WHERE id = 1");
    until(&server, "the loss", |table| table["kept"] == 18).await;
    assert_eq!(classify(&server, "query 1").await["category"], "B");
    assert_eq!(classify(&server, "query 20").await["category"], "A");
    let health = server.get("/health/hot-reload").await.json;
    let degraded = health["degraded"][0].as_str().unwrap();
    assert!(
        degraded.contains("lost too many rows at once; 18 of its 20 patterns are kept")
            && degraded.contains("--table-loss-percent-max"),
        "{degraded}"
    );
    // A few are deleted, and what is not missing any more is not held.
    let back = (3..=18).map(|n| format!("({n}, 'query {n}', 'A', 1)")).collect::<Vec<_>>();
    rows.insert(&back.join(", "));
    until(&server, "the rows", |table| table["kept"] == 0 && table["revisions"] == 3).await;
    assert_eq!(classify(&server, "query 20").await["source"], "none");
    server.running.stop().await;
}

#[tokio::test]
async fn a_bad_row_is_named_and_the_others_go_on() {
    let rows = Table::with("(1, 'one', 'A', 1), (2, 'two', 'A', 1), (3, 'three', 'A', 1)");
    let server = rows.follow(1).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    rows.run(
        "UPDATE learned SET category = NULL WHERE id = 1; UPDATE learned SET confidence = 7 WHERE id = 2;
         UPDATE learned SET category = 'B' WHERE id = 3;",
    );
    rows.insert("(4, 'Three!', 'C', 1)");
    let table = until(&server, "the rows", |table| table["revisions"] == 2).await;
    let problems = table["problems"].as_array().unwrap();
    let of = |row: &str| {
        let found = problems.iter().find(|problem| problem["row"] == row);
        found.unwrap_or_else(|| panic!("{row} is not in {problems:?}"))["message"].as_str().unwrap()
    };
    assert!(of("1").contains("has no category; add it"), "{problems:?}");
    assert!(of("2").contains("confidence"), "{problems:?}");
    assert!(of("4").contains("matches"), "two rows have one key: {problems:?}");
    assert_eq!(table["problem_count"], 3);
    for (query, category) in [("one", "A"), ("two", "A"), ("three", "B")] {
        assert_eq!(classify(&server, query).await["category"], category, "{query}");
    }
    let health = server.get("/health/hot-reload").await.json;
    let degraded = health["degraded"][0].as_str().unwrap();
    assert!(degraded.starts_with("3 rows of the table learned are not followed: "), "{degraded}");
    rows.run(
        "UPDATE learned SET category = 'A' WHERE id = 1; UPDATE learned SET confidence = 0.5 WHERE id = 2",
    );
    rows.run("DELETE FROM learned WHERE id = 4");
    until(&server, "good rows", |table| table["problem_count"] == 0).await;
    server.running.stop().await;
}

#[tokio::test]
async fn counts_are_taken_once_and_grow() {
    let rows = Table::with("(1, 'one', 'A', 1)");
    rows.run("UPDATE learned SET times_used = 5, times_correct = 2, last_used_at = '2025-10-11 08:00'");
    let server = rows.follow(1).await;
    until(&server, "the counts", |table| table["counts_taken"] == 1).await;
    let item = async || server.get("/api/v1/patterns?q=one").await.ok()["items"][0].clone();
    let first = item().await;
    assert_eq!((&first["times_used"], &first["times_correct"]), (&json!(5), &json!(2)), "{first}");
    assert_eq!(first["last_used_at"], "2025-10-11T08:00:00.000000Z");
    let at = table(&server).await["synced_at"].clone();
    until(&server, "another look", |table| table["synced_at"] != at).await;
    assert_eq!(item().await["times_used"], 5, "nothing is counted twice");
    rows.run("UPDATE learned SET times_used = 7");
    until(&server, "more counts", |table| table["counts_taken"] == 2).await;
    assert_eq!(item().await["times_used"], 7);
    // The same over HTTP: what an import brings was taken already.
    let usage = json!({"items": [{"id": "1", "times_used": 8}, {"id": "nobody", "times_used": 3}]});
    assert_eq!(server.post("/api/v1/patterns/usage", &usage).await.ok()["patterns"], 1);
    assert_eq!(server.post("/api/v1/patterns/usage", &usage).await.ok()["patterns"], 0);
    assert_eq!(item().await["times_used"], 8);
    let bad = json!({"items": [{"id": "a//b"}]});
    assert_eq!(server.post("/api/v1/patterns/usage", &bad).await.status, 400);
    server.running.stop().await;
}

#[tokio::test]
async fn a_table_that_is_empty_or_gone_keeps_its_patterns() {
    let rows = Table::with("(1, 'one', 'A', 1)");
    let server = rows.follow(1).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    rows.run("DELETE FROM learned");
    until(&server, "an empty table", |table| table["kept"] == 1).await;
    assert_eq!(classify(&server, "one").await["category"], "A");
    let degraded = server.get("/health/hot-reload").await.json["degraded"].to_string();
    assert!(degraded.contains("has no rows; 1 of its 1 patterns are kept"), "{degraded}");
    rows.run("ALTER TABLE learned RENAME TO elsewhere");
    let removed = until(&server, "a table that is gone", |table| !table["error"].is_null()).await;
    assert!(removed["error"].as_str().unwrap().contains("cannot read learned"), "{removed}");
    assert_eq!(classify(&server, "one").await["category"], "A");
    let reload = server.post(RELOAD, &json!({})).await.json;
    assert_eq!(reload["success"], false, "{reload}");
    assert!(reload["message"].as_str().unwrap().contains("the table learned was not read"), "{reload}");
    rows.run("ALTER TABLE elsewhere RENAME TO learned");
    rows.insert("(2, 'two', 'B', 1)");
    until(&server, "the table again", |table| table["error"].is_null() && table["revisions"] == 2).await;
    assert_eq!(classify(&server, "one").await["source"], "none", "it has rows again, and this is none");
    server.running.stop().await;
}

#[tokio::test]
async fn a_reload_of_one_pattern_takes_its_row_and_says_so() {
    let rows = Table::with("(1, 'one', 'A', 1), (2, 'two', 'A', 1)");
    // Nothing but requests brings a look within an hour.
    let server = rows.follow(3_600).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    rows.run("UPDATE learned SET category = 'B'");
    let reload = server.post(RELOAD, &json!({"pattern_id": 1})).await.ok();
    assert_eq!((&reload["success"], &reload["pattern"]["version"]), (&json!(true), &json!(2)), "{reload}");
    let message = reload["message"].as_str().unwrap();
    let output = "; the pattern \"1\" is reloaded: version 2 of revision 2; of the table learned 1 rows were put and 0 deleted";
    assert!(message.ends_with(output), "{message}");
    assert_eq!(classify(&server, "one").await["category"], "B");
    assert_eq!(classify(&server, "two").await["category"], "A", "it was not named");
    rows.run("DELETE FROM learned WHERE id = 1");
    let removed = server.post(RELOAD, &json!({"pattern_id": "1"})).await.ok();
    assert!(removed["message"].as_str().unwrap().contains("the pattern \"1\" is deleted"), "{removed}");
    assert_eq!(removed["pattern"], Value::Null);
    server.post(RELOAD, &json!({"pattern_id": 99})).await.problem(404, "not_found");
    let all = server.post(RELOAD, &json!({})).await.ok();
    assert!(all["message"].as_str().unwrap().contains("of the table learned 1 rows were put"), "{all}");
    assert_eq!(classify(&server, "two").await["category"], "B");
    server.running.stop().await;
}

#[tokio::test]
async fn what_is_taken_over_is_left_so_until_its_row_says_something_new() {
    let rows = Table::with("(1, 'one', 'A', 1)");
    let server = rows.follow(3_600).await;
    until(&server, "the first look", |table| table["revisions"] == 1).await;
    let mine = json!({"pattern": "one", "category": "MINE"});
    server.put("/api/v1/patterns/1", &mine).await.problem(409, "owned");
    assert_eq!(server.put("/api/v1/patterns/1?take_over=true", &mine).await.status, 200);
    server.post(RELOAD, &json!({})).await.ok();
    assert_eq!(classify(&server, "one").await["category"], "MINE");
    let problem = table(&server).await["problems"][0]["message"].clone();
    assert!(problem.as_str().unwrap().contains("was taken over by"), "{problem}");
    rows.run("UPDATE learned SET category = 'B'");
    server.post(RELOAD, &json!({})).await.ok();
    assert_eq!(classify(&server, "one").await["category"], "B");
    server.running.stop().await;
}
