//! What lists must do: end by bytes, continue where they ended, and report what was changed.

use jiff::Timestamp;
use midflight_core::{Change, Document, DocumentId, Edit, Trigger};
use serde_json::json;

use super::{SharedStore, append, id, newest, number, put};
use crate::{ChangedQuery, DocumentQuery, NewRevision, RevisionQuery, StoreError, everything, state_at};

/// A page ends when its bodies would have more bytes than asked for, has one item at least, and leaves none out.
pub async fn pages_end_by_bytes(log: SharedStore) {
    // {"t":"xxx"}: 8 bytes and the text.
    let text = |length: usize| json!({ "t": "x".repeat(length) });
    append(&log, [put("a", text(92)), put("b", text(92)), put("c", text(992)), put("d", text(92))]).await;
    append(&log, [put("a", text(192)), put("b", text(92))]).await;
    for at in [None, Some(number(2))] {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let bytes_max = Some(300);
            let query = DocumentQuery { at, after, bytes_max, limit: 50, ..DocumentQuery::default() };
            let page = log.documents(query).await.unwrap();
            pages.push(page.items.iter().map(|it| (it.id.name.to_string(), it.bytes())).collect::<Vec<_>>());
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let of = |name: &str, bytes| (name.to_owned(), bytes);
        assert_eq!(pages, [vec![of("a", 200), of("b", 100)], vec![of("c", 1000)], vec![of("d", 100)]]);
    }
    let all = DocumentQuery { limit: 4, bytes_max: Some(1400), ..DocumentQuery::default() };
    let all = log.documents(all).await.unwrap();
    assert_eq!((all.items.len(), all.next), (4, None));
    for n in 0..5 {
        append(&log, [put("v", text(92 + n))]).await;
    }
    let first = log.versions(&id("v"), None, 50, Some(250)).await.unwrap();
    assert_eq!(first.items.iter().map(|it| it.document.version).collect::<Vec<_>>(), [5, 4]);
    let rest = log.versions(&id("v"), first.next, 50, Some(0)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, Some(3)));
    let rest = log.versions(&id("v"), rest.next, 50, Some(250)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
}

/// Who created a document and who changed it last is that of the asked moment; one that was deleted and made again was
/// created then. A compaction leaves the first version that is kept.
pub async fn authors_have_the_time(log: SharedStore) {
    let by = async |author: &str, seconds: i64, changes: Vec<Change>| {
        let head = log.head().await.unwrap();
        let edit = Edit::new(author, Trigger::ApiUpdate, changes);
        let created_at = Timestamp::from_second(seconds).unwrap();
        let new = NewRevision { edit: &edit, created_at, expected_head: head, documents_max: 1000 };
        log.append(new).await.unwrap();
    };
    by("anna", 1, vec![put("a", json!({"n": 1})), put("b", json!({"n": 1}))]).await;
    by("bruno", 2, vec![put("a", json!({"n": 2}))]).await;
    by("carla", 3, vec![Change::delete(id("a")), put("b", json!({"n": 3}))]).await;
    by("dora", 4, vec![put("a", json!({"n": 4}))]).await;
    by("elio", 5, vec![put("a", json!({"n": 5}))]).await;
    let message = async |name: &str, at: u64| {
        let ids = [id("none"), id(name), id(name)];
        let found = log.authorship(&ids, number(at)).await.unwrap();
        assert!(found[0].is_none() && found[1] == found[2] && found.len() == 3, "{found:?}");
        found[1].as_ref().map(|it| {
            let times = (it.created_at.as_second(), it.updated_at.as_second());
            (it.version, it.revision.get(), format!("{} {}", it.created_by, it.updated_by), times)
        })
    };
    let row = |version, revision, authors: &str, times| Some((version, revision, authors.to_owned(), times));
    assert_eq!(message("a", 1).await, row(1, 1, "anna anna", (1, 1)));
    assert_eq!(message("a", 2).await, row(2, 2, "anna bruno", (1, 2)));
    assert_eq!(message("a", 3).await, None);
    assert_eq!(message("a", 4).await, row(4, 4, "dora dora", (4, 4)));
    assert_eq!(message("a", 5).await, row(5, 5, "dora elio", (4, 5)));
    assert_eq!(message("b", 2).await, row(1, 1, "anna anna", (1, 1)));
    assert_eq!(message("b", 5).await, row(2, 3, "anna carla", (1, 3)));
    assert!(log.authorship(&[], number(5)).await.unwrap().is_empty());
    let refused = log.authorship(&[id("a")], number(9)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchRevision { asked, .. } if asked == number(9)), "{refused}");
    log.compact(number(5)).await.unwrap();
    assert_eq!(message("a", 5).await, row(5, 5, "elio elio", (5, 5)));
    assert_eq!(message("b", 5).await, row(2, 3, "carla carla", (3, 3)));
    let refused = log.authorship(&[id("a")], number(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Compacted { .. }), "{refused}");
}

