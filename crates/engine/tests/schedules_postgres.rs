//! Schedules of several replicas on a real PostgreSQL: each is done once, whoever leads and whoever dies meanwhile.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "support/words.rs"]
#[expect(dead_code, reason = "it is the support of other tests too")]
mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use midflight_bus::MemoryBus;
use midflight_core::{Change, Trigger};
use midflight_engine::{Engine, Refresh, schedule_id};
use midflight_store::{PostgresOptions, PostgresStore, Store};
use midflight_testkit::{DEADLINE, Postgres, Proxy};
use serde_json::json;
use words::{Words, edit, id};

const SCHEDULES: usize = 20;

async fn replica(url: &str, name: &str, bus: &MemoryBus) -> Engine {
    replica_with_clock(url, name, bus, SignedDuration::ZERO).await
}

/// A replica whose clock is so much ahead of the server's.
async fn replica_with_clock(url: &str, name: &str, bus: &MemoryBus, ahead: SignedDuration) -> Engine {
    let options = PostgresOptions::new(url.parse().unwrap(), name);
    // Short, so that a replica that is cut off says so soon.
    let options = PostgresOptions { connect_ms_max: 1_000, statement_ms_max: 1_000, ..options };
    let mut builder =
        Engine::builder().store(Arc::new(PostgresStore::new(options))).bus(Arc::new(bus.clone()));
    builder.kind(Words);
    builder.clock(Arc::new(move || Timestamp::now() + ahead));
    builder.refresh(Refresh { enabled: true, period: Duration::from_millis(200) });
    builder.start().await.unwrap()
}

/// Schedules a word each, one after the other from now on, a tenth of a second apart.
async fn put_schedules(engine: &Engine) {
    let now = Timestamp::now();
    let changes = (0..SCHEDULES).map(|n| {
        let changes =
            json!([{"op": "put", "kind": "words", "name": format!("w{n}"), "body": {"text": "done"}}]);
        let at = now + SignedDuration::from_millis(500 + 100 * i64::try_from(n).unwrap());
        let body = json!({"changes": changes, "not_before": at.to_string()});
        Change::put(schedule_id(&format!("s{n}")).unwrap(), body)
    });
    engine.apply(edit(changes)).await.unwrap();
}

async fn done(store: &dyn Store) -> usize {
    let (_, all) = midflight_store::everything(store).await.unwrap();
    all.iter().filter(|document| document.id.kind.as_str() == "words").count()
}

/// Waits until so many are done.
async fn until_done(store: &dyn Store, wanted: usize) {
    let all = async {
        while done(store).await < wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
}

/// Each was done by one revision, which is its schedule's end too.
async fn each_was_done_once(store: &dyn Store) {
    for n in 0..SCHEDULES {
        let versions = store.versions(&id(&format!("w{n}")), None, 10, None).await.unwrap().items;
        assert_eq!(versions.len(), 1, "w{n}");
        let newest =
            store.versions(&schedule_id(&format!("s{n}")).unwrap(), None, 10, None).await.unwrap().items;
        let end = (newest.len(), newest[0].document.body.is_none(), newest[0].document.revision);
        assert_eq!(end, (2, true, versions[0].document.revision), "s{n}");
    }
    let (head, _) = store.heads(&[]).await.unwrap();
    assert_eq!(head.number.get(), 1 + SCHEDULES as u64, "and nothing else is in the log");
    let log = store.since(midflight_core::RevisionNumber::new(1), 100).await.unwrap();
    assert!(log.iter().all(|one| one.revision.trigger == Trigger::Schedule));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_with_a_wrong_clock_uses_the_clock_of_the_log() {
    let server = Postgres::shared();
    for wrong_by in [SignedDuration::from_hours(1), -SignedDuration::from_hours(1)] {
        let url = server.database();
        let leader = replica_with_clock(&url, "r1", &MemoryBus::new(), wrong_by).await;
        let later = json!({
            "changes": [{"op": "put", "kind": "words", "name": "early", "body": {"text": "done"}}],
            "not_before": (Timestamp::now() + SignedDuration::from_mins(30)).to_string(),
        });
        leader.apply(edit([Change::put(schedule_id("later").unwrap(), later)])).await.unwrap();
        put_schedules(&leader).await;
        // The schedule of half an hour from now was due before all others by the clock of the leader that is fast, and
        // none would be done by that of the one that is slow.
        until_done(&**leader.store(), SCHEDULES).await;
        assert!(leader.store().versions(&id("early"), None, 1, None).await.unwrap().items.is_empty());
        leader.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_done_once_when_the_leader_dies_halfway() {
    let server = Postgres::shared();
    let url = server.database();
    let bus = MemoryBus::new();
    let first = replica(&url, "r1", &bus).await;
    put_schedules(&first).await;
    let others = [replica(&url, "r2", &bus).await, replica(&url, "r3", &bus).await];
    let store = Arc::clone(others[0].store());
    until_done(&*store, SCHEDULES / 4).await;
    // Nobody has it any more: it ends without a word, and its lead with it.
    drop(first);
    until_done(&*store, SCHEDULES / 2).await;
    others[1].stop().await;
    until_done(&*store, SCHEDULES).await;
    each_was_done_once(&*store).await;
    others[0].stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_done_once_when_the_leader_is_cut_off_and_returns() {
    let server = Postgres::shared();
    let url = server.database();
    let proxy = Proxy::to(server.port());
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let bus = MemoryBus::new();
    let leader = replica(&through, "r1", &bus).await;
    put_schedules(&leader).await;
    let store = Arc::clone(leader.store());
    until_done(&*store, 1).await;
    let others = [replica(&url, "r2", &bus).await, replica(&url, "r3", &bus).await];
    proxy.stall();
    let store = Arc::clone(others[0].store());
    until_done(&*store, SCHEDULES).await;
    proxy.heal();
    let level = async {
        while leader.served() < others[0].served() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, level).await.unwrap();
    each_was_done_once(&*store).await;
    for engine in [leader].iter().chain(&others) {
        engine.stop().await;
    }
}
