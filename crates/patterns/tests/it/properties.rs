//! Random documents, edits and queries: the snapshot that grew by edits, the one compiled at once and the reference
//! classifier answer the same; and an edit is refused just when its documents may not stand together.

use midflight_engine::Kind;
use midflight_patterns::{Patterns, PatternsSnapshot};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::naive::{self, Documents};
use crate::support::edit;
use crate::texts::{any_expression, any_text, any_writing};

const PROFILES: [&str; 2] = ["default", "other"];
const PATTERNS: usize = 14;

/// What an edit does.
#[derive(Debug, Clone)]
enum Change {
    /// Puts a document, or deletes the one whose body is null.
    Put(String, Value),
    /// Gives one of the patterns that are there another status.
    Status(Index, &'static str),
}

fn any_status() -> impl Strategy<Value = &'static str> {
    select(vec!["approved", "approved", "approved", "pending", "disabled"])
}

/// A pattern's texts and how they are found; its description is a text that it may match.
fn any_sought() -> impl Strategy<Value = Value> {
    let plain = (any_text(), select(vec!["exact", "exact", "prefix", "contains", "word"]))
        .prop_map(|(text, kind)| json!({"pattern": text, "match": kind, "description": text}));
    let list = (prop::collection::vec(any_text(), 1..4), select(vec!["exact", "prefix", "contains", "word"]))
        .prop_map(|(texts, kind)| json!({"any_of": texts, "match": kind, "description": texts.last()}));
    let regex = any_expression()
        .prop_map(|(expression, text)| json!({"pattern": expression, "match": "regex", "description": text}))
        .prop_filter("a pattern has characters", |body| body["pattern"] != json!(""));
    prop_oneof![4 => plain, 2 => list, 3 => regex]
}

fn any_pattern() -> impl Strategy<Value = Value> {
    let max_words = prop::option::weighted(0.2, 1..4_u32);
    let exclusion = prop::option::weighted(0.2, select(vec!["ora", r"\bcia", "É", "a$"]));
    (any_sought(), select(&PROFILES[..]), any_status(), -1..2_i64, max_words, exclusion).prop_map(
        |(mut body, profile, status, order, max_words, exclusion)| {
            body["category"] = json!("A");
            body["profile"] = json!(profile);
            body["status"] = json!(status);
            body["order"] = json!(order);
            if body["match"] != json!("exact") {
                max_words.into_iter().for_each(|it| body["max_words"] = json!(it));
                exclusion.into_iter().for_each(|it| body["exclusion"] = json!(it));
            }
            body
        },
    )
}

fn any_profile() -> impl Strategy<Value = Value> {
    let stop_words = select(vec![json!([]), json!(["Oggi", "ora?"]), json!(["PERCHÉ", "a"])]);
    let punctuation = select(vec!["keep", "ascii", "unicode"]);
    (any::<bool>(), any::<bool>(), stop_words, punctuation).prop_map(
        |(compatibility, fold_accents, stop_words, punctuation)| {
            json!({"compatibility": compatibility, "fold_accents": fold_accents, "stop_words": stop_words,
                "punctuation": punctuation})
        },
    )
}

fn any_change() -> impl Strategy<Value = Change> {
    let id = || (0..PATTERNS).prop_map(|number| format!("p{number}"));
    let profile = || select(&PROFILES[..]).prop_map(|name| format!("profiles/{name}"));
    let beside = select(vec![
        ("learning/other", json!({})),
        ("learning/other", json!(null)),
        ("prompts/other", json!({"instructions": "", "categories": {"A": null}})),
        ("prompts/other", json!(null)),
    ]);
    let put = |(name, body)| Change::Put(name, body);
    prop_oneof![
        12 => (id(), any_pattern()).prop_map(put),
        3 => (id(), Just(Value::Null)).prop_map(put),
        3 => (any::<Index>(), any_status()).prop_map(|(which, status)| Change::Status(which, status)),
        2 => (profile(), any_profile()).prop_map(put),
        1 => (profile(), Just(Value::Null)).prop_map(put),
        1 => beside.prop_map(|(name, body)| Change::Put(name.to_owned(), body)),
    ]
}

