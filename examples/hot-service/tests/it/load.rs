//! Clients that never see a failed request while pools, sizes and the log level change beneath them.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use midflight_testkit::{Daemon, Postgres, Redis, choose_cryptography, rename_over, wait_for};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{folder, hash, health, service};

const CLIENTS: usize = 64;
const CHANGES: usize = 50;

/// Where the servers are, and where there is none.
struct Places {
    database: String,
    redis: u16,
    closed: u16,
}

impl Places {
    /// The config of a change; every tenth leads to a server that is not there, now to a database and now to a Redis.
    fn config(&self, change: usize) -> (String, bool) {
        let is_good = change % 10 != 9;
        let to_redis = change % 20 == 19;
        let closed = self.closed;
        let database = match is_good || to_redis {
            true => self.database.clone(),
            false => format!("postgres://postgres@127.0.0.1:{closed}/none"),
        };
        let redis = if is_good || !to_redis { self.redis } else { closed };
        let (level, connections, sockets) = (["info", "debug"][change % 2], 4 + change % 7, 1 + change % 3);
        let text = format!(
            "log:\n  level: {level}\ndatabase:\n  url: {database}\n  max_conns: {connections}\n  acquire_timeout_ms: \
             30000\nredis:\n  addr: 127.0.0.1:{redis}\n  pool_size: {sockets}\n"
        );
        (text, is_good)
    }
}

/// Clients that ask until they are stopped; the first request that fails fails the test.
struct Clients {
    running: JoinSet<()>,
    asked: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Clients {
    fn start(url: &str) -> Self {
        choose_cryptography();
        let client = reqwest::Client::new();
        let (asked, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut running = JoinSet::new();
        for _ in 0..CLIENTS {
            let (client, url) = (client.clone(), url.to_owned());
            let (asked, stop) = (Arc::clone(&asked), Arc::clone(&stop));
            running.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    for path in ["/orders", "/visits"] {
                        let answer = client.get(format!("{url}{path}")).send().await.unwrap();
                        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
                        assert_eq!(status, 200, "{path}: {body}");
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { running, asked, stop }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// How often both routes were asked.
    async fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
        self.asked()
    }
}

fn until_tried(service: &Daemon, text: &str) -> (u16, Value) {
    let wanted = hash(text);
    wait_for("a content to be tried", || {
        Some(health(service)).filter(|(_, output)| output["hash"] == *wanted)
    })
}

fn change_all(places: &Places, service: &Daemon, file: &std::path::Path, clients: &Clients) -> usize {
    let (mut served, mut refused) = (fs::read_to_string(file).unwrap(), 0);
    for change in 1..=CHANGES {
        let (text, is_good) = places.config(change);
        let revision = health(service).1["revision"].clone();
        rename_over(file, &text);
        let (status, output) = until_tried(service, &text);
        if is_good {
            assert_eq!((status, &output["served_hash"]), (200, &hash(&text).into()), "{output}");
            served = text;
        } else {
            assert_eq!((status, &output["status"]), (503, &"rejected".into()), "{output}");
            let now = (&output["served_hash"], &output["revision"]);
            assert_eq!(now, (&hash(&served).into(), &revision), "what was in use goes on");
            refused += 1;
        }
        let before = clients.asked();
        wait_for("the clients to be answered", || (clients.asked() > before).then_some(()));
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_everything_is_swapped_and_what_is_not_there_is_refused() {
    let (postgres, redis) = (Postgres::shared(), Redis::start());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let places = Places { database: postgres.database(), redis: redis.port(), closed };
    let (_folder, file) = folder(&places.config(0).0);
    let service = service(&file);
    let clients = Clients::start(service.url());
    let refused = tokio::task::block_in_place(|| {
        wait_for("the clients to be at it", || (clients.asked() > CLIENTS as u64).then_some(()));
        change_all(&places, &service, &file, &clients)
    });
    let asked = clients.stop().await;
    assert_eq!((refused, health(&service).1["revision"].as_u64()), (CHANGES / 10, Some(46)));
    let (_, visits) = service.get("/visits");
    assert_eq!(visits, format!("{{\"visits\":{}}}", asked + 1), "each visit was counted once");
    println!(
        "{CHANGES} changes, {refused} of them refused, while {CLIENTS} clients asked {asked} times two routes"
    );
}
