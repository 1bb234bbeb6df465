//! What the servers do by themselves, without us: the references.

use std::time::Instant;

use futures_util::StreamExt as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::mpsc;

use crate::Times;

/// How often each is measured.
pub(crate) const ROUNDS: usize = 300;

/// From the PUBLISH of a message to the last of so many subscribers that receives it.
pub(crate) async fn redis(url: &str, receivers: usize, bytes: usize) -> Times {
    let client = redis::Client::open(url).unwrap();
    let (reported, mut received) = mpsc::unbounded_channel();
    for _ in 0..receivers {
        let mut subscribed = client.get_async_pubsub().await.unwrap();
        subscribed.subscribe("bare").await.unwrap();
        let reported = reported.clone();
        tokio::spawn(async move {
            let mut messages = subscribed.into_on_message();
            while messages.next().await.is_some() && reported.send(Instant::now()).is_ok() {}
        });
    }
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let message = "x".repeat(bytes);
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg("bare").arg(&message).query_async::<()>(&mut connection).await.unwrap();
        times.add(last(&mut received, receivers).await - began);
    }
    times
}

/// From the beginning of a transaction that inserts a row and notifies, to the last of so many listeners that has
/// selected the row.
pub(crate) async fn postgres(url: &str, receivers: usize, bytes: usize) -> Times {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await.unwrap();
    for statement in
        ["CREATE TABLE IF NOT EXISTS bare (id BIGINT PRIMARY KEY, body TEXT NOT NULL)", "TRUNCATE bare"]
    {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let (reported, mut received) = mpsc::unbounded_channel();
    for _ in 0..receivers {
        let mut listener = PgListener::connect(url).await.unwrap();
        listener.listen("bare").await.unwrap();
        let reader = PgPoolOptions::new().max_connections(1).connect(url).await.unwrap();
        let reported = reported.clone();
        tokio::spawn(async move {
            while let Ok(notification) = listener.recv().await {
                let id: i64 = notification.payload().parse().unwrap();
                let row = sqlx::query("SELECT body FROM bare WHERE id = $1").bind(id);
                row.fetch_one(&reader).await.unwrap();
                if reported.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }
    let body = "x".repeat(bytes);
    let mut times = Times::default();
    for id in 0..i64::try_from(ROUNDS).unwrap() {
        let began = Instant::now();
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("INSERT INTO bare VALUES ($1, $2)")
            .bind(id)
            .bind(&body)
            .execute(&mut *transaction)
            .await
            .unwrap();
        let notify = sqlx::query("SELECT pg_notify('bare', $1)").bind(id.to_string());
        notify.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        times.add(last(&mut received, receivers).await - began);
    }
    times
}

/// When the last of so many heard.
async fn last(received: &mut mpsc::UnboundedReceiver<Instant>, receivers: usize) -> Instant {
    let mut last = None;
    for _ in 0..receivers {
        last = received.recv().await.max(last);
    }
    last.unwrap_or_else(Instant::now)
}
