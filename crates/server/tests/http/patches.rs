//! Patches of one document by many at once: every acknowledged one is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use midflight_store::{MemoryStore, SqliteOptions, SqliteStore, Store};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Server, answer, server, server_on};

const CONFIG: &str = "/api/v1/config/app";
const PATCHES: usize = 320;

/// Sends many patches of different members at once, to each server in turn, and answers which members were acknowledged
/// and which are there.
async fn race(
    servers: &[Server],
    precondition: Option<&'static str>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    assert_eq!(servers[0].put(CONFIG, &json!({"first": 0})).await.status, 201);
    let patches = (0..PATCHES).map(|n| {
        let server = &servers[n % servers.len()];
        let patch = Map::from_iter([(format!("m{n}"), Value::from(n))]);
        let mut request = server.request(Method::PATCH, CONFIG).json(&patch);
        if let Some(precondition) = precondition {
            request = request.header("if-match", precondition);
        }
        async move {
            let answered = answer(request).await;
            (answered.status == 200).then(|| format!("m{n}"))
        }
    });
    let acknowledged = futures_util::future::join_all(patches).await.into_iter().flatten().collect();
    let body = servers[0].get(CONFIG).await.ok()["body"].as_object().unwrap().clone();
    (acknowledged, body.into_iter().map(|(member, _)| member).filter(|member| member != "first").collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_patch_of_many_at_once_is_lost() {
    for precondition in [Some("*"), None] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(dir.path().join("log.db"))).await.unwrap();
        let servers = [server_on(Arc::new(store)).await];
        let (acknowledged, there) = race(&servers, precondition).await;
        assert_eq!((acknowledged.len(), there.len()), (PATCHES, PATCHES), "{precondition:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_patch_is_lost_between_two_replicas() {
    let store = MemoryStore::new();
    let replica = || server_on(Arc::new(store.clone()) as Arc<dyn Store>);
    let first = replica().await;
    let mut second = replica().await;
    second.token.clone_from(&first.token);
    let (acknowledged, there) = race(&[first, second], Some("*")).await;
    assert_eq!(acknowledged, there);
    assert_eq!(there.len(), PATCHES);
}

#[tokio::test]
async fn a_patch_keeps_the_precondition_that_was_asked_for() {
    let server = server().await;
    let patch = |precondition: &'static str, name: &'static str| {
        let request = server.request(Method::PATCH, CONFIG).header(name, precondition);
        answer(request.json(&json!({"a": 1})))
    };
    patch("*", "if-match").await.problem(412, "precondition_failed");
    assert_eq!(patch("*", "if-none-match").await.status, 201);
    patch("*", "if-none-match").await.problem(412, "precondition_failed");
    patch("\"7\"", "if-match").await.problem(412, "precondition_failed");
    assert_eq!(patch("\"1\"", "if-match").await.ok()["outcome"], "unchanged");
}
