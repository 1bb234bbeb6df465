//! What every log must do with tallies.

use jiff::Timestamp;
use midflight_core::{Change, DocumentName};
use serde_json::json;

use super::{SharedStore, append, id, number, put};
use crate::{StoreError, Tally, TallyQuery};

fn name(name: &str) -> DocumentName {
    name.parse().unwrap()
}

/// How often a document was used, last that many nanoseconds after some moment.
fn used(of: &str, count: u64, last: i128) -> Tally {
    let (kind, counter) = ("rules".parse().unwrap(), "used".to_owned());
    let last_at = Timestamp::from_nanosecond(1_700_000_000_000_000_000 + last).unwrap();
    Tally { kind, name: name(of), counter, count, last_at }
}

fn counted(counter: &str, tally: Tally) -> Tally {
    Tally { counter: counter.to_owned(), ..tally }
}

fn of_kind(kind: &str) -> TallyQuery {
    TallyQuery { kind: kind.parse().unwrap(), names: None, after: None, limit: 10_000 }
}

async fn all(log: &SharedStore) -> Vec<Tally> {
    let page = log.tallies(of_kind("rules")).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

/// Counts add up over batches, sources and within a batch, to a bound, and the latest time stays with all its digits.
pub async fn tallies_add_up(log: SharedStore) {
    assert!(all(&log).await.is_empty());
    assert!(log.add_tallies("one", 1, &[used("a", 2, 123_456_789), used("b", 1, 0)]).await.unwrap());
    // The sort of the texts would be another: one has no digits after the point, the other nine.
    assert!(log.add_tallies("two", 1, &[used("a", 3, 1), used("b", 1, 1), used("a", 4, 5)]).await.unwrap());
    let other_kind = Tally { kind: "tools".parse().unwrap(), ..used("a", 70, 0) };
    let good = counted("good_2", used("a", 0, -1_000_000_000));
    assert!(log.add_tallies("one", 2, &[other_kind.clone(), good.clone()]).await.unwrap());
    assert_eq!(all(&log).await, [good.clone(), used("a", 9, 123_456_789), used("b", 2, 1)]);
    assert_eq!(log.tallies(of_kind("tools")).await.unwrap().items, [other_kind]);
    assert!(log.tallies(of_kind("nothing")).await.unwrap().items.is_empty());

    let most = i64::MAX.unsigned_abs();
    assert!(log.add_tallies("one", 3, &[used("a", most - 10, 0), used("b", u64::MAX, 0)]).await.unwrap());
    let bounded = [good.clone(), used("a", most - 1, 123_456_789), used("b", most, 1)];
    assert_eq!(all(&log).await, bounded);
    assert!(log.add_tallies("one", 4, &[used("a", 2, 0), used("b", u64::MAX, 0)]).await.unwrap());
    assert_eq!(all(&log).await, [good, used("a", most, 123_456_789), used("b", most, 1)]);
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// A batch whose number is not above that of the last of its source is counted already.
pub async fn a_known_batch_changes_nothing(log: SharedStore) {
    let count =
        async |source: &str, number| log.add_tallies(source, number, &[used("a", 1, 0)]).await.unwrap();
    assert!(count("one", 0).await && !count("one", 0).await);
    assert!(count("one", 7).await, "numbers may leave some out");
    assert!(!count("one", 7).await && !count("one", 6).await && !count("one", 0).await);
    assert!(count("two ☃", 7).await && !count("two ☃", 7).await, "sources count each for itself");
    assert_eq!(all(&log).await, [used("a", 3, 0)]);
    assert!(log.add_tallies("two ☃", 8, &[]).await.unwrap(), "what counts nothing has a number too");
    assert!(!count("two ☃", 8).await && count("one", 8).await);
    let last = i64::MAX.unsigned_abs();
    assert!(count("one", last).await && !count("one", last).await);
    assert_eq!(all(&log).await, [used("a", 5, 0)]);
}

/// Of many who count the same at once, each in an order of its own and each twice, nothing is lost or counted twice.
pub async fn counting_at_once_loses_nothing(log: SharedStore) {
    const WRITERS: u64 = 6;
    const BATCHES: u64 = 15;
    const NAMES: u64 = 40;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = SharedStore::clone(&log);
            tokio::spawn(async move {
                let mut tallies: Vec<_> =
                    (0..NAMES).map(|n| used(&format!("n{n}"), n, i128::from(n))).collect();
                for batch in 0..BATCHES {
                    tallies.rotate_left(7);
                    if writer % 2 == 0 {
                        tallies.reverse();
                    }
                    let source = format!("writer {}", writer / 2);
                    // Two are of one source and send the same, and the first of them is counted.
                    log.add_tallies(&source, batch, &tallies).await.unwrap();
                    assert!(!log.add_tallies(&source, batch, &tallies).await.unwrap());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut expected: Vec<_> =
        (0..NAMES).map(|n| used(&format!("n{n}"), n * BATCHES * WRITERS / 2, i128::from(n))).collect();
    expected.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(all(&log).await, expected);
}

/// A batch whose caller was dropped is counted completely or not at all, and once when it is sent again.
pub async fn a_lost_batch_can_be_sent_again(log: SharedStore) {
    const BATCHES: u64 = 40;
    for batch in 1..=BATCHES {
        let two = [used("a", 1, 0), used("b", 1, 0)];
        {
            let mut add = log.add_tallies("one", batch, &two);
            let mut polled = 0;
            std::future::poll_fn(|context| {
                polled += 1;
                let done = add.as_mut().poll(context).is_ready() || polled > batch;
                if done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        log.add_tallies("one", batch, &two).await.unwrap();
        assert_eq!(all(&log).await, [used("a", batch, 0), used("b", batch, 0)]);
    }
}

/// Tallies are ordered by the bytes of their names and by counter, cut at the limit, and only of the names asked for.
pub async fn tallies_have_pages(log: SharedStore) {
    let names = ["A", "a", "a-b", "a/b", "a/b/c", "b", "Ω", "é"];
    let both = names.iter().flat_map(|name| ["used", "bad"].map(|word| counted(word, used(name, 1, 0))));
    log.add_tallies("one", 1, &both.collect::<Vec<_>>()).await.unwrap();
    let mut sorted: Vec<_> = names.iter().flat_map(|name| [(*name, "bad"), (*name, "used")]).collect();
    sorted.sort_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()).then(one.1.cmp(other.1)));
    let read = async |names: Option<Vec<DocumentName>>, limit| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let query = TallyQuery { names: names.clone(), after, limit, ..of_kind("rules") };
            let page = log.tallies(query).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            found.extend(page.items.into_iter().map(|tally| (tally.name.to_string(), tally.counter)));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, counter)| ((*name).to_owned(), (*counter).to_owned())).collect::<Vec<_>>()
    };
    for limit in [1, 3, 8, 16, 17] {
        assert_eq!(read(None, limit).await, pairs(&sorted), "{limit} a page");
    }
    let asked = ["é", "a", "no", "a"].map(name).to_vec();
    let found = pairs(&[("a", "bad"), ("a", "used"), ("é", "bad"), ("é", "used")]);
    for limit in [1, 2, 3, 4, 5] {
        assert_eq!(read(Some(asked.clone()), limit).await, found, "{limit} a page");
    }
    assert!(read(Some(Vec::new()), 5).await.is_empty());
}

/// What cannot be counted is refused with all that came with it, and its number is not taken.
pub async fn what_cannot_be_counted_is_refused(log: SharedStore) {
    let good = used("a", 1, 0);
    let mut refused = Vec::new();
    for counter in ["", "Used", "use d", "üsed", "a\0", &"x".repeat(33)] {
        let both = [good.clone(), counted(counter, good.clone())];
        refused.push(log.add_tallies("one", 1, &both).await);
    }
    for source in ["", "a\0b", &"x".repeat(257)] {
        refused.push(log.add_tallies(source, 1, std::slice::from_ref(&good)).await);
    }
    refused.push(log.add_tallies("one", 1 << 63, std::slice::from_ref(&good)).await);
    refused.push(log.add_tallies("one", 1, &vec![good.clone(); Tally::BATCH_MAX + 1]).await);
    assert!(refused.iter().all(|it| matches!(it, Err(StoreError::Invalid(_)))), "{refused:?}");
    assert!(all(&log).await.is_empty());

    let long = counted(&"x".repeat(32), good.clone());
    assert!(log.add_tallies(&"x".repeat(256), 1, std::slice::from_ref(&long)).await.unwrap());
    let many: Vec<_> = (0..Tally::BATCH_MAX).map(|n| used(&format!("n{n}"), 1, 0)).collect();
    assert!(log.add_tallies("one", 1, &many).await.unwrap());
    let page = log.tallies(TallyQuery { limit: 20_000, ..of_kind("rules") }).await.unwrap();
    assert_eq!((page.items.len(), &page.items[0]), (Tally::BATCH_MAX + 1, &long));
    assert!(log.diagnose().await.unwrap().is_empty());
}

/// A document's tallies outlive its deletion until the log is compacted, be there versions to forget or not.
pub async fn compaction_forgets_tallies_of_the_deleted(log: SharedStore) {
    append(&log, [put("gone", json!({})), put("there", json!({})), put("back", json!({}))]).await;
    append(&log, [Change::delete(id("gone")), Change::delete(id("back"))]).await;
    append(&log, [put("back", json!({}))]).await;
    let tallies = ["gone", "there", "back", "never"].map(|name| used(name, 1, 0));
    log.add_tallies("one", 1, &tallies).await.unwrap();
    log.add_tallies("one", 2, &[counted("bad", used("gone", 1, 0))]).await.unwrap();
    let other_kind = Tally { kind: "tools".parse().unwrap(), ..used("gone", 1, 0) };
    log.add_tallies("one", 3, std::slice::from_ref(&other_kind)).await.unwrap();
    assert_eq!(all(&log).await.len(), 5, "what is deleted may come back");
    assert!(log.compact(number(9)).await.is_err());
    assert_eq!(all(&log).await.len(), 5, "what was refused forgets nothing");

    assert_eq!(log.compact(number(2)).await.unwrap(), 2);
    let left = ["back", "never", "there"].map(|name| used(name, 1, 0));
    assert_eq!(all(&log).await, left);
    assert_eq!(log.tallies(of_kind("tools")).await.unwrap().items, [other_kind]);
    assert!(!log.add_tallies("one", 3, &left).await.unwrap(), "sources are not forgotten by this");
    // A replica that is late counts a deleted document.
    log.add_tallies("two", 1, &[used("gone", 1, 0)]).await.unwrap();
    assert_eq!(log.compact(number(2)).await.unwrap(), 0);
    assert_eq!(all(&log).await, left);
    assert!(log.diagnose().await.unwrap().is_empty());
}
