//! Several callers at once: what is computed from a state is right for it or not made, and no caller delays the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use midflight_core::RevisionNumber;
use midflight_store::{DocumentQuery, MemoryStore, RevisionLog as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{answer, rule, server, server_on};

/// What a log says at a revision, by document.
async fn state(store: &MemoryStore, at: u64) -> BTreeMap<String, Value> {
    let at = Some(RevisionNumber::new(at));
    let page = store.documents(DocumentQuery { at, limit: 500, ..DocumentQuery::default() }).await.unwrap();
    let body =
        |document: midflight_core::Document| (document.id.to_string(), (*document.body.unwrap()).clone());
    page.items.iter().map(|stored| body(stored.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_races_with_edits_is_the_state_it_names() {
    let store = MemoryStore::new();
    let server = Arc::new(server_on(Arc::new(store.clone())).await.with_loans().await);
    for points in 0..20 {
        let path = format!("/api/v1/rulesets/loans/rules/X{points}");
        assert_eq!(server.put(&path, &rule(30, f64::from(points))).await.status, 201);
    }
    let named = server.revision().await;
    let expected = state(&store, named).await;
    for points in 0..20 {
        server.put(&format!("/api/v1/rulesets/loans/rules/X{points}"), &rule(40, 1.0)).await.ok();
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let editor = tokio::spawn({
        let (server, is_over) = (Arc::clone(&server), Arc::clone(&is_over));
        async move {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return number;
                }
                // One that is there at the named state, and one that never was.
                for name in [format!("X{}", number % 20), format!("Y{number}")] {
                    server.put(&format!("/api/v1/rulesets/loans/rules/{name}"), &rule(50, 2.0)).await;
                }
            }
            unreachable!("the numbers do not end")
        }
    });
    let mut made = 0;
    for _ in 0..100 {
        let restored = server.post(&format!("/api/v1/revisions/{named}/restore"), &json!({})).await;
        if restored.status == 200 {
            let revision = restored.json["revision"].as_u64().unwrap();
            assert_eq!(
                state(&store, revision).await,
                expected,
                "revision {revision} is not what {named} was"
            );
            made += 1;
        } else {
            restored.problem(409, "contended");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    println!("{made} of 100 restores were made beside {} edits", 2 * editor.await.unwrap());
    assert!(made > 0);
}

#[tokio::test]
async fn a_validation_needs_a_token() {
    let server = server().await.with_loans().await;
    let path = "/api/v1/rules/hot-reload/validate";
    answer(server.anonymous(Method::POST, path)).await.problem(401, "unauthenticated");
    assert_eq!(answer(server.request(Method::POST, path)).await.ok()["valid"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_changes_nothing_answers_the_revision_that_it_was_compared_with() {
    let store = MemoryStore::new();
    let server = Arc::new(server_on(Arc::new(store.clone())).await.with_loans().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let editor = tokio::spawn({
        let (server, is_over) = (Arc::clone(&server), Arc::clone(&is_over));
        async move {
            for points in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                server.put("/api/v1/rulesets/loans/rules/Y", &rule(50, f64::from(points))).await;
            }
        }
    });
    for _ in 0..100 {
        let same = server.put("/api/v1/rulesets/loans/rules/R1?wait=all", &rule(18, 2.0)).await;
        assert_eq!(
            (same.status.as_u16(), &same.json["outcome"]),
            (200, &json!("unchanged")),
            "{:#}",
            same.json
        );
        let event = same.json["reload_id"].as_u64().unwrap();
        let reload = server.get("/api/v1/reloads?limit=500").await.json;
        let of_it = reload["items"].as_array().unwrap().iter().find(|it| it["id"] == event);
        if let Some(event) = of_it {
            assert_eq!(event["to"], same.json["revision"]);
        }
    }
    is_over.store(true, Ordering::Relaxed);
    editor.await.unwrap();
}
