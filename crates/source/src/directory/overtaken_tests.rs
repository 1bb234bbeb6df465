//! Documents that are changed in the log between a look at them and the edit that comes of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use midflight_core::{Change, Owner, Trigger};
use serde_json::json;

use super::tests::{TestDirectory, id, numbers};
use crate::{LossBounds, OwnedDocuments, OwnedExtent};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_taken_over_during_a_look_is_neither_replaced_nor_deleted() {
    let fixture = TestDirectory::new().await;
    let mut documents =
        OwnedDocuments::new(fixture.engine.clone(), Owner::new("table:rows"), Trigger::TableWatch);
    let unreadable = BTreeSet::new();
    let loss = LossBounds { allow_empty: true, percent_max: 100, documents_min: 0 };
    let extent = OwnedExtent { only: None, unreadable: &unreadable, loss };
    let row = |name: &str, n: u64| (id(name), json!({"n": n}));
    let rows = [row("a", 1), row("b", 2), row("c", 3)];
    documents.agree(rows, extent, |_, _| String::new()).await.unwrap();

    // The reason is made between the look and the edit.
    let was_taken = AtomicBool::new(false);
    let reason = |_, _| {
        if !was_taken.swap(true, Ordering::Relaxed) {
            let take = async {
                let changes = ["b", "c"].map(|name| Change::put(id(name), json!({"n": 70})));
                fixture.apply(Some("table:others"), true, changes.into()).await;
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(take));
        }
        String::new()
    };
    // The row of b is another, and that of c is gone.
    let agreed = documents.agree([row("a", 10), row("b", 20)], extent, reason).await.unwrap();
    assert!(was_taken.load(Ordering::Relaxed));
    assert_eq!((agreed.put, agreed.deleted), (1, 0));
    assert_eq!(fixture.served(), numbers(&[("a", 10), ("b", 70), ("c", 70)]));
}
