//! The cache: what changes while it keeps what it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use midflight_components::Cache;
use midflight_engine::testing::{fail_every_step, try_component};
use midflight_engine::{Component as _, Engine, Faults};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{changed, engine, place, put, until, worlds};

fn settings(ttl_ms: u64, entries_max: u64) -> Value {
    json!({ "cache": { "ttl_ms": ttl_ms, "entries_max": entries_max } })
}

async fn started(faults: &Arc<Faults>) -> (Engine, Cache<u32, String>) {
    engine(|builder, slot| {
        let (part, cache) = Cache::new(place(slot, "cache", |app| &app.cache));
        builder.faults(Arc::clone(faults)).component(part);
        cache
    })
    .await
}

#[tokio::test]
async fn what_is_dropped_or_rolled_back_loses_nothing() {
    let (empty, full, slot) = worlds(settings(60_000, 100));
    let (part, cache) = Cache::<u32, u32>::new(place(slot, "cache", |app| &app.cache));
    let kept = || (0..100).filter_map(|key| cache.get(&key)).collect::<Vec<_>>();
    try_component(&part, &empty, &full, kept).await.unwrap();
    part.prepare(&empty, &full).await.unwrap().unwrap().commit().retire().await;
    (0..50).for_each(|key| cache.insert(key, key));
    assert!(part.prepare(&empty, &full).await.unwrap().is_none(), "what is in use is what is wanted");
    try_component(&part, &full, &changed(&full, slot, settings(60_000, 1)), kept).await.unwrap();
    assert_eq!(kept().len(), 50, "fewer entries go only once that holds");
    part.prepare(&full, &empty).await.unwrap().unwrap().commit().retire().await;
    cache.insert(1, 1);
    assert_eq!((cache.len(), kept().len()), (0, 0), "where nothing is configured nothing is kept");
}

#[tokio::test]
async fn every_step_can_fail_and_everything_is_kept() {
    let faults = Arc::default();
    let (engine, cache) = started(&faults).await;
    engine.apply(put(settings(60_000, 100))).await.unwrap();
    (0..20).for_each(|key| cache.insert(key, key.to_string()));
    let probe = || (cache.len(), format!("{cache:?}"));
    let next = |n: usize| put(settings(60_000 + n as u64, 20 + n as u64));
    fail_every_step(&engine, &faults, next, probe).await.unwrap();
    assert_eq!(cache.len(), 20);
}

#[tokio::test]
async fn a_changed_ttl_and_size_apply_to_existing_entries() {
    let (engine, cache) = started(&Arc::default()).await;
    engine.apply(put(settings(86_400_000, 1000))).await.unwrap();
    (0..1000).for_each(|key| cache.insert(key, key.to_string()));
    assert_eq!((cache.len(), cache.get(&999).as_deref()), (1000, Some("999")));
    engine.apply(put(settings(86_400_000, 10))).await.unwrap();
    engine.retired().await;
    assert!((1..=10).contains(&cache.len()), "{}", cache.len());
    (0..1000).for_each(|key| cache.insert(key, key.to_string()));
    assert!((1..=10).contains(&cache.len()), "{}", cache.len());
    engine.apply(put(settings(86_400_000, 500))).await.unwrap();
    (0..500).for_each(|key| cache.insert(key, key.to_string()));
    assert!((11..=500).contains(&cache.len()), "{}", cache.len());
    cache.insert(7, "seven".to_owned());
    engine.apply(put(settings(1, 500))).await.unwrap();
    until("the entry to be too old", async || cache.get(&7).is_none().then_some(())).await;
    let again = cache.get_or_try_insert_with(&7, async || Ok::<_, ()>("anew".to_owned())).await;
    assert_eq!(again.as_deref(), Ok("anew"));
    engine.apply(put(settings(86_400_000, 500))).await.unwrap();
    assert_eq!(cache.get(&7).as_deref(), Some("anew"), "a longer one holds for it as well");
}

#[tokio::test]
async fn bad_settings_are_refused_with_their_place_and_cure() {
    let (empty, full, slot) = worlds(settings(0, 0));
    let (part, _cache) = Cache::<u32, u32>::new(place(slot, "cache", |app| &app.cache));
    let refused = part.prepare(&empty, &full).await.err().unwrap().to_string();
    let expected = "settings/app at /cache/ttl_ms: invalid ttl_ms 0: expected 1 to 86400000; settings/app \
                    at /cache/entries_max: invalid entries_max 0: expected 1 to 100000000";
    assert_eq!(refused, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_makes_a_value_and_the_others_wait_for_it() {
    let (engine, cache) = started(&Arc::default()).await;
    engine.apply(put(settings(60_000, 100))).await.unwrap();
    let (made, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let ask = |n: u32| {
        let (cache, made, go) = (cache.clone(), Arc::clone(&made), Arc::clone(&go));
        tokio::spawn(async move {
            cache
                .get_or_try_insert_with(&1, async || {
                    made.fetch_add(1, Ordering::Relaxed);
                    go.notified().await;
                    Ok::<_, ()>(n.to_string())
                })
                .await
        })
    };
    let asked: Vec<_> = (0..50).map(ask).collect();
    until("one to make it", async || (made.load(Ordering::Relaxed) == 1).then_some(())).await;
    // A swap meanwhile changes nothing for those who wait.
    engine.apply(put(settings(60_001, 200))).await.unwrap();
    go.notify_one();
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap().unwrap());
    }
    answers.dedup();
    assert_eq!((answers.len(), made.load(Ordering::Relaxed)), (1, 1));

    let failed = cache.get_or_try_insert_with(&2, async || Err::<String, _>("no")).await;
    assert_eq!((failed, cache.get(&2)), (Err("no"), None), "a failure is not kept");
}
