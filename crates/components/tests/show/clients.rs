//! Clients that ask a database and a Redis, look at every answer, and log a numbered line for each round.
#![expect(unreachable_pub, reason = "the support of a test, in a file of its own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use midflight_components::{Database, Redis};
use redis::{cmd, pipe};
use tokio::task::JoinHandle;

use crate::support::until;

/// What clients did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    pub queries: u64,
    pub transactions: u64,
    pub committed: u64,
    pub commands: u64,
}

pub struct Clients {
    running: Vec<JoinHandle<(Totals, u64)>>,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
}

struct Client {
    number: i64,
    database: Database,
    redis: Redis,
    done: Totals,
}

impl Clients {
    pub fn start(count: usize, database: &Database, redis: &Redis) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let start = |number| {
            let (database, redis) = (database.clone(), redis.clone());
            let mut client = Client { number, database, redis, done: Totals::default() };
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.round(round).await;
                    tracing::info!(target: "show", client = client.number, round, "done");
                    round += 1;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                (client.done, round)
            })
        };
        let running = (0..i64::try_from(count).unwrap()).map(start).collect();
        Self { running, stop, rounds }
    }

    /// Waits until all of them are at it.
    pub async fn warm(&self) {
        let count = self.running.len() as u64;
        until("the clients to be at it", async || {
            (self.rounds.load(Ordering::Relaxed) > count).then_some(())
        })
        .await;
    }

    /// What all of them did together, and how many lines each has logged. A failed query has failed its client.
    pub async fn stop(self) -> (Totals, Vec<u64>) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut totals, mut lines) = (Totals::default(), Vec::new());
        for client in self.running {
            let (done, message) = client.await.unwrap();
            totals.queries += done.queries;
            totals.transactions += done.transactions;
            totals.committed += done.committed;
            totals.commands += done.commands;
            lines.push(message);
        }
        (totals, lines)
    }
}

impl Client {
    async fn round(&mut self, round: u64) {
        match round % 4 {
            0 | 1 => self.query(round.cast_signed(), "SELECT $1 * 2").await,
            2 => self.query(round.cast_signed(), "SELECT $1 * 2 FROM pg_sleep(0.02)").await,
            _ => self.transaction(round.cast_signed(), round % 8 == 3).await,
        }
        self.count(round).await;
    }

    async fn query(&mut self, n: i64, statement: &'static str) {
        let mut connection = self.database.acquire().await.unwrap();
        let answer: i64 = sqlx::query_scalar(statement).bind(n).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(answer, n * 2);
        self.done.queries += 1;
    }

    async fn transaction(&mut self, n: i64, is_kept: bool) {
        let mut transaction = self.database.begin().await.unwrap();
        for _ in 0..2 {
            let insert = sqlx::query("INSERT INTO ledger VALUES ($1, $2)").bind(self.number).bind(n);
            insert.execute(&mut *transaction).await.unwrap();
        }
        let mine = "SELECT count(*) FROM ledger WHERE client = $1 AND entry = $2";
        let mine =
            sqlx::query_scalar::<_, i64>(mine).bind(self.number).bind(n).fetch_one(&mut *transaction).await;
        assert_eq!(mine.unwrap(), 2);
        if is_kept {
            transaction.commit().await.unwrap();
            self.done.committed += 2;
        }
        self.done.transactions += 1;
    }

    /// Every client counts for itself, so that it knows what must come back.
    async fn count(&mut self, round: u64) {
        let key = format!("client {}", self.number);
        let counted: u64 = self.redis.query(cmd("INCR").arg(&key)).await.unwrap();
        assert_eq!(counted, 2 * round + 1);
        let mut both = pipe();
        both.atomic().incr(&key, 1).get(&key);
        let both: (u64, u64) = self.redis.pipeline(&both).await.unwrap();
        assert_eq!(both, (2 * round + 2, 2 * round + 2));
        self.done.commands += 3;
    }
}
