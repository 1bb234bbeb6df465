//! Connections: what many callers share, and what becomes of one whose caller leaves.

use super::*;

/// Readers of pages that do not end leave connections to edits and to followers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_do_not_occupy_all_connections() {
    let server = Postgres::shared();
    let url = server.database();
    let few = PostgresOptions { connections_max: 2, connect_ms_max: 1_000, ..options(&url) };
    let store = Arc::new(PostgresStore::new(few));
    append(&*store, "a", json!({})).await.unwrap();
    let mut holding = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut lock = holding.begin().await.unwrap();
    sqlx::query("LOCK TABLE reload_events IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let pages: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.events(EventQuery { limit: 9, ..EventQuery::default() }).await })
        })
        .collect();
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while Postgres::psql(&url, waits).unwrap() == "0" {
        tokio::task::yield_now().await;
    }
    for n in 0..50 {
        append(&*store, "a", json!({ "n": n })).await.unwrap();
    }
    lock.commit().await.unwrap();
    for page in pages {
        in_time(page).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_callers_that_left_keep_their_turns_until_they_are_read() {
    let server = Postgres::shared();
    let url = server.database();
    let store = Arc::new(PostgresStore::new(PostgresOptions { page_reads_max: 2, ..options(&url) }));
    append(&*store, "a", json!({})).await.unwrap();
    let mut holding = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut lock = holding.begin().await.unwrap();
    sqlx::query("LOCK TABLE reload_events IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let read = |_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.events(EventQuery { limit: 9, ..EventQuery::default() }).await })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let removed: Vec<_> = (0..8).map(read).collect();
    while Postgres::psql(&url, waiting).unwrap() != "2" {
        tokio::task::yield_now().await;
    }
    removed.iter().for_each(tokio::task::JoinHandle::abort);
    let pages: Vec<_> = (0..8).map(read).collect();
    for n in 0..50 {
        append(&*store, "a", json!({ "n": n })).await.unwrap();
    }
    assert_eq!(Postgres::psql(&url, waiting).unwrap(), "2");
    lock.commit().await.unwrap();
    for page in pages {
        in_time(page).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_cost_no_connection_and_leave_none_in_a_transaction() {
    const CONNECTIONS_MAX: u32 = 4;
    let server = Postgres::shared();
    let url = server.database();
    let proxy = Proxy::to(server.port());
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
    let store = PostgresOptions { connections_max: CONNECTIONS_MAX, ..options(&through) };
    let store = Arc::new(PostgresStore::new(store));
    append(&*store, "a", json!({})).await.unwrap();
    // Each leaves a little later than the one before: while it waits, connects, asks or reads.
    for pause in 0..200 {
        let of_call = Arc::clone(&store);
        let call = tokio::spawn(async move { of_call.head().await });
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        call.abort();
    }
    append(&*store, "a", json!({})).await.unwrap();
    // Those of the store, and one of the probe.
    assert!(proxy.accepted() <= CONNECTIONS_MAX as usize + 1, "{} connections", proxy.accepted());

    for pause in 0..200 {
        let of_call = Arc::clone(&store);
        let call = tokio::spawn(async move { everything(&*of_call).await });
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        call.abort();
        append(&*store, "a", json!({ "pause": pause })).await.unwrap();
    }
}
