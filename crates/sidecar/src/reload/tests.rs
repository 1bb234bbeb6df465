//! What follows from how an attempt ended.

use std::collections::BTreeMap;

use super::*;
use crate::app::Word;
use crate::options::{AppOptions, Trigger};

fn reloader() -> Reloader {
    let options = AppOptions {
        trigger: Trigger::Post("http://127.0.0.1:1/".into()),
        health_url: None,
        verify: Verify::Hash,
        verify_timeout: Duration::from_secs(1),
        verify_poll: Duration::from_millis(1),
        max_backoff: Duration::from_secs(60),
    };
    let interval = Duration::from_secs(5);
    let (latest, metrics) = (Arc::new(Latest::default()), Arc::new(Metrics::new(interval)));
    Reloader::new(App::new(options), interval, latest, metrics, LastGood::open(None).unwrap(), None)
}

fn content(text: &str) -> Arc<Content> {
    let hash = Hash::of(text.as_bytes());
    Arc::new(Content { hash, files: BTreeMap::from([("/f".into(), hash)]), kept: BTreeMap::new() })
}

fn refusal(status: &str, hash: Hash) -> Outcome {
    let word = format!(r#"{{"status": "{status}", "hash": "{hash}"}}"#);
    Outcome::Refused(Word::parse(word.as_bytes()).unwrap().into())
}

#[test]
fn only_bytes_that_are_wrong_are_not_tried_again() {
    let content = content("1");
    for (status, rests) in [
        ("load_failed", true),
        ("validation_failed", true),
        ("rejected", false),
        ("rolled_back", false),
        ("stuck", false),
        ("cancelled", false),
    ] {
        let mut reloader = reloader();
        let next = reloader.conclude(&content, refusal(status, content.hash), Duration::ZERO);
        assert_eq!(next == Next::Rest, rests, "{status}");
        assert_eq!(
            reloader.hashes(None),
            Hashes { verified: None, pending: None, refused: Some(content.hash) }
        );
    }
}

#[test]
fn what_failed_is_tried_again_with_growing_pauses_and_is_not_adopted() {
    let (content, mut reloader) = (content("1"), reloader());
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let outcome = Outcome::Failed(Reason::Unreachable, String::new());
        match reloader.conclude(&content, outcome, Duration::ZERO) {
            Next::Again(pause) => pauses.push(pause),
            Next::Rest => panic!("given up"),
        }
    }
    // The bounds are 5, 10, 20 and 40 s, and a pause is at least half of its bound.
    assert!(pauses[0] <= Duration::from_secs(5) && pauses[3] >= Duration::from_secs(20), "{pauses:?}");
    assert!(reloader.good.content().is_none() && reloader.settled.is_none());
}

#[test]
fn a_success_forgets_what_was_refused() {
    let (bad, good, mut reloader) = (content("1"), content("2"), reloader());
    reloader.conclude(&bad, refusal("rejected", bad.hash), Duration::ZERO);
    assert_eq!(reloader.conclude(&good, Outcome::Verified, Duration::ZERO), Next::Rest);
    assert_eq!(reloader.hashes(None), Hashes { verified: Some(good.hash), pending: None, refused: None });
    assert_eq!(reloader.step(&good), Next::Rest);
}

#[test]
fn an_app_that_is_not_there_yet_has_not_failed() {
    let (content, mut reloader) = (content("1"), reloader());
    reloader.latest.put(Arc::clone(&content));
    assert!(matches!(reloader.step(&content), Next::Again(pause) if pause <= MEET_FIRST));
    assert!(!reloader.met);
}
