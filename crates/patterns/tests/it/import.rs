//! Files of the original's shapes, wherever this runs: what is read answers, and what cannot be read is named.

use midflight_patterns::import::{checks, families, labelled, rows};
use serde_json::json;

use crate::support::{borrowed, edit, id, snapshot};

#[test]
fn families_answer_in_their_order_with_their_conditions() {
    let file = json!({"temporal_stop_words": ["oggi"], "note_order_3": r"skipped entirely when regex \bworkflow matches",
    "note_order_4": "learned-pattern hash lookup", "rules": [
        {"list_name": "greeting exact", "match": "exact", "values": ["ciao", "Ciao!"], "category": "GREETING",
            "action": "respond", "direct_response": "Ciao!", "confidence": 1.0, "order": 1, "max_words": null},
        {"list_name": "learning", "match": "contains", "values": ["password"], "category": "DANGER", "order": 2},
        {"list_name": "about", "match": "regex_search", "values": [r"\bchi sei\b"], "category": "ABOUT", "order": 3},
        {"list_name": null, "match": "hash_lookup(normalized)", "values": null, "order": 4},
        {"list_name": "status", "match": "contains", "values": ["stato"], "category": "STATUS", "order": 5, "max_words": 2},
        {"list_name": "metric", "match": "starts_with", "values": ["quant", "stato"], "category": "METRIC", "order": 6},
    ]});
    let imported = families(&file.to_string(), "default").unwrap();
    assert!(imported.bad.is_empty(), "{:?}", imported.bad);
    let all = snapshot(&borrowed(&imported));
    assert_eq!(all.learning("default").unwrap().order, 4);
    for (query, expected) in [
        ("Ciao, oggi?", Some("greeting-exact")),
        ("ciao password", Some("learning-2")),
        ("ma chi sei?", Some("about")),
        ("chi sei, workflow?", None),
        ("lo stato", Some("status")),
        ("stato del sistema", Some("metric")),
        ("quanti", Some("metric")),
        ("ma quanti", None),
    ] {
        assert_eq!(id(&all, query).as_deref(), expected, "{query}");
    }
}

#[test]
fn two_rows_of_one_key_are_refused_by_name_and_not_one_of_them_forgotten() {
    let file = json!([
        {"id": 3, "pattern": "Quanti ordini?", "category": "METRIC", "created_by": "llm", "confidence": 0.95},
        {"id": 4, "pattern": "quanti ordini", "category": "STATUS", "enabled": false},
        {"id": 5, "pattern": "QUANTI, ORDINI", "category": "STATUS", "status": "approved"},
        {"id": 6, "category": "STATUS"},
        7,
    ]);
    let imported = rows(&file.to_string(), "default", None).unwrap();
    let bad: Vec<_> = imported.bad.iter().map(|bad| (bad.place.as_str(), bad.why.as_str())).collect();
    assert_eq!(bad, [("/3", "the row has no pattern"), ("/4", "the row has no pattern")]);
    let message = edit(&snapshot(&[]), &borrowed(&imported)).unwrap_err().to_string();
    assert!(
        message.contains("patterns/5 at /pattern: the pattern \"3\" matches \"quanti ordini\" already"),
        "{message}"
    );
    let two = edit(&snapshot(&[]), &borrowed(&imported)[..2]).unwrap();
    assert_eq!((two.pattern_count(), id(&two, "quanti ordini").as_deref()), (2, Some("3")));
}

#[test]
fn labels_become_checks_of_their_profile() {
    let file = "query\texpected_category\ttaxonomy\nciao?\tGREETING\tv1\n👍\tGREETING\tv1\n...\tNONE\tv1\nboh\t(any)\t-\n";
    let queries = labelled(file).unwrap();
    let imported = checks(&queries, "it");
    let names: Vec<_> = imported.documents.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["checks/ciao", "checks/pattern", "checks/pattern-2"]);
    let body = json!({"input": {"query": "ciao?", "profile": "it"}, "expect": {"category": "GREETING"}});
    assert_eq!(imported.documents[0].1, body);
    assert_eq!(imported.notes, ["1 queries have no category and are not checked"]);
}
