//! Hints that are lost because the connection breaks just then: found again when it is back, without the period.

use midflight_testkit::{Postgres, Proxy};

use crate::harness::{Asker, Carrier, Hints, adults, condition, flags, serve, until};

const CUTS: u64 = 20;

/// A replica that writes, and one that hears of it through a network that breaks as each hint is under way.
async fn no_cut_loses_an_edit(hints: Hints) {
    let (postgres, carrier) = (Postgres::shared(), Carrier::start(hints));
    let log = postgres.database();
    let broken = Proxy::to(carrier.port().unwrap_or(postgres.port()));
    let through = |url: &str| {
        url.replace(&carrier.port().unwrap_or(postgres.port()).to_string(), &broken.port().to_string())
    };
    let ask = Asker::new();
    let writer = serve(&flags(&log, &carrier.flag()));
    // With hints through PostgreSQL it is the way to the log that breaks.
    let (log, bus) = match hints {
        Hints::Postgres => (through(&log), carrier.flag()),
        _ => (log, through(&carrier.flag())),
    };
    let follower = serve(&flags(&log, &bus));
    let mut revision = adults(&ask, writer.url()).await;
    ask.until_served(follower.url(), revision).await;
    for cut in 1..=CUTS {
        // Nothing gets through any more, and nobody knows it yet: what is said now is lost with the connection.
        broken.stall();
        revision = ask.edit(writer.url(), "conditions/old", &condition(100 + cut)).await;
        broken.cut();
        broken.heal();
        ask.until_served(follower.url(), revision).await;
    }
    let answer = ask.recommended(follower.url(), 100 + CUTS - 1).await;
    assert_eq!(answer, Some((revision, "send home".into())));
    until(|| async {
        let health = ask.health(follower.url()).await;
        (health["status"] == "healthy").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_no_cut_loses_an_edit() {
    no_cut_loses_an_edit(Hints::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_no_cut_loses_an_edit() {
    no_cut_loses_an_edit(Hints::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nats_no_cut_loses_an_edit() {
    no_cut_loses_an_edit(Hints::Nats).await;
}
