//! An edit under a key is made once a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use midflight_core::{Digest, Edit, EditKey, PrincipalId, RevisionNumber};
use midflight_engine::Refusal;
use midflight_store::{MemoryStore, RevisionLog as _};

use crate::support::{Bench, edit, put};

fn keyed(key: EditKey, text: &str) -> Edit {
    Edit { key: Some(key), ..edit([put("a", text)]) }
}

#[tokio::test]
async fn a_key_counts_for_a_day_by_the_clock_of_the_replica() {
    let minutes = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&minutes);
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.clock(Arc::new(move || {
            jiff::Timestamp::from_second(60 * clock.load(Ordering::Relaxed)).unwrap()
        }));
    })
    .await;
    let key = || EditKey::new("http:t1:one");
    let first = bench.engine.apply(keyed(key(), "one")).await.unwrap();
    assert_eq!(first.revision.unwrap().key.as_deref(), Some("http:t1:one"));
    minutes.store(24 * 60 - 1, Ordering::Relaxed);
    for repeat in
        [bench.engine.apply(keyed(key(), "two")).await, bench.engine.dry_run(keyed(key(), "two")).await]
    {
        let repeat = repeat.unwrap();
        assert_eq!((repeat.revision, repeat.repeats), (None, Some(RevisionNumber::new(1))));
    }
    assert_eq!(bench.text("a").as_deref(), Some("one"), "a repeat changes nothing");
    minutes.store(24 * 60, Ordering::Relaxed);
    let later = bench.engine.apply(keyed(key(), "two")).await.unwrap();
    assert_eq!((later.revision.unwrap().number.get(), later.repeats), (2, None));
    assert_eq!(bench.text("a").as_deref(), Some("two"));
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let bench = Bench::new().await;
    let other = bench.beside().await;
    let key = |request: &str| EditKey::new("http:t1:one").of_request(Digest::of_bytes(request.as_bytes()));
    bench.engine.apply(keyed(key("put one"), "one")).await.unwrap();
    let refused = other.engine.apply(keyed(key("put two"), "two")).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::KeyReused { revision } if revision.get() == 1), "{refused}");
    assert!(refused.to_string().contains("key_hours_max: 24"), "{refused}");
    // The same request repeats it, whatever it would change by now.
    let repeat = other.engine.apply(keyed(key("put one"), "three")).await.unwrap();
    assert_eq!(repeat.repeats, Some(RevisionNumber::new(1)));
    assert_eq!((other.text("a").as_deref(), bench.head().await), (Some("one"), 1));
}

#[tokio::test]
async fn a_revision_has_its_principal_and_a_key_that_is_too_long_is_refused() {
    let bench = Bench::new().await;
    let by = Edit { principal: Some(PrincipalId::new("t1")), ..keyed(EditKey::new("k"), "one") };
    let made = bench.engine.apply(by).await.unwrap().revision.unwrap();
    assert_eq!(made.principal.as_ref().map(PrincipalId::as_str), Some("t1"));
    let read = bench.store.since(RevisionNumber::ZERO, 9).await.unwrap();
    assert_eq!(read[0].revision, made);
    let refused = bench.engine.apply(keyed(EditKey::new("k".repeat(513)), "two")).await.unwrap_err();
    assert!(refused.to_string().contains("key_bytes_max"), "{refused}");
}
