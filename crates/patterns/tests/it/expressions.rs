//! Regular expressions: that few are asked loses no match that one of them has by itself.

use midflight_patterns::PatternsSnapshot;
use proptest::prelude::*;
use regex::RegexBuilder;
use serde_json::{Value, json};

use crate::naive;
use crate::support::{edit, id, snapshot};
use crate::texts::{any_expression, any_text, any_writing};

fn regex(text: &str, order: i64) -> Value {
    json!({"pattern": text, "match": "regex", "category": "A", "order": order})
}

/// A snapshot in which one expression stands before all others.
fn first_of(expression: &str, others: &[String]) -> Option<PatternsSnapshot> {
    let names: Vec<_> = (0..others.len()).map(|number| format!("other{number}")).collect();
    let mut documents = vec![("first", regex(expression, 0))];
    documents.extend(names.iter().zip(others).map(|(name, other)| (&**name, regex(other, 1))));
    edit(&midflight_engine::Kind::empty(&midflight_patterns::Patterns), &documents).ok()
}

#[track_caller]
fn check(expression: &str, query: &str, expected: bool) {
    let found = id(&snapshot(&[("p", regex(expression, 0))]), query).is_some();
    let alone = RegexBuilder::new(expression).case_insensitive(true).build().unwrap();
    let text = naive::text(&json!({}), query);
    assert_eq!((found, alone.is_match(&text)), (expected, expected), "{expression:?} in {query:?}");
}

#[test]
fn case_is_ignored_in_every_script() {
    check("kilo", "KILO", true);
    check("KILO", "\u{212a}ilo", true);
    check("(?-i:kilo)", "KILO", true);
    check("(?-i:KILO)", "kilo", false);
    check("sessione", "\u{17f}essione", true);
    check("\u{17f}essione", "SESSIONE", true);
    check("perché", "PERCHE\u{301}", true);
    check("PERCHÉ", "perche\u{301}", true);
    check("οδοσ", "ΟΔΟΣ", true);
    check("ΟΔΟΣ", "οδος", true);
    check("straße", "STRAẞE", true);
    check("straße", "strasse", false);
    check("ångström", "\u{212b}NGSTRÖM", true);
    check("i̇stanbul", "İSTANBUL", true);
    check("שלום", "אז שלום לך", true);
    check("हिन्दी", "क्या हिन्दी?", true);
}

#[test]
fn optional_attributes_are_not_required() {
    check("(?:buon)?giorno", "giorno", true);
    check("(?:quanti|numero di)? ?ordini", "ordini", true);
    check("ordini|.*fatture?", "fattur", true);
    check("a{3}b|lungo", "aaab", true);
    check("[abc]rdini", "crdini", true);
    check(r"\d{2}x|y", "y", true);
    check(r"ordini\s+di\b", "ordini  di", true);
    check(r"^(?:ordini|ordine)$", "ordine", true);
    check(r"(?:no){2,}", "nono", true);
    check(r"(?:no){2,}", "no no", false);
    check(r"(?:no){2,}mai", "nononomai", true);
    check(r"mai(?:no){2,3}mai", "mainononomai", true);
    check(r"(?:ordini)*fatture", "fatture", true);
    check(r"(?:ordini){0,3}fatture", "fatture", true);
}

#[test]
fn texts_that_many_expressions_share_lose_none_of_them() {
    let shared = ["ora", "quanti", "ordini", "errori", "stato", "fatture"];
    let thrice: Vec<_> =
        shared.iter().map(|word| (*word, regex(&format!("{word}.*{word}.*{word}"), 0))).collect();
    let pairs = shared.iter().flat_map(|word| {
        (0..20).map(move |number| (format!("{word}-{number}"), format!("x{number}y.*{word}")))
    });
    // So many that a filter may come to think that the shared texts tell nothing apart.
    let others = (0..400).map(|number| (format!("other-{number}"), format!("parola{number}z")));
    let more: Vec<_> = pairs.chain(others).map(|(name, text)| (name, regex(&text, 1))).collect();
    let mut documents = thrice;
    documents.extend(more.iter().map(|(name, body)| (name.as_str(), body.clone())));
    let all = snapshot(&documents);
    for word in shared {
        assert_eq!(id(&all, &format!("{word} e {word} e {word}")).as_deref(), Some(word));
        assert_eq!(id(&all, &format!("x7y {word} e {word}")), Some(format!("{word}-7")));
        assert_eq!(id(&all, &format!("{word} e {word}")), None);
    }
}

#[test]
fn expressions_of_repetitions_that_multiply_are_read_like_others() {
    for expression in ["[01]{64}", "k{64}", "é{64}", "(?:[ab]|[cd]){32}", "(?:(?:no|sì){8}){8}"] {
        let first = first_of(expression, &[]).unwrap();
        assert_eq!(id(&first, &"01".repeat(32)).is_some(), expression.starts_with("[01]"));
    }
    // What can match nothing is no reason to fall over.
    assert_eq!(id(&first_of(r"(?:[a&&b]\b)+", &[]).unwrap(), "a"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_an_expression_matches_by_itself_it_matches_among_others(
        one in any_expression(),
        others in prop::collection::vec(any_expression(), 0..8),
        surrounding in (any_text(), any_text()),
        writing in any_writing(),
    ) {
        let (expression, matched) = one;
        let others: Vec<_> = others.into_iter().map(|(other, _)| other).collect();
        let Some(first) = first_of(&expression, &others) else { return Ok(()) };
        let alone = RegexBuilder::new(&expression).case_insensitive(true).build().unwrap();
        for query in [matched.clone(), format!("{} {matched} {}", surrounding.0, surrounding.1), surrounding.0.clone() + &matched] {
            let query = writing(query);
            let text = naive::text(&json!({}), &query);
            let expected = !text.is_empty() && alone.is_match(&text);
            let found = id(&first, &query);
            prop_assert_eq!(found.as_deref() == Some("first"), expected, "{:?} in {:?}", expression, query);
        }
    }
}
