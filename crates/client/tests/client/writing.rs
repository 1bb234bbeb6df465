//! Edits: made once, however often they are sent, and not over those of others.

use midflight_client::wire::edits::{ApplyRequest, ChangeRequest, OpWord};
use midflight_client::{Client, ClientError, Precondition, RetryPolicy, WriteOptions};
use midflight_testkit::TOKEN;
use serde_json::Value;

use crate::support::{body, client, id, server};

/// A program spawns what it asks on any runtime.
#[test]
fn futures_can_be_sent_to_other_threads() {
    fn check<T: Send>(_: T) {}
    let client = Client::builder("127.0.0.1:1").build().unwrap();
    let (id, options, kind) = (id("a"), WriteOptions::default(), "rules".parse().unwrap());
    check(client.document(&id));
    check(client.documents(&kind, "a", None, 10));
    check(client.put_document(&id, &Value::Null, Precondition::None, &options));
    check(client.update_document(&id, &options, |body| body));
    check(client.export(None));
    check(client.watch(None, None).next());
}

#[tokio::test]
async fn an_edit_whose_answer_is_lost_is_made_once() {
    let (_server, network) = server();
    let client = client(&network);
    network.lose_answers(2);
    let options = WriteOptions { reason: "once".to_owned(), ..WriteOptions::default() };
    let written = client.put_document(&id("a"), &body(1), Precondition::None, &options).await.unwrap();
    assert_eq!((network.lost(), written.revision, &*written.outcome), (2, Some(1), "repeated"));

    let request = ApplyRequest {
        changes: vec![ChangeRequest {
            op: OpWord::Put,
            kind: "rules".to_owned(),
            name: "conditions/b".to_owned(),
            body: Some(body(2)),
            if_version: Some(0),
        }],
        reason: String::new(),
    };
    network.lose_answers(1);
    // With its precondition alone the second attempt would be a conflict with the first one.
    assert_eq!(client.apply(&request, &options).await.unwrap().revision, Some(2));
    let revisions = client.revisions(None, 10).await.unwrap();
    assert_eq!(revisions.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 1]);
    assert!(revisions.iter().all(|revision| revision.reason == "once"));
}

#[tokio::test]
async fn without_retries_a_lost_answer_is_an_error_and_the_key_of_the_caller_makes_the_next_call_safe() {
    let (_server, network) = server();
    let client = Client::builder(network.address()).token(TOKEN).retry(RetryPolicy::NONE).build().unwrap();
    let options = WriteOptions { key: Some("deploy-7".to_owned()), ..WriteOptions::default() };
    network.lose_answers(1);
    let lost = client.put_document(&id("a"), &body(1), Precondition::Absent, &options).await.unwrap_err();
    assert!(matches!(lost, ClientError::Unreachable(_)), "{lost:?}");
    let again = client.put_document(&id("a"), &body(1), Precondition::Absent, &options).await.unwrap();
    assert_eq!((again.revision, &*again.outcome), (Some(1), "repeated"));
    let other = client.put_document(&id("a"), &body(2), Precondition::None, &options).await.unwrap_err();
    assert_eq!(other.code(), Some("idempotency_key_reused"));
}

#[tokio::test]
async fn a_write_on_an_old_version_is_a_conflict_and_an_update_reads_again() {
    let (_server, network) = server();
    let client = client(&network);
    let options = WriteOptions::default();
    let put = async |constant, precondition| {
        client.put_document(&id("a"), &body(constant), precondition, &options).await
    };
    put(1, Precondition::Absent).await.unwrap();
    put(2, Precondition::Version(1)).await.unwrap();
    let conflict = put(3, Precondition::Version(1)).await.unwrap_err();
    assert!(
        matches!(&conflict, ClientError::Conflict(it) if it.code == "precondition_failed"),
        "{conflict:?}"
    );
    assert!(matches!(put(3, Precondition::Absent).await.unwrap_err(), ClientError::Conflict(_)));

    // Another writer is first, once: the change is computed again, on what that one wrote.
    let mut seen = Vec::new();
    let other = Client::builder(network.address()).token(TOKEN).build().unwrap();
    let updated = client
        .update_document(&id("a"), &options, |current| {
            seen.push(current["constant"].clone());
            if seen.len() == 1 {
                let (other, options) = (other.clone(), options.clone());
                let put = async move {
                    other.put_document(&id("a"), &body(10), Precondition::None, &options).await.unwrap();
                };
                std::thread::scope(|scope| {
                    scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(put));
                });
            }
            let mut next: Value = current;
            next["constant"] = (next["constant"].as_u64().unwrap() + 1).into();
            next
        })
        .await
        .unwrap();
    assert_eq!((seen, updated.revision), (vec![2.into(), 10.into()], Some(4)));
    let now = client.document(&id("a")).await.unwrap();
    assert_eq!((now.version, serde_json::from_str::<Value>(now.body.get()).unwrap()), (Some(4), body(11)));
    let versions = client.versions(&id("a"), 2).await.unwrap();
    assert_eq!(versions.iter().map(|it| it.version).collect::<Vec<_>>(), [4, 3]);
}
