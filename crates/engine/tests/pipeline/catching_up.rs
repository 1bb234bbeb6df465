//! A start from the local copy on a log that goes on, and that cannot be served here yet: what is served is behind, and
//! known to be.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use midflight_core::Trigger;
use midflight_engine::ReloadScope;
use midflight_store::{LastGoodFile, MemoryStore};

use crate::pool::{Pool, PoolState};
use crate::support::{Bench, edit, put};

#[tokio::test]
async fn a_start_that_could_not_serve_the_log_is_catching_up_until_it_is_level_once() {
    let (store, state) = (MemoryStore::new(), Arc::new(PoolState::default()));
    let folder = tempfile::tempdir().unwrap();
    let replica = || {
        Bench::with(store.clone(), |builder, slot| {
            builder.last_good(LastGoodFile::new(folder.path().join("copy")));
            builder.component(Pool::new(slot, &state));
        })
    };
    let writer = Bench::with(store.clone(), |_, _| {}).await;
    assert!(!writer.engine.status().is_catching_up, "an empty log is served in full");
    writer.engine.apply(edit([put("a", "one")])).await.unwrap();
    replica().await.engine.stop().await;
    writer.engine.apply(edit([put("pool", "big")])).await.unwrap();

    state.refuse.store(true, Ordering::Relaxed);
    let bench = replica().await;
    let status = bench.engine.status();
    assert_eq!((status.served.get(), status.desired.get()), (1, 2));
    assert!(status.is_catching_up && status.stale_since.is_some());

    state.refuse.store(false, Ordering::Relaxed);
    bench.engine.reload(Trigger::Manual, "ann", ReloadScope::New).await.unwrap();
    let status = bench.engine.status();
    assert_eq!((status.served.get(), status.is_catching_up, status.stale_since), (2, false, None));

    // A revision that comes later and is refused here for a while is no start.
    state.refuse.store(true, Ordering::Relaxed);
    writer.engine.apply(edit([put("pool/b", "more")])).await.unwrap();
    bench.engine.reload(Trigger::Manual, "ann", ReloadScope::New).await.unwrap();
    assert!(!bench.engine.status().is_catching_up);
    bench.engine.stop().await;
    writer.engine.stop().await;
}
