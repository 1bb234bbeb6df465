//! Edits of several writers while replicas are killed and started again: what was acknowledged is there, in the order
//! of its numbers, and no replica ever goes back. `MIDFLIGHT_EDITS=10000` makes it as long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use midflight_testkit::{Midflight, Postgres, pause};

use crate::harness::{Asker, Fleet, Hints, adults, condition};

const REPLICAS: usize = 3;
const WRITERS: u64 = 4;
/// How many edits are acknowledged between two kills.
const KILL_EVERY: u64 = 60;

/// What everybody who takes part knows.
struct Play {
    ask: Asker,
    edits: u64,
    /// Where each replica answers now.
    urls: Mutex<Vec<String>>,
    acknowledged: AtomicU64,
    done: AtomicBool,
}

impl Play {
    fn url(&self, replica: usize) -> String {
        self.urls.lock().unwrap()[replica].clone()
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

fn edits() -> u64 {
    std::env::var("MIDFLIGHT_EDITS").map_or(600, |edits| edits.parse().unwrap())
}

/// Writes until its share is acknowledged; answers what was, by revision.
async fn write(play: Arc<Play>, writer: u64) -> BTreeMap<u64, (String, u64)> {
    let mut acknowledged = BTreeMap::new();
    let name = format!("conditions/w{writer}");
    for n in 0.. {
        if acknowledged.len() as u64 >= play.edits / WRITERS {
            break;
        }
        let url = play.url(usize::try_from(n + writer).unwrap() % REPLICAS);
        // Whatever is not acknowledged may or may not be there.
        if let Ok((200 | 201, output)) = play.ask.put(&url, &name, &condition(n), "").await {
            acknowledged.insert(output["revision"].as_u64().unwrap(), (name.clone(), n));
            play.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    acknowledged
}

/// Looks at what a replica serves, whichever process it is just now; answers how often it was seen.
async fn never_goes_back(play: Arc<Play>, replica: usize) -> u64 {
    let (mut newest, mut looks) = (0, 0);
    while !play.is_done() {
        if let Some(served) = play.ask.served(&play.url(replica)).await {
            assert!(served >= newest, "replica {replica} served {served} after {newest}");
            newest = served;
            looks += 1;
        }
    }
    looks
}

/// Looks at the log as others see it: a number is never there before the one below it.
fn no_number_is_skipped(play: &Play, log: &str) -> u64 {
    let mut looks = 0;
    while !play.is_done() {
        let gaps = "SELECT coalesce(max(number), 0) - count(*) FROM revisions";
        assert_eq!(Postgres::psql(log, gaps).unwrap(), "0");
        looks += 1;
    }
    looks
}

/// Kills replicas in an order that looks like none, until it is done.
fn kill(play: &Play, mut replicas: Vec<Midflight>) -> (Vec<Midflight>, u64) {
    let mut kills = 0;
    while !play.is_done() {
        if play.acknowledged.load(Ordering::Relaxed) < (kills + 1) * KILL_EVERY {
            pause(std::time::Duration::from_millis(5));
            continue;
        }
        let victim = usize::try_from((kills * 7 + kills / 3) % 3).unwrap();
        replicas[victim].restart();
        play.urls.lock().unwrap()[victim] = replicas[victim].url().to_owned();
        kills += 1;
    }
    (replicas, kills)
}

async fn nothing_is_lost_when_replicas_are_killed(hints: Hints) {
    let mut fleet = Fleet::start(REPLICAS, hints);
    adults(&fleet.ask, fleet.url(0)).await;
    let urls = (0..REPLICAS).map(|replica| fleet.url(replica).to_owned()).collect();
    let play = Arc::new(Play {
        ask: fleet.ask.clone(),
        edits: edits(),
        urls: Mutex::new(urls),
        acknowledged: AtomicU64::new(0),
        done: AtomicBool::new(false),
    });
    let watchers: Vec<_> =
        (0..REPLICAS).map(|replica| tokio::spawn(never_goes_back(Arc::clone(&play), replica))).collect();
    let (of_log, log) = (Arc::clone(&play), fleet.log.clone());
    let reader = tokio::task::spawn_blocking(move || no_number_is_skipped(&of_log, &log));
    let (of_killer, replicas) = (Arc::clone(&play), std::mem::take(&mut fleet.replicas));
    let killer = tokio::task::spawn_blocking(move || kill(&of_killer, replicas));
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&play), writer))).collect();
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    play.done.store(true, Ordering::Relaxed);
    let (replicas, kills) = killer.await.unwrap();
    fleet.replicas = replicas;

    let rows = "SELECT r.number || ' ' || d.name || ' ' || (d.body::json ->> 'constant')
        FROM revisions r JOIN documents d ON d.revision = r.number WHERE d.name LIKE 'conditions/w%'";
    let rows = Postgres::psql(&fleet.log, rows).unwrap();
    let in_log: BTreeMap<u64, (String, u64)> = rows
        .lines()
        .map(|row| {
            let mut parts = row.split(' ');
            let mut next = || parts.next().unwrap();
            (next().parse().unwrap(), (next().to_owned(), next().parse().unwrap()))
        })
        .collect();
    for (revision, edit) in &acknowledged {
        assert_eq!(in_log.get(revision), Some(edit), "what was acknowledged as {revision} is there");
    }
    let head = Postgres::psql(&fleet.log, "SELECT max(number) FROM revisions").unwrap().parse().unwrap();
    for replica in 0..REPLICAS {
        fleet.ask.until_served(fleet.url(replica), head).await;
    }
    let mut looks = 0;
    for watcher in watchers {
        looks += watcher.await.unwrap();
    }
    let gaps = reader.await.unwrap();
    assert!(kills > 0 && looks > 0 && gaps > 0);
    eprintln!(
        "{hints:?}: {} acknowledged, {} in the log at {head}, {kills} kills, {looks} looks at replicas, {gaps} at the log",
        acknowledged.len(),
        in_log.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_replicas_are_killed_at_random() {
    nothing_is_lost_when_replicas_are_killed(Hints::Redis).await;
}
