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

fn message(head: u64, key: u8) -> ReceivedMessage {
    let hint = Hint { head: number(head), announced: None, change: None, awaited: false };
    ReceivedMessage::Message(encode(&hint, &sealed(key), MESSAGE_BYTES_MAX))
}

fn heard(head: u64) -> HintEvent {
    HintEvent::Hint(Hint { head: number(head), announced: None, change: None, awaited: false })
}

#[test]
fn ten_thousand_forged_messages_in_ten_seconds_are_eleven_looks() {
    let mut filter = MessageFilter::new(sealed(1));
    let start = Instant::now();
    let mut looks = 0;
    for n in 0..10_000 {
        let now = start + Duration::from_millis(n);
        looks += u32::from(filter.ripe(now) == Some(HintEvent::Look));
        let verdict = filter.receive(&message(n, 2), now);
        assert!(!verdict.is_hint && verdict.heard.as_ref().is_none_or(|heard| *heard == HintEvent::Look));
        looks += u32::from(verdict.heard.is_some());
    }
    let due = filter.due().expect("the last message is not lost");
    looks += u32::from(filter.ripe(due) == Some(HintEvent::Look));
    assert_eq!((looks, filter.due()), (11, None));
    let much_later = due + Duration::from_secs(60);
    assert_eq!(
        filter.receive(&message(1, 2), much_later).heard,
        Some(HintEvent::Look),
        "the first of some is at once"
    );
}

#[test]
fn garbage_brings_no_look_and_a_proof_is_believed() {
    let mut filter = MessageFilter::new(sealed(1));
    let now = Instant::now();
    let garbage = filter.receive(&ReceivedMessage::Message(b"{}".to_vec()), now);
    assert_eq!((garbage, filter.due()), (MessageVerdict::no_hint(None), None));
    let proved = filter.receive(&message(5, 1), now);
    assert_eq!(proved, MessageVerdict::hint(Some(heard(5))));
}

#[test]
fn a_bare_number_waits_for_the_hint_of_it() {
    let mut filter = MessageFilter::new(sealed(1));
    let start = Instant::now();
    let bare = |text: &str| ReceivedMessage::Number(text.into());
    assert_eq!(filter.receive(&bare("5"), start), MessageVerdict::hint(None));
    filter.receive(&message(5, 1), start);
    assert_eq!(filter.due(), None, "the hint said it all");
    filter.receive(&bare("5"), start);
    assert_eq!(filter.due(), None, "and it comes late");
    for text in ["6", "8", "7"] {
        filter.receive(&bare(text), start);
    }
    filter.receive(&message(6, 1), start);
    let due = filter.due().expect("nobody told of 8");
    assert_eq!(filter.ripe(start), None);
    assert_eq!((filter.ripe(due), filter.due()), (Some(heard(8)), None), "numbers that wait are one");
    for nonsense in ["", "-1", "x", "99999999999999999999"] {
        assert_eq!(filter.receive(&bare(nonsense), start), MessageVerdict::no_hint(None));
    }
}

#[test]
fn an_order_to_reload_is_a_look_and_nothing_else_is() {
    let mut filter = MessageFilter::new(sealed(1));
    let legacy = |text: &str| ReceivedMessage::Legacy(text.into());
    let order = legacy(r#"{"action":"reload","pattern_id":{"deep":[1]}}"#);
    let ordered = MessageVerdict { is_order: true, ..MessageVerdict::hint(Some(HintEvent::Look)) };
    assert_eq!(filter.receive(&order, Instant::now()), ordered);
    let long = format!(r#"{{"action":"reload","x":"{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX));
    for other in [r#"{"action":"stop"}"#, r#"["reload"]"#, "reload", "{", "", &long] {
        let verdict = filter.receive(&legacy(other), Instant::now());
        assert_eq!(verdict, MessageVerdict::no_hint(None));
    }
}

#[cfg(feature = "redis")]
#[test]
fn an_order_of_midflight_itself_brings_nothing() {
    let mut filter = MessageFilter::new(sealed(1));
    let name = |name: &str| DocumentName::new(name).unwrap();
    assert_eq!(order(Some(&name("42"))), r#"{"action":"reload","pattern_id":42,"sender":"midflight"}"#);
    for document in [None, Some(&name("42")), Some(&name("profiles/it"))] {
        let verdict = filter.receive(&ReceivedMessage::Legacy(order(document).into_bytes()), Instant::now());
        assert_eq!((verdict, filter.due()), (MessageVerdict::hint(None), None));
    }
}
