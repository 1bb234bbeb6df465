//! What follows from how an attempt ended.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::app::AppStatus;
use crate::options::{AppOptions, Trigger};

fn app(url: &str, is_asked: bool, verify_timeout: Duration) -> WatchedApp {
    WatchedApp::new(AppOptions {
        trigger: Trigger::Post(url.into()),
        health_url: is_asked.then(|| url.into()),
        verify: Verify::Hash,
        verify_timeout,
        verify_poll: Duration::from_millis(1),
        max_backoff: Duration::from_secs(60),
    })
}

fn reloader() -> AppReloader {
    let (app, interval) = (app("http://127.0.0.1:1/", false, SHORT), Duration::from_secs(5));
    let (latest, metrics) = (Arc::new(Latest::default()), Arc::new(Metrics::new(interval)));
    AppReloader::new(app, interval, latest, metrics, VerifiedContent::open(None).unwrap(), None)
}

fn content(text: &str) -> Arc<WatchedContent> {
    let hash = Hash::of(text.as_bytes());
    Arc::new(WatchedContent { hash, files: BTreeMap::from([("/f".into(), hash)]), kept: BTreeMap::new() })
}

/// Enough for what is to be decided by an answer.
const LONG: Duration = Duration::from_secs(60);
/// What is to be decided by the end of patience is to be decided soon.
const SHORT: Duration = Duration::from_secs(1);

fn word(status: &str, hash: Hash) -> String {
    format!(r#"{{"status": "{status}", "hash": "{hash}"}}"#)
}

fn refusal(status: &str, hash: Hash) -> Outcome {
    Outcome::Refused(AppStatus::parse(word(status, hash).as_bytes()).unwrap().into())
}

/// How an attempt ends at an app that answers these, one after the other, and the last of them again and again.
fn attempt(answers: &[(u16, String)], is_asked: bool, is_again: bool, patience: Duration) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = app(&format!("http://{}/", listener.local_addr().unwrap()), is_asked, patience);
    let (content, latest) = (content("wanted"), Latest::default());
    latest.put(Arc::clone(&content));
    std::thread::scope(|scope| {
        let ended = Arc::new(AtomicBool::new(false));
        let (ending, address) = (Arc::clone(&ended), listener.local_addr().unwrap());
        scope.spawn(move || {
            let mut answers = answers.iter().peekable();
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let (status, body) =
                    if answers.len() > 1 { answers.next() } else { answers.peek().copied() }.unwrap();
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines.find(|line| line.as_ref().map_or(true, String::is_empty));
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                stream.write_all((head + body).as_bytes()).unwrap();
            }
        });
        let outcome =
            ReloadAttempt { app: &app, latest: &latest, content: &content, changed: &[], is_again }.run();
        ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(address));
        outcome
    })
}

#[test]
fn what_an_app_answers_decides_how_an_attempt_ends() {
    let (wanted, other) = (Hash::of(b"wanted"), Hash::of(b"other"));
    let (page, nothing) = ((200, "<html>".to_owned()), (202, String::new()));
    let broken = (500, "it broke".to_owned());
    let serves_it = (200, word("unchanged", wanted));
    let serves_other = (200, word("success", other));
    let refuses_it = (503, word("rejected", wanted));
    let check = |answers: &[&(u16, String)], is_asked: bool, expected: &str| {
        let answers: Vec<_> = answers.iter().copied().cloned().collect();
        let patience = if expected.starts_with("un") { SHORT } else { LONG };
        let outcome = match attempt(&answers, is_asked, false, patience) {
            Outcome::Verified => "verified",
            Outcome::Refused(_) => "refused",
            Outcome::Failed(reason, _) => reason.name(),
            Outcome::Superseded => "superseded",
        };
        assert_eq!(outcome, expected, "{answers:?}");
    };
    // The answer to the order, and then those to the questions.
    check(&[&serves_it], false, "verified");
    check(&[&refuses_it], false, "refused");
    check(&[&serves_other], false, "unverified");
    check(&[&page], false, "unverified");
    check(&[&broken], false, "unreachable");
    check(&[&nothing, &serves_other, &page, &broken, &serves_it], true, "verified");
    check(&[&broken, &serves_it], true, "verified");
    check(&[&nothing, &serves_other, &refuses_it], true, "refused");
    check(&[&nothing, &serves_other], true, "unverified");
    check(&[&nothing, &page], true, "unverified");
    check(&[&nothing, &broken], true, "unreachable");
    check(&[&broken, &serves_other], true, "unreachable");
}

#[test]
fn an_old_refusal_is_not_taken_for_a_new_one_while_there_is_time() {
    let wanted = Hash::of(b"wanted");
    let (refuses, nothing) = ((503, word("rejected", wanted)), (202, String::new()));
    let serves = (200, word("success", wanted));
    // What it says before the order, the answer to that, and what it says afterwards.
    let recovers = [refuses.clone(), nothing.clone(), refuses.clone(), refuses.clone(), serves];
    assert!(matches!(attempt(&recovers, true, true, LONG), Outcome::Verified));
    let goes_on = [refuses.clone(), nothing, refuses];
    assert!(matches!(attempt(&goes_on, true, true, SHORT), Outcome::Refused(_)));
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
