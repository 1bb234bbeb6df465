//! Many edits of one document at once: every replica ends on the last, and none serves an older one after a newer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::harness::{Asker, Fleet, Hints, adults, condition};

const EDITS: u64 = 200;

async fn a_burst_is_followed_forwards(hints: Hints) {
    let fleet = Fleet::start(3, hints);
    let (ask, url) = (&fleet.ask, |replica| fleet.url(replica).to_owned());
    let first = adults(ask, &url(0)).await;
    for replica in 0..3 {
        ask.until_served(&url(replica), first).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let watch = |replica| tokio::spawn(never_goes_back(ask.clone(), url(replica), Arc::clone(&done)));
    let watchers: Vec<_> = (0..3).map(watch).collect();
    let mut last = 0;
    for age in 1..=EDITS {
        last = ask.edit(&url(0), "conditions/old", &condition(age)).await;
    }
    for replica in 0..3 {
        ask.until_served(&url(replica), last).await;
        let (revision, answer) = ask.recommended(&url(replica), EDITS - 1).await.unwrap();
        assert_eq!((revision, answer), (last, json!("send home")), "every replica ends on the last");
    }
    done.store(true, Ordering::Relaxed);
    for watcher in watchers {
        assert!(watcher.await.unwrap() > 0, "it was watched");
    }
}

/// Looks at what a replica answers until it is done; answers how often.
async fn never_goes_back(ask: Asker, url: String, done: Arc<AtomicBool>) -> u64 {
    let (mut newest, mut looks) = (0, 0);
    while !done.load(Ordering::Relaxed) {
        let (revision, _) = ask.recommended(&url, 50).await.unwrap();
        assert!(revision >= newest, "{url} answered from {revision} after {newest}");
        newest = revision;
        looks += 1;
    }
    looks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_a_burst_is_followed_forwards() {
    a_burst_is_followed_forwards(Hints::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_a_burst_is_followed_forwards() {
    a_burst_is_followed_forwards(Hints::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nats_a_burst_is_followed_forwards() {
    a_burst_is_followed_forwards(Hints::Nats).await;
}
