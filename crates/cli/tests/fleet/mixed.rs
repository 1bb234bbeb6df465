//! A mixed fleet: programs that Midflight replaces run beside it, on their own table and their own channel of Redis.

use std::sync::Arc;

use midflight_testkit::{Midflight, Postgres, Redis, RedisSubscriber, TOKEN};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Asker, flags, serve, until};

const CHANNEL: &str = "pilotpros:patterns:reload";

/// Two replicas that follow the table of another program, and that program's ear on its channel.
struct Mixed {
    replicas: Vec<Midflight>,
    redis: Redis,
    original: RedisSubscriber,
    table: String,
    ask: Asker,
    http: Client,
    _postgres: Arc<Postgres>,
}

impl Mixed {
    async fn start() -> Self {
        let (postgres, redis) = (Postgres::shared(), Redis::start());
        let (log, table) = (postgres.database(), postgres.database());
        let rows = "CREATE SCHEMA pilotpros; CREATE TABLE pilotpros.auto_learned_patterns (id serial PRIMARY KEY, pattern text,
            category text, confidence float, times_used int DEFAULT 0, times_correct int DEFAULT 0, enabled boolean DEFAULT true);
            INSERT INTO pilotpros.auto_learned_patterns (pattern, category, confidence) VALUES ('ciao', 'GREETING', 1)";
        Postgres::psql(&table, rows).unwrap();
        let original = redis.subscribe(CHANNEL);
        let mut flags = flags(&log, &redis.url()).to_vec();
        let more = [
            "--redis-legacy-channel",
            CHANNEL,
            "--follow-table",
            &table,
            "--table",
            "pilotpros.auto_learned_patterns",
        ];
        flags.extend(more.map(str::to_owned));
        let replicas: Vec<_> = (0..2).map(|_| serve(&flags)).collect();
        let (ask, http) = (Asker::new(), Client::new());
        let mixed = Self { replicas, redis, original, table, ask, http, _postgres: postgres };
        mixed.until_classified("ciao", "GREETING").await;
        mixed
    }

    fn url(&self, replica: usize) -> &str {
        self.replicas[replica].url()
    }

    /// What the other program does after a change of its table.
    fn change(&self, sql: &str) {
        Postgres::psql(&self.table, sql).unwrap();
        self.redis.publish(CHANNEL, r#"{"action": "reload", "pattern_id": null}"#);
    }

    async fn until_classified(&self, query: &str, category: &str) {
        for replica in 0..self.replicas.len() {
            until(|| async {
                let request = self.http.post(format!("{}/api/v1/patterns/classify", self.url(replica)));
                let sent = request.json(&json!({ "query": query })).send().await.ok()?;
                let answer: Value = sent.json().await.ok()?;
                (answer["category"].as_str().unwrap_or("none") == category).then_some(())
            })
            .await;
        }
    }

    async fn until_heard(&self, messages: usize) -> Vec<String> {
        until(|| async { (self.original.received().len() >= messages).then_some(()) }).await;
        self.original.received()
    }

    async fn edit(&self, replica: usize, method: Method, path: &str, body: &Value) -> StatusCode {
        let request = self.http.request(method, format!("{}{path}", self.url(replica))).bearer_auth(TOKEN);
        request.json(body).send().await.unwrap().status()
    }

    async fn revision(&self) -> u64 {
        self.ask.served(self.url(0)).await.unwrap()
    }
}

