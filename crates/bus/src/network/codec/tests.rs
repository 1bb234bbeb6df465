//! What goes out comes back exactly; what nobody sent brings nothing.

use midflight_core::{Digest, DocumentId, LogId, PrincipalId, Trigger};
use serde_json::json;

use super::*;

fn sealed() -> Seal {
    let seal = Seal::new();
    seal.know([7; 32]);
    seal
}

fn change(bodies: impl IntoIterator<Item = Option<Value>>) -> Appended {
    let number = RevisionNumber::new(42);
    let document = |(n, body): (usize, Option<Value>)| Document {
        id: DocumentId::new("rules", &format!("Größe/d{n}")).unwrap(),
        version: 3,
        revision: number,
        owner: n.is_multiple_of(2).then(|| Owner::new("file:/etc/rules")),
        body: body.map(Arc::new),
    };
    let documents: Vec<_> = bodies.into_iter().enumerate().map(document).collect();
    let revision = Revision {
        number,
        author: "anna \"☃\"".into(),
        principal: Some(PrincipalId::new("t1 ☃")),
        reason: "line\nline\u{0}".into(),
        trigger: Trigger::ApiUpdate.into(),
        created_at: "2024-02-29T23:59:59.123456789Z".parse().unwrap(),
        key: Some("http:t1:é\u{0}".into()),
        changes: documents.iter().map(summary).collect(),
        digest: Digest::of_bytes(b"to be computed"),
    };
    let mut appended = Appended { revision, documents, parent: Digest::of_bytes(b"parent") };
    appended.revision.digest = appended.computed_digest(&appended.parent);
    appended
}

fn hint(change: Option<Appended>) -> Hint {
    let (log, head) = (LogId::new([9; 16]), RevisionNumber::new(42));
    let digest = change.as_ref().map_or(log.genesis(), |change| change.revision.digest);
    let announced = Some(LogHead { log, number: head, digest });
    Hint { head, announced, change: change.map(Arc::new), awaited: true }
}

#[test]
fn exported_values_are_imported_unchanged() {
    let body = json!({
        "ints": [0, -1, i64::MIN, i64::MAX, u64::MAX, 9_007_199_254_740_993_u64],
        "floats": [0.1, 1e300, -1e-300, 5e-324, f64::MAX, -0.0],
        "text": "naïve ☃ 𝄞 \u{0} \" \\ \n\u{7f}",
        "nested": {"a": [[], {}, null, true]},
    });
    let whole = hint(Some(change([Some(body), None, Some(Value::Null)])));
    for hint in [whole, hint(None)] {
        let message = encode(&hint, &sealed(), MESSAGE_BYTES_MAX);
        assert!(std::str::from_utf8(&message).is_ok_and(|text| !text.contains('\0')), "a text for NOTIFY");
        assert_eq!(decode(&message, &sealed()), Decoded::Hint(hint));
    }
}

#[test]
fn a_change_that_does_not_fit_is_left_out_and_one_that_just_fits_is_not() {
    let big = hint(Some(change([Some(json!({"text": "x".repeat(5000)}))])));
    let whole = encode(&big, &sealed(), usize::MAX);
    assert_eq!(encode(&big, &sealed(), whole.len()), whole);
    let small = encode(&big, &sealed(), whole.len() - 1);
    assert_eq!(decode(&small, &sealed()), Decoded::Hint(Hint { change: None, ..big }));
    assert!(small.len() < 300);
}

#[test]
fn a_change_that_its_documents_do_not_show_is_left_out() {
    let mut odd = change([Some(json!({}))]);
    odd.documents[0].revision = RevisionNumber::new(41);
    let message = encode(&hint(Some(odd)), &sealed(), MESSAGE_BYTES_MAX);
    let Decoded::Hint(heard) = decode(&message, &sealed()) else { panic!("it is proved") };
    assert_eq!((heard.head.get(), heard.change), (42, None));
}

/// Whoever has the key and says other contents under a digest says another digest by that.
#[test]
fn a_change_has_the_digest_of_its_contents() {
    let mut lie = change([Some(json!({"n": 1}))]);
    let digest = lie.revision.digest;
    lie.documents[0].body = Some(Arc::new(json!({"n": 2})));
    let message = encode(&Hint { change: Some(Arc::new(lie)), ..hint(None) }, &sealed(), MESSAGE_BYTES_MAX);
    let Decoded::Hint(heard) = decode(&message, &sealed()) else { panic!("it is proved") };
    assert_ne!(heard.change.unwrap().revision.digest, digest);
}

/// In a rolling upgrade a hint of the other version is a reason to look at the log, proved or not.
#[test]
fn a_hint_of_another_version_is_a_reason_to_look() {
    let json = br#"{"head":42,"awaited":false}"#;
    let proof = to_hex(&sealed().prove(json).unwrap());
    for version in ["1", "3"] {
        let message = [format!("{FIRST_WORD}{version} {proof}\n").as_bytes(), json].concat();
        assert_eq!(decode(&message, &sealed()), Decoded::Doubtful, "{version}");
    }
}

#[test]
fn without_the_key_nothing_is_carried_and_nothing_is_believed() {
    let message = encode(&hint(Some(change([Some(json!({"secret": 1}))]))), &Seal::new(), MESSAGE_BYTES_MAX);
    assert!(!String::from_utf8(message.clone()).unwrap().contains("secret"));
    assert_eq!(decode(&message, &sealed()), Decoded::Doubtful);
    let proved = encode(&hint(None), &sealed(), MESSAGE_BYTES_MAX);
    assert_eq!(decode(&proved, &Seal::new()), Decoded::Doubtful);
}

#[test]
fn every_cut_and_every_flipped_bit_is_seen() {
    let message = encode(&hint(Some(change([Some(json!({"n": 1}))]))), &sealed(), MESSAGE_BYTES_MAX);
    for end in 0..message.len() {
        assert!(!matches!(decode(&message[..end], &sealed()), Decoded::Hint(_)), "cut at {end}");
    }
    for place in 0..message.len() {
        for bit in 0..8 {
            let mut damaged = message.clone();
            damaged[place] ^= 1 << bit;
            assert!(!matches!(decode(&damaged, &sealed()), Decoded::Hint(_)), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn garbage_is_not_a_report_of_a_replica() {
    let huge = [FIRST_WORD.as_bytes(), &vec![b'x'; MESSAGE_BYTES_MAX]].concat();
    for garbage in [&b""[..], b"{}", b"\xff\xfe", b"42", b"midflight-hin", &huge] {
        assert_eq!(decode(garbage, &sealed()), Decoded::Garbage);
    }
    for doubtful in [
        &b"midflight-hint "[..],
        b"midflight-hint 2 -\n{}",
        b"midflight-hint 1 -\n{}",
        b"midflight-hint 1 \xff\n{}",
    ] {
        assert_eq!(decode(doubtful, &sealed()), Decoded::Doubtful);
    }
}