/// What changes, no document twice.
fn resolved(changes: Vec<Change>, documents: &Documents) -> Documents {
    let mut resolved = Documents::new();
    for change in changes {
        match change {
            Change::Put(name, body) => drop(resolved.insert(name, body)),
            Change::Status(which, status) => {
                let there: Vec<_> = documents.iter().filter(|(name, _)| !name.contains('/')).collect();
                if !there.is_empty() {
                    let (name, body) = which.get(&there);
                    let mut body = (*body).clone();
                    body["status"] = json!(status);
                    resolved.insert((*name).clone(), body);
                }
            }
        }
    }
    resolved
}

fn after(documents: &Documents, changes: &Documents) -> Documents {
    let mut next = documents.clone();
    next.extend(changes.clone());
    next.retain(|_, body| !body.is_null());
    next
}

fn borrowed(documents: &Documents) -> Vec<(&str, Value)> {
    documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect()
}

type Asked = (Vec<(Index, Option<String>)>, fn(String) -> String);

/// Queries of what the patterns look for and of other texts.
fn any_asked() -> impl Strategy<Value = Vec<Asked>> {
    let part = (any::<Index>(), prop::option::weighted(0.25, any_text()));
    prop::collection::vec((prop::collection::vec(part, 1..3), any_writing()), 4..10)
}

fn queries(documents: &Documents, asked: &[Asked]) -> Vec<String> {
    let sought: Vec<_> = documents.values().filter_map(|body| body["description"].as_str()).collect();
    let part = |(which, text): &(Index, Option<String>)| match text {
        None if !sought.is_empty() => (*which.get(&sought)).to_owned(),
        text => text.clone().unwrap_or_default(),
    };
    let query = |(parts, writing): &Asked| writing(parts.iter().map(part).collect::<Vec<_>>().join(" "));
    asked.iter().map(query).collect()
}

fn check(
    snapshot: &PatternsSnapshot,
    documents: &Documents,
    queries: &[String],
) -> Result<(), TestCaseError> {
    for profile in PROFILES {
        let is_there = profile == "default" || documents.contains_key(&format!("profiles/{profile}"));
        for query in queries {
            let Ok(found) = snapshot.classify(query, Some(profile)) else {
                prop_assert!(!is_there);
                continue;
            };
            let (key, expected) = naive::classify(documents, profile, query);
            prop_assert!(is_there);
            prop_assert_eq!(&found.key, &key);
            let id = found.found.map(|found| found.pattern.id());
            prop_assert_eq!(id, expected.as_ref().map(|(id, _)| id.as_str()), "{:?}", query);
            let (found, expected) = (found.found.map(|found| found.key), expected.map(|(_, keys)| keys));
            prop_assert!(found.is_none_or(|key| expected.is_some_and(|keys| keys.contains(&**key))));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_a_full_compile_and_the_reference_agree(
        edits in prop::collection::vec(prop::collection::vec(any_change(), 1..6), 4..16),
        asked in any_asked(),
    ) {
        let mut documents = Documents::new();
        let mut grown = Patterns.empty();
        for changes in edits {
            let changes = resolved(changes, &documents);
            let next = after(&documents, &changes);
            let made = edit(&grown, &borrowed(&changes));
            prop_assert_eq!(made.is_ok(), naive::may_stand(&next), "{:?} for {:#?}", made.err(), changes);
            if let Ok(made) = made {
                (grown, documents) = (made, next);
            }
            // One that is refused leaves everything as it was.
            check(&grown, &documents, &queries(&documents, &asked[..2]))?;
        }
        let full = edit(&Patterns.empty(), &borrowed(&documents)).unwrap();
        let queries = queries(&documents, &asked);
        check(&grown, &documents, &queries)?;
        check(&full, &documents, &queries)?;
        let message = |snapshot: &PatternsSnapshot| {
            let ids = snapshot.patterns(None).map(|pattern| pattern.id().to_owned()).collect::<Vec<_>>();
            let categories = snapshot.categories().map(|(name, count)| (name.to_owned(), count)).collect::<Vec<_>>();
            let answer = |query: &String| Patterns.answer(snapshot, &json!({ "query": query }));
            (ids, categories, queries.iter().map(answer).collect::<Vec<_>>())
        };
        prop_assert_eq!(message(&grown), message(&full));
    }
}
