//! What is comparable: the original's examples, and what holds for any text in any profile.

use std::sync::LazyLock;

use midflight_patterns::PatternsSnapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::naive;
use crate::support::snapshot;
use crate::texts::any_text;

/// Profiles of every folding.
static PROFILES: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
    let stop_words = json!([
        "oggi",
        "adesso",
        "ora",
        "attualmente",
        "ieri",
        "domani",
        "stamattina",
        "stasera",
        "questa",
        "settimana",
        "questo",
        "mese"
    ]);
    vec![
        ("default", json!({})),
        ("it", json!({"language": "it", "stop_words": stop_words})),
        ("keep", json!({"punctuation": "keep", "stop_words": ["!"]})),
        ("compatible", json!({"punctuation": "unicode", "compatibility": true})),
        ("bare", json!({"punctuation": "unicode", "fold_accents": true, "stop_words": ["È", "ora"]})),
        ("all", json!({"punctuation": "unicode", "fold_accents": true, "compatibility": true})),
    ]
});

static SNAPSHOT: LazyLock<PatternsSnapshot> = LazyLock::new(|| {
    let names: Vec<_> = PROFILES.iter().map(|(name, _)| format!("profiles/{name}")).collect();
    let documents: Vec<_> =
        names.iter().map(String::as_str).zip(PROFILES.iter().map(|(_, body)| body.clone())).collect();
    snapshot(&documents)
});

#[track_caller]
fn check(query: &str, key: &str) {
    assert_eq!(SNAPSHOT.normalize(query, Some("it")).as_deref(), Ok(key), "{query:?}");
}

#[test]
fn the_original_examples_give_the_same_results() {
    check("Ci sono problemi oggi?", "ci sono problemi");
    check("L'errore di ieri, perché?", "l'errore di perché");
    check("oggi?", "");
    check("come sta andando il business oggi?", "come sta andando il business");
    check("quanti workflow attivi?", "quanti workflow attivi");
    check("Questa settimana, questo mese...", "");
    check("n8n_flow -- (ok)?!.", "n8n_flow ok");
}

#[test]
fn what_cannot_be_seen_does_not_count() {
    let unseen = [
        '\u{ad}',
        '\u{34f}',
        '\u{200b}',
        '\u{200d}',
        '\u{202e}',
        '\u{2066}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{e0061}',
        '\0',
        '\u{7f}',
        '\u{9f}',
    ];
    for c in unseen {
        check(&format!("{c}perche{c}\u{301}{c}"), "perché");
    }
    // Blanks part words, also those that are control characters.
    for c in ['\t', '\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{a0}', '\u{2028}', '\u{3000}'] {
        check(&format!("{c}a{c}{c}b{c}"), "a b");
    }
}

#[test]
fn a_key_is_its_own_key_with_any_character() {
    let characters: Vec<_> =
        ('\0'..='\u{ffff}').chain('\u{1d000}'..='\u{1ffff}').chain('\u{e0000}'..='\u{e0fff}').collect();
    for characters in characters.chunks(400) {
        let query: String = characters.iter().map(|c| format!("a{c}x{c}\u{301} ")).collect();
        for profile in ["default", "all"] {
            let key = SNAPSHOT.normalize(&query, Some(profile)).unwrap();
            let again = SNAPSHOT.normalize(&key, Some(profile)).unwrap();
            assert_eq!(key, again, "{profile}, from {:04x} on", u32::from(characters[0]));
        }
    }
}

fn any_query() -> impl Strategy<Value = String> {
    prop_oneof![1 => any_text(), 1 => any::<String>(), 1 => (any_text(), any::<String>()).prop_map(|(a, b)| a + &b)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_are_valid_for_any_text(query in any_query()) {
        for (name, body) in &*PROFILES {
            let found = SNAPSHOT.classify(&query, Some(name)).unwrap();
            prop_assert_eq!(&found.text, &naive::text(body, &query));
            prop_assert_eq!(&found.key, &naive::key(body, &query));
            for text in [&found.text, &found.key] {
                prop_assert!(is_nfc(text), "{:?}", text);
                prop_assert!(text.split(' ').all(|word| !word.is_empty()) || text.is_empty(), "{:?}", text);
                prop_assert!(!text.bytes().any(|byte| byte.is_ascii_uppercase()), "{:?}", text);
            }
            let key = |query: &str| SNAPSHOT.normalize(query, Some(name)).unwrap();
            prop_assert_eq!(&key(&found.text), &found.key);
            prop_assert_eq!(&key(&found.key), &found.key);
            prop_assert_eq!(&key(&query.nfd().collect::<String>()), &found.key);
            prop_assert_eq!(&key(&query.nfc().collect::<String>()), &found.key);
        }
    }
}
