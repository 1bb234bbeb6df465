//! A fleet whose own config changes while it is edited: the database's password is rotated, its pool resized, Redis
//! moved.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use midflight_testkit::{Postgres, Redis};
use serde_json::{Value, json};

use crate::harness::{Asker, adults, condition, serve, until};

/// A server's config file in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(text: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.say(text);
        place
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn say(&self, text: &str) {
        fs::write(self.file(".new"), text).unwrap();
        fs::rename(self.file(".new"), self.file("midflight.yaml")).unwrap();
    }
}

async fn health(ask: &Asker, url: &str) -> Value {
    ask.get(url, "/health/reload").await.unwrap()
}

/// Waits until the last look came to this, about other content than `hash`.
async fn until_reported(ask: &Asker, url: &str, hash: &Value, status: &str) -> Value {
    until(|| async {
        let message = health(ask, url).await;
        (message["hash"] != *hash && message["status"] == status).then_some(message)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_password_and_a_moved_redis_cost_no_edit() {
    let (postgres, redis, other_redis) = (Postgres::start(), Redis::start(), Redis::start());
    let log = postgres.database();
    for user in ["anna", "berta"] {
        Postgres::psql(&log, &format!("CREATE USER {user} SUPERUSER")).unwrap();
    }
    let url_of = |user: &str| log.replace("postgres@", &format!("{user}@"));
    assert_ne!(url_of("anna"), log);
    let text = |conns: u32, redis: &str| {
        format!(
            "storage: {{backend: postgres}}\nbus: {{kind: redis}}\nredis: {{url: \"{redis}\"}}\ndatabase: {{url: \
             \"${{file:SECRET}}\", max_conns: {conns}}}\n"
        )
    };
    let place = Place::new("");
    fs::write(place.file("secret"), url_of("anna")).unwrap();
    let text = |conns, redis: &str| text(conns, redis).replace("SECRET", &place.file("secret"));
    place.say(&text(3, &redis.url()));
    let server = serve(&["--config".to_owned(), place.file("midflight.yaml")]);
    let (url, ask) = (server.url().to_owned(), Asker::new());
    adults(&ask, &url).await;

    let (stop, edits) = (Arc::new(AtomicBool::new(false)), Asker::new());
    let (stopped, of) = (Arc::clone(&stop), url.clone());
    let editing = tokio::spawn(async move {
        let mut made = 0;
        while !stopped.load(Ordering::SeqCst) {
            edits.edit(&of, "conditions/old", &condition(18 + made % 2)).await;
            made += 1;
        }
        made
    });
    let users = || {
        let asked = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'midflight%'";
        Postgres::psql(&log, asked).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(users(), ["anna"]);

    // The secret is rotated in its file; nothing else says anything new.
    fs::write(place.file("secret"), url_of("berta")).unwrap();
    until(|| async { (users() == ["berta"]).then_some(()) }).await;

    for (conns, redis) in [(5, other_redis.url()), (2, redis.url()), (7, other_redis.url())] {
        let before = health(&ask, &url).await;
        place.say(&text(conns, &redis));
        let message = until_reported(&ask, &url, &before["hash"], "success").await;
        let states: Vec<_> =
            message["components"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
        assert!(states.contains(&json!("replaced")), "{message}");
    }
    // Nobody there, and somebody there with another log.
    let elsewhere = postgres.database();
    for (wrong, expected) in [
        ("postgres://anna:hunter2@127.0.0.1:1/log", "127.0.0.1:1/log"),
        (elsewhere.as_str(), "not the log that is served"),
    ] {
        let before = health(&ask, &url).await;
        fs::write(place.file("secret"), wrong).unwrap();
        place.say(&format!("# {}\n{}", wrong.len(), text(7, &other_redis.url())));
        let message = until_reported(&ask, &url, &before["hash"], "rejected").await;
        let message = message.to_string();
        assert!(message.contains(expected) && !message.contains("hunter2"), "{message}");
        // The server lists a connection for a moment after its end.
        until(|| async { (users() == ["berta"]).then_some(()) }).await;
        fs::write(place.file("secret"), url_of("berta")).unwrap();
        place.say(&text(7, &other_redis.url()));
        until_reported(&ask, &url, &Value::Null, "unchanged").await;
    }
    stop.store(true, Ordering::SeqCst);
    let made = editing.await.unwrap();
    assert!(made > 0 && !server.log().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_that_only_one_replica_can_resolve_keeps_no_other_from_starting() {
    let (postgres, secrets, ask) = (Postgres::shared(), Place::new(""), Asker::new());
    let log = postgres.database();
    fs::write(secrets.file("key"), "a secret that nobody can guess").unwrap();
    let flags = ["--store".to_owned(), log];
    let allowed = ["--reference-dir".to_owned(), secrets.folder.path().display().to_string()];
    let able = serve(&[&flags[..], &allowed[..]].concat());
    let mut unable = serve(&flags);
    adults(&ask, able.url()).await;
    let config = |ttl: u64, webhooks: Value| json!({"tokens": {"refresh_ms": ttl}, "webhooks": webhooks});
    let hook = json!({"x": {"secret": format!("${{file:{}}}", secrets.file("key"))}});
    assert!(ask.config(able.url(), &config(700, json!({}))).await.is_success());
    assert!(ask.config(able.url(), &config(800, hook.clone())).await.is_success());
    let ttl = async |url: &str| {
        let effective = ask.get(url, "/api/v1/config/midflight/effective").await.ok()?;
        effective["value"]["tokens"]["refresh_ms"].as_u64()
    };
    let wrong = async |url: &str| {
        ask.get(url, "/health/hot-reload").await.map(|it| it["degraded"].to_string()).unwrap()
    };
    for restarts in [false, true] {
        if restarts {
            unable.restart();
        }
        until(|| async { wrong(unable.url()).await.contains("--reference-dir DIR").then_some(()) }).await;
        assert_eq!(ttl(unable.url()).await, Some(700));
        assert!(ask.recommended(unable.url(), 20).await.is_some());
    }
    assert_eq!((ttl(able.url()).await, wrong(able.url()).await), (Some(800), "[]".to_owned()));
    assert!(ask.config(able.url(), &config(900, json!({}))).await.is_success());
    until(|| async { (ttl(unable.url()).await == Some(900)).then_some(()) }).await;
    assert_eq!(wrong(unable.url()).await, "[]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_log_uses_the_config_of_the_copy() {
    let mut postgres = Postgres::start();
    let mut server = serve(&["--store".to_owned(), postgres.database()]);
    let ask = Asker::new();
    adults(&ask, server.url()).await;
    // The document of the log says another size than the server starts with.
    let body = json!({"database": {"max_conns": 3}, "metrics": {"enabled": false}});
    assert!(ask.config(server.url(), &body).await.is_success());
    let copied = || std::fs::read_to_string(server.folder().join("data/last-good")).unwrap_or_default();
    until(|| async { copied().contains("max_conns").then_some(()) }).await;
    server.stop();
    postgres.stop();
    server.restart();
    assert!(ask.recommended(server.url(), 20).await.is_some(), "it answers from the copy");
    let health = ask.get(server.url(), "/health/reload").await.unwrap();
    assert_eq!(health["behind"], json!(["database"]), "{health}");
    postgres.restart();
    until(|| async {
        let health = ask.get(server.url(), "/health/reload").await.ok()?;
        (health["behind"] == json!([])).then_some(())
    })
    .await;
}
