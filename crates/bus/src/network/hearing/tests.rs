//! Who is believed, and how many looks there can be.

use super::*;
use crate::network::codec::encode;

fn number(number: u64) -> RevisionNumber {
    RevisionNumber::new(number)
}

fn sealed(key: u8) -> Seal {
    let seal = Seal::new();
    seal.know([key; 32]);
    seal
}

fn message(head: u64, key: u8) -> Received {
    let hint = Hint { head: number(head), said: None, change: None, awaited: false };
    Received::Message(encode(&hint, &sealed(key), MESSAGE_BYTES_MAX))
}

fn heard(head: u64) -> Heard {
    Heard::Hint(Hint { head: number(head), said: None, change: None, awaited: false })
}

#[test]
fn ten_thousand_forged_messages_in_ten_seconds_are_eleven_looks() {
    let mut hearing = Hearing::new(sealed(1));
    let start = Instant::now();
    let mut looks = 0;
    for n in 0..10_000 {
        let now = start + Duration::from_millis(n);
        looks += u32::from(hearing.ripe(now) == Some(Heard::Look));
        let judged = hearing.hear(&message(n, 2), now);
        assert!(!judged.is_hint && judged.heard.as_ref().is_none_or(|heard| *heard == Heard::Look));
        looks += u32::from(judged.heard.is_some());
    }
    let due = hearing.due().expect("the last message is not lost");
    looks += u32::from(hearing.ripe(due) == Some(Heard::Look));
    assert_eq!((looks, hearing.due()), (11, None));
    let much_later = due + Duration::from_secs(60);
    assert_eq!(
        hearing.hear(&message(1, 2), much_later).heard,
        Some(Heard::Look),
        "the first of some is at once"
    );
}

#[test]
fn garbage_brings_no_look_and_a_proof_is_believed() {
    let mut hearing = Hearing::new(sealed(1));
    let now = Instant::now();
    let garbage = hearing.hear(&Received::Message(b"{}".to_vec()), now);
    assert_eq!((garbage, hearing.due()), (Judged::no_hint(None), None));
    let proved = hearing.hear(&message(5, 1), now);
    assert_eq!(proved, Judged::hint(Some(heard(5))));
}

#[test]
fn a_bare_number_waits_for_the_hint_of_it() {
    let mut hearing = Hearing::new(sealed(1));
    let start = Instant::now();
    let bare = |text: &str| Received::Number(text.into());
    assert_eq!(hearing.hear(&bare("5"), start), Judged::hint(None));
    hearing.hear(&message(5, 1), start);
    assert_eq!(hearing.due(), None, "the hint said it all");
    hearing.hear(&bare("5"), start);
    assert_eq!(hearing.due(), None, "and it comes late");
    for text in ["6", "8", "7"] {
        hearing.hear(&bare(text), start);
    }
    hearing.hear(&message(6, 1), start);
    let due = hearing.due().expect("nobody told of 8");
    assert_eq!(hearing.ripe(start), None);
    assert_eq!((hearing.ripe(due), hearing.due()), (Some(heard(8)), None), "numbers that wait are one");
    for nonsense in ["", "-1", "x", "99999999999999999999"] {
        assert_eq!(hearing.hear(&bare(nonsense), start), Judged::no_hint(None));
    }
}

#[test]
fn an_order_to_reload_is_a_look_and_nothing_else_is() {
    let mut hearing = Hearing::new(sealed(1));
    let legacy = |text: &str| Received::Legacy(text.into());
    let order = legacy(r#"{"action":"reload","pattern_id":{"deep":[1]}}"#);
    let ordered = Judged { is_order: true, ..Judged::hint(Some(Heard::Look)) };
    assert_eq!(hearing.hear(&order, Instant::now()), ordered);
    let long = format!(r#"{{"action":"reload","x":"{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX));
    for other in [r#"{"action":"stop"}"#, r#"["reload"]"#, "reload", "{", "", &long] {
        let judged = hearing.hear(&legacy(other), Instant::now());
        assert_eq!(judged, Judged::no_hint(None));
    }
}

#[cfg(feature = "redis")]
#[test]
fn an_order_of_midflight_itself_brings_nothing() {
    let mut hearing = Hearing::new(sealed(1));
    let name = |name: &str| DocumentName::new(name).unwrap();
    assert_eq!(order(Some(&name("42"))), r#"{"action":"reload","pattern_id":42,"sender":"midflight"}"#);
    for document in [None, Some(&name("42")), Some(&name("profiles/it"))] {
        let judged = hearing.hear(&Received::Legacy(order(document).into_bytes()), Instant::now());
        assert_eq!((judged, hearing.due()), (Judged::hint(None), None));
    }
}