fn order(pattern_id: &str) -> String {
    format!(r#"{{"action":"reload","pattern_id":{pattern_id},"sender":"midflight"}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_program_hears_every_edit_made_through_midflight() {
    let mixed = Mixed::start().await;
    // The first look at the table was an edit too.
    let mut message = mixed.until_heard(1).await.len();
    let pattern = json!({"pattern": "come va", "category": "GREETING"});
    for (replica, method, path, status, id) in [
        (0, Method::PUT, "/api/v1/patterns/7001", StatusCode::CREATED, "7001"),
        (1, Method::POST, "/api/v1/patterns/7001/disable", StatusCode::OK, "7001"),
        (1, Method::POST, "/api/v1/patterns/7001/approve", StatusCode::OK, "7001"),
        (0, Method::PUT, "/api/v1/patterns/come-stai", StatusCode::CREATED, "null"),
        (1, Method::DELETE, "/api/v1/patterns/7001", StatusCode::OK, "7001"),
    ] {
        let body = if path.ends_with("come-stai") {
            json!({"pattern": "come stai", "category": "X"})
        } else {
            pattern.clone()
        };
        assert_eq!(mixed.edit(replica, method, path, &body).await, status, "{path}");
        message += 1;
        assert_eq!(mixed.until_heard(message).await.last(), Some(&order(id)), "{path}");
    }
    // What is not about patterns is not for them; and an edit after it shows that nothing was said of it.
    let rules = mixed.edit(0, Method::PUT, "/api/v1/rulesets/loans", &json!({})).await;
    assert_eq!(rules, StatusCode::CREATED);
    assert_eq!(mixed.edit(0, Method::PUT, "/api/v1/patterns/7002", &pattern).await, StatusCode::CREATED);
    let received = mixed.until_heard(message + 1).await;
    assert_eq!((received.len(), received.last()), (message + 1, Some(&order("7002"))), "{received:?}");
    // A reload that is asked for is one for the other programs too.
    assert_eq!(mixed.edit(1, Method::POST, "/api/milhena/patterns/reload", &json!({})).await, StatusCode::OK);
    assert_eq!(mixed.until_heard(message + 2).await.last(), Some(&order("null")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edit_of_the_other_program_reaches_every_replica_and_goes_round_in_no_circle() {
    let mixed = Mixed::start().await;
    let learned = "pilotpros.auto_learned_patterns";
    mixed.change(&format!(
        "INSERT INTO {learned} (pattern, category, confidence) VALUES ('quanti ordini', 'METRIC', 0.95)"
    ));
    mixed.until_classified("quanti ordini", "METRIC").await;
    mixed.change(&format!("UPDATE {learned} SET category = 'COUNT' WHERE pattern = 'quanti ordini'"));
    mixed.until_classified("quanti ordini", "COUNT").await;
    mixed.change(&format!("UPDATE {learned} SET enabled = false WHERE pattern = 'quanti ordini'"));
    mixed.until_classified("quanti ordini", "none").await;
    mixed.change(&format!("DELETE FROM {learned} WHERE pattern = 'quanti ordini'"));
    until(|| async {
        let document = mixed.ask.get(mixed.url(1), "/api/v1/documents/patterns/2").await.ok()?;
        (document["body"].is_null()).then_some(())
    })
    .await;

    // Five revisions and no more: the first look, and one for each change. Each told the other program once; it told four times.
    for replica in 0..mixed.replicas.len() {
        mixed.ask.until_served(mixed.url(replica), 5).await;
    }
    let (revision, table) = (mixed.revision().await, mixed.looks().await);
    assert_eq!(revision, 5);
    assert_eq!(mixed.until_heard(5 + 4).await.len(), 5 + 4, "{:?}", mixed.original.received());
    // An order without a change is a look without a revision, and what Midflight says brings no look at all.
    mixed.redis.publish(CHANNEL, &order("null"));
    mixed.redis.publish(CHANNEL, r#"{"action": "reload", "pattern_id": 1}"#);
    until(|| async { (mixed.looks().await != table).then_some(()) }).await;
    assert_eq!(mixed.revision().await, revision);
    assert_eq!(mixed.original.received().len(), 5 + 4 + 2, "nothing was said that was not said above");
}

impl Mixed {
    /// When the replica that follows the table looked last.
    async fn looks(&self) -> Vec<Value> {
        let mut looks = Vec::new();
        for replica in 0..self.replicas.len() {
            let metrics =
                self.ask.get(self.url(replica), "/api/v1/patterns/hot-reload/metrics").await.unwrap();
            looks.push(metrics["table"]["synced_at"].clone());
        }
        looks
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_follows_when_the_one_that_did_is_gone() {
    let mut mixed = Mixed::start().await;
    let stands_by = async |mixed: &Mixed, replica: usize| {
        let metrics = mixed.ask.get(mixed.url(replica), "/api/v1/patterns/hot-reload/metrics").await.ok()?;
        metrics["table"]["stands_by"].as_bool()
    };
    let mut follows = 0;
    for replica in 0..2 {
        if stands_by(&mixed, replica).await == Some(false) {
            follows = replica;
        }
    }
    assert_eq!(stands_by(&mixed, 1 - follows).await, Some(true), "one of them follows");
    drop(mixed.replicas.remove(follows));
    until(|| async {
        mixed.change("INSERT INTO pilotpros.auto_learned_patterns (pattern, category, confidence)
            SELECT 'dopo', 'LATER', 1 WHERE NOT EXISTS (SELECT FROM pilotpros.auto_learned_patterns WHERE pattern = 'dopo')");
        let request = mixed.http.post(format!("{}/api/v1/patterns/classify", mixed.url(0)));
        let answer: Value = request.json(&json!({"query": "dopo"})).send().await.ok()?.json().await.ok()?;
        (answer["category"] == "LATER").then_some(())
    })
    .await;
}
