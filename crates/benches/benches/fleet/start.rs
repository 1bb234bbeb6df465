//! How long a replica takes to start on a log that holds much.

use std::sync::Arc;
use std::time::Instant;

use midflight_bus::MemoryBus;
use midflight_store::LastGoodFile;
use midflight_testkit::Postgres;
use sqlx::postgres::PgPoolOptions;

use crate::replicas::{edit, engine, everything};

const DOCUMENTS: usize = 100_000;

pub(crate) async fn of_a_replica(postgres: &Postgres) {
    let log = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let copy = || Some(LastGoodFile::new(folder.path().join("last-good")));
    let writer = engine(&log, "writer", Arc::new(MemoryBus::new()), None).await;
    writer.apply(edit(everything(DOCUMENTS))).await.unwrap();
    writer.stop().await;

    let began = Instant::now();
    let replica = engine(&log, "r1", Arc::new(MemoryBus::new()), copy()).await;
    let from_log = began.elapsed();
    replica.stop().await;

    let pool = PgPoolOptions::new().max_connections(1).connect(&log).await.unwrap();
    let began = Instant::now();
    let select =
        "SELECT d.kind, d.name, d.version, d.digest, d.body FROM heads JOIN documents d USING (place)";
    let rows = sqlx::query(select).fetch_all(&pool).await.unwrap();
    let bare = began.elapsed();
    assert_eq!(rows.len(), DOCUMENTS + 1);

    // A port that nobody listens on: the log is away.
    let unavailable = log.replace(&format!(":{}/", postgres.port()), ":1/");
    let began = Instant::now();
    let replica = engine(&unavailable, "r1", Arc::new(MemoryBus::new()), copy()).await;
    let from_copy = began.elapsed();
    assert_eq!(replica.served().get(), 1);
    replica.stop().await;
    println!(
        "start on {DOCUMENTS} documents: {from_log:.2?} from the log (aim 1 s), {from_copy:.2?} from the copy; bare select of \
         the same rows: {bare:.2?}"
    );
}
