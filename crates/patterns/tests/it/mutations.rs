//! A thousand broken documents: none panics, none is refused without a reason and a place.

use midflight_engine::{Kind, KindChange, Work};
use midflight_patterns::Patterns;
use midflight_patterns::import::{families, labelled, rows};
use midflight_testkit::mutate::{Seeded, break_documents, strange};
use serde_json::{Value, json};

use crate::support::{edit, snapshot};

pub(crate) fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "profiles/it",
            json!({"language": "it", "stop_words": ["oggi", "ora"], "punctuation": "unicode",
            "compatibility": true, "fold_accents": true, "description": "d"}),
        ),
        (
            "learning/it",
            json!({"mode": "auto", "threshold": 0.8, "never_categories": ["X"], "never_contains": ["sql"],
            "key_chars_min": 2, "order": 4, "demote_below": 0.4, "demote_after": 9, "llm_call_cost": 0.1}),
        ),
        (
            "prompts/it",
            json!({"instructions": "i", "categories": {"A": null, "B": {"description": "b", "action": "route",
            "direct_response": "r"}}, "temperature": 0.5, "tokens_max": 20}),
        ),
        (
            "hello",
            json!({"pattern": "ciao", "profile": "it", "category": "GREETING", "direct_response": "Ciao.",
            "confidence": 0.9, "created_by": "llm", "status": "approved"}),
        ),
        (
            "metric",
            json!({"any_of": ["quanti", "quante volte"], "match": "prefix", "category": "METRIC", "max_words": 4,
            "exclusion": "email|posta", "order": 5, "tags": ["t"], "action": "tool"}),
        ),
        (
            "regex",
            json!({"any_of": ["^(a|b){2,5}[0-9]+$", r"\bciao\b"], "match": "regex", "category": "C", "order": -1}),
        ),
    ]
}

#[test]
fn a_thousand_broken_documents_are_taken_or_refused_with_a_reason() {
    let documents = documents();
    let before = snapshot(&documents);
    let inputs = [
        json!({"query": "ciao"}),
        json!({"query": "Ciao, oggi", "profile": "it"}),
        json!({"query": "quanti ab7"}),
    ];
    let answers = || inputs.iter().map(|input| Patterns.answer(&before, input)).collect::<Vec<_>>();
    let answered = answers();
    break_documents(&documents, &strange(), |name, body| {
        let work = Work::unbounded();
        let document = Patterns.validate(&name, body, &work)?;
        let next = Patterns.compile(&before, vec![KindChange { name, document: Some(document) }], &work)?;
        inputs.iter().for_each(|input| drop(Patterns.answer(&next, input)));
        assert_eq!(answers(), answered);
        Ok(())
    });
    assert_eq!(answers(), answered);
}

#[test]
fn a_thousand_broken_files_import_or_are_refused_with_a_reason() {
    let families_file = json!({"temporal_stop_words": ["oggi"], "never_learn_contains": ["sql"],
        "note_order_2": "skipped entirely when regex \\bx matches", "rules": [
            {"list_name": "one", "match": "exact", "values": ["ciao"], "category": "A", "order": 1, "max_words": null},
            {"list_name": "two", "match": "regex_search", "values": ["a.c"], "category": "B", "order": 2, "max_words": 3},
            {"list_name": null, "match": "hash_lookup(normalized)", "values": null, "order": 3}]});
    let rows_file = json!([{"id": 3, "pattern": "ciao", "category": "A", "confidence": "0.9", "created_by": "llm",
        "status": "pending", "enabled": true, "times_used": 2}]);
    let (families_file, rows_file) = (families_file.to_string(), rows_file.to_string());
    let mut seeded = Seeded::new(7);
    for round in 0..1_000 {
        let file = if round % 2 == 0 { &families_file } else { &rows_file };
        let file = seeded.broken(file, &strange()).map_or("{".to_owned(), |value| value.to_string());
        let imported = if round % 2 == 0 { families(&file, "it") } else { rows(&file, "it", Some(4)) };
        match imported {
            Ok(imported) => {
                let documents = imported.documents.iter().map(|(name, body)| (name.as_str(), body.clone()));
                let made = edit(&Patterns.empty(), &documents.collect::<Vec<_>>());
                made.err().into_iter().for_each(|problems| assert!(problems.count() > 0));
                assert!(imported.bad.iter().all(|bad| bad.place.starts_with('/') && bad.why.len() > 10));
            }
            Err(error) => assert!(error.to_string().len() > 10, "{error}"),
        }
        let messages = labelled(&file.replace(',', "\t")).unwrap_err().to_string();
        assert!(messages.contains("first line"), "{messages}");
    }
}
