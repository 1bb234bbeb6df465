//! Those who look on: at how many connections the servers have, and at the lines that are written.
#![expect(unreachable_pub, reason = "the support of a test, in a file of its own")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use midflight_components::Database;
use redis::cmd;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;

use crate::support::{Lines, until};

const PIDS: &str = "SELECT pid FROM pg_stat_activity WHERE application_name = 'show'";

/// How many connections there may be now.
#[derive(Default)]
pub struct Bounds {
    database: AtomicUsize,
    redis: AtomicUsize,
}

impl Bounds {
    pub fn set(&self, database: usize, redis: usize) {
        self.database.store(database, Ordering::SeqCst);
        self.redis.store(redis, Ordering::SeqCst);
    }

    fn now(&self) -> (usize, usize) {
        (self.database.load(Ordering::SeqCst), self.redis.load(Ordering::SeqCst))
    }
}

/// Looks all the time how many connections there are, by sessions of its own.
pub struct Watch {
    looking: JoinHandle<((usize, usize), usize)>,
    stop: Arc<AtomicBool>,
    own: tokio::sync::Mutex<PgConnection>,
}

impl Watch {
    pub async fn start(database: &str, redis: &str, bounds: &Arc<Bounds>) -> Self {
        let own = PgConnection::connect(database).await.unwrap();
        let mut connection = PgConnection::connect(database).await.unwrap();
        let mut redis = redis::Client::open(redis).unwrap().get_multiplexed_async_connection().await.unwrap();
        let (stop, bounds) = (Arc::new(AtomicBool::new(false)), Arc::clone(bounds));
        let stopped = Arc::clone(&stop);
        let looking = tokio::spawn(async move {
            let (mut most, mut samples) = ((0, 0), 0);
            while !stopped.load(Ordering::Relaxed) {
                let before = bounds.now();
                let pids = pids(&mut connection).await.len();
                let list: String = cmd("CLIENT").arg("LIST").query_async(&mut redis).await.unwrap();
                let clients = list.lines().count() - 1;
                // A reload may have begun meanwhile.
                let after = bounds.now();
                let allowed = (before.0.max(after.0), before.1.max(after.1));
                assert!(pids <= allowed.0, "{pids} PostgreSQL connections, where there may be {}", allowed.0);
                assert!(
                    clients <= allowed.1,
                    "{clients} Redis connections, where there may be {}:\n{list}",
                    allowed.1
                );
                most = (pids.max(most.0), clients.max(most.1));
                samples += 1;
            }
            (most, samples)
        });
        Self { looking, stop, own: tokio::sync::Mutex::new(own) }
    }

    /// The server's numbers of the connections that there are.
    pub async fn pids(&self) -> BTreeSet<i32> {
        pids(&mut *self.own.lock().await).await
    }

    /// The same, once all that the pool may have is open and nothing else is.
    pub async fn settled(&self, database: &Database) -> BTreeSet<i32> {
        let settled = async || {
            let status = database.status()?;
            let pids = self.pids().await;
            (status.size == status.max_conns as usize && pids.len() == status.size).then_some(pids)
        };
        until("all of the pool to be open", settled).await
    }

    /// The most connections that there were, and how often it was looked.
    pub async fn stop(self) -> ((usize, usize), usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.await.unwrap()
    }
}

async fn pids(connection: &mut PgConnection) -> BTreeSet<i32> {
    sqlx::query_scalar(PIDS).fetch_all(connection).await.unwrap().into_iter().collect()
}

impl Lines {
    /// Looks whether every line is whole, and every client's are all there, in order.
    pub fn check(&self, message: &[u64]) {
        let bytes = self.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let (mut seen, mut formats) = (vec![0; message.len()], BTreeSet::new());
        for line in text.lines() {
            let Some((client, round)) = numbered(line) else {
                assert!(is_of_another(line), "torn: {line}");
                continue;
            };
            formats.insert(line.starts_with('{'));
            assert_eq!(round, seen[client], "lost before {line}");
            seen[client] += 1;
        }
        assert_eq!(seen, message);
        assert_eq!(formats.len(), 2, "lines of both formats were written");
    }
}

/// Client and round of a line that is whole, in either format.
fn numbered(line: &str) -> Option<(usize, u64)> {
    if line.starts_with('{') {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = &line["fields"];
        let client = usize::try_from(fields["client"].as_u64()?).ok()?;
        return (line["target"] == "show" && fields["message"] == "done")
            .then_some((client, fields["round"].as_u64()?));
    }
    let (_, message) = line.split_once(" INFO show: done client=")?;
    let (client, round) = message.split_once(" round=")?;
    Some((client.parse().ok()?, round.parse().ok()?))
}

/// Whether it is a whole line that somebody else logged.
fn is_of_another(line: &str) -> bool {
    match serde_json::from_str::<Value>(line) {
        Ok(line) => line["target"] != "show",
        Err(_) => line.starts_with("20") && !line.contains("show:"),
    }
}