/// A state that has more bytes than one part is of one moment, whatever is written and compacted while it is read.
pub async fn a_state_is_of_one_moment(log: SharedStore) {
    const REVISIONS: u64 = 8;
    let text = "x".repeat(900 << 10);
    let write = {
        let log = SharedStore::clone(&log);
        async move |n: u64| {
            let puts: Vec<_> =
                (0..6).map(|it| put(&format!("d{it}"), json!({ "n": n, "text": text }))).collect();
            append(&log, puts).await;
        }
    };
    write(1).await;
    let writer = tokio::spawn({
        let log = SharedStore::clone(&log);
        async move {
            for n in 2..=REVISIONS {
                write(n).await;
                log.compact(number(n)).await.unwrap();
            }
        }
    });
    let numbers = |documents: &[Document]| -> Vec<_> {
        documents.iter().map(|document| document.body.as_ref().unwrap()["n"].as_u64()).collect()
    };
    loop {
        let (head, documents) = everything(&*log).await.unwrap();
        assert_eq!(numbers(&documents), [Some(head.number.get()); 6]);
        assert!(documents.is_sorted_by_key(|document| document.id.clone()));
        if writer.is_finished() {
            break;
        }
    }
    writer.await.unwrap();
    assert_eq!(newest(&log).await, number(REVISIONS));
    let removed = state_at(&*log, number(1), |document| document.parse()).await.unwrap_err();
    assert!(matches!(removed, StoreError::Compacted { .. }), "{removed}");
    append(&log, [Change::delete(id("d0"))]).await;
    let kept = state_at(&*log, number(REVISIONS), |document| document.parse()).await.unwrap();
    assert_eq!(numbers(&kept), [Some(REVISIONS); 6]);
    assert_eq!(everything(&*log).await.unwrap().1.len(), 5);
    let refused = state_at(&*log, number(REVISIONS), |_| Err::<(), _>(StoreError::Invalid("no".into())));
    assert!(matches!(refused.await, Err(StoreError::Invalid(_))));
}

/// The versions that a revision made are listed by name, deletions too, however the documents are now.
pub async fn documents_of_a_revision_are_listed(log: SharedStore) {
    append(&log, [put("b", json!({"n": 1})), put("a", json!({"n": 1}))]).await;
    append(&log, [Change::delete(id("b")), put("c", json!({"n": 2})), put("a", json!({"n": 2}))]).await;
    append(&log, [put("a", json!({"n": 3}))]).await;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let query = DocumentQuery { made_by: Some(number(2)), after, limit: 2, ..DocumentQuery::default() };
        let page = log.documents(query).await.unwrap();
        found.extend(page.items.iter().map(|it| (it.id.name.to_string(), it.version, it.body.clone())));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let row = |name: &str, version, body: Option<&str>| (name.to_owned(), version, body.map(Into::into));
    assert_eq!(found, [row("a", 2, Some("{\"n\":2}")), row("b", 2, None), row("c", 1, Some("{\"n\":2}"))]);
}

/// What was changed between two revisions is listed by kind and name, each once.
pub async fn changed_documents_are_listed(log: SharedStore) {
    append(&log, [put("a", json!({"n": 1})), put("b", json!({"n": 1}))]).await;
    append(&log, [put("a", json!({"n": 2})), put("b/1", json!({"n": 2}))]).await;
    append(&log, [put("a", json!({"n": 3})), Change::delete(id("b"))]).await;
    let tool = DocumentId::new("tools", "t").unwrap();
    append(&log, [Change::put(tool.clone(), json!({}))]).await;
    let query = |after, upto| ChangedQuery {
        after: number(after),
        upto: number(upto),
        limit: 50,
        ..ChangedQuery::default()
    };
    let names = async |query: ChangedQuery| {
        log.changed(query).await.unwrap().items.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(query(1, 3)).await, ["rules/a", "rules/b", "rules/b/1"]);
    assert_eq!(names(query(3, 4)).await, ["tools/t"]);
    assert!(names(query(4, 4)).await.is_empty());
    let kind = Some(tool.kind.clone());
    assert_eq!(names(ChangedQuery { kind, ..query(0, 4) }).await, ["tools/t"]);
    assert_eq!(
        names(ChangedQuery { name_prefix: "b".into(), ..query(0, 4) }).await,
        ["rules/b", "rules/b/1"]
    );
    let first = log.changed(ChangedQuery { limit: 2, ..query(0, 4) }).await.unwrap();
    assert_eq!((first.items.len(), first.next.as_ref()), (2, Some(&id("b"))));
    assert_eq!(names(ChangedQuery { after_id: first.next, ..query(0, 4) }).await, ["rules/b/1", "tools/t"]);
    let refused = log.changed(query(4, 9)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchRevision { asked, .. } if asked == number(9)), "{refused}");
    log.compact(number(3)).await.unwrap();
    assert_eq!(names(query(2, 4)).await, ["rules/a", "rules/b", "tools/t"]);
    let refused = log.changed(query(1, 4)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Compacted { .. }), "{refused}");
}

/// A list shows as many changes of a revision as asked for, and their counts by kind.
pub async fn revisions_are_listed_with_their_first_changes(log: SharedStore) {
    let tool = DocumentId::new("tools", "t").unwrap();
    append(&log, [put("b", json!({})), Change::put(tool, json!({})), put("a", json!({}))]).await;
    append(&log, [Change::delete(id("no"))]).await;
    let query = RevisionQuery { limit: 9, changes_max: Some(2), ..RevisionQuery::default() };
    let page = log.revisions(query).await.unwrap();
    let [empty, full] = page.items.as_slice() else { panic!("{page:?}") };
    assert_eq!((empty.changes_count(), empty.revision.changes.len()), (0, 0));
    let shown: Vec<_> = full.revision.changes.iter().map(|change| change.id.to_string()).collect();
    assert_eq!(shown, ["rules/b", "tools/t"]);
    let kinds: Vec<_> = full.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!((kinds, full.changes_count()), (vec![("rules", 2), ("tools", 1)], 3));
}
