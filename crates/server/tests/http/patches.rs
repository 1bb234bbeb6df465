//! Patches of one document by many at once: every acknowledged one is there.

use std::sync::Arc;

use midflight_config::Origin;
use midflight_server::StoreUrl;
use midflight_store::{SqliteOptions, SqliteStore};
use midflight_testkit::Postgres;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{DEADLINE, Server, answer, server, server_on, server_with};

const CONFIG: &str = "/api/v1/config/app";
const PATCHES: usize = 320;

/// Sends many patches of different members at once, to each server in turn. Every one is acknowledged and there.
async fn race(servers: &[Server], precondition: Option<&'static str>) {
    assert_eq!(servers[0].put(CONFIG, &json!({"first": 0})).await.status, 201);
    let patches = (0..PATCHES).map(|n| {
        let server = &servers[n % servers.len()];
        let patch = Map::from_iter([(format!("m{n}"), Value::from(n))]);
        let mut request = server.request(Method::PATCH, CONFIG).json(&patch);
        if let Some(precondition) = precondition {
            request = request.header("if-match", precondition);
        }
        async move { answer(request).await.ok() }
    });
    futures_util::future::join_all(patches).await;
    let body = servers[0].get(CONFIG).await.ok()["body"].as_object().unwrap().clone();
    assert_eq!(body.len(), PATCHES + 1, "{precondition:?}");
    assert!((0..PATCHES).all(|n| body[&format!("m{n}")] == n));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_patch_of_many_at_once_is_lost() {
    for precondition in [Some("*"), None] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteOptions::new(dir.path().join("log.db"))).await.unwrap();
        let servers = [server_on(Arc::new(store)).await];
        race(&servers, precondition).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_patch_is_lost_between_two_replicas() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let replica = || {
        server_with(|options| {
            let place = url.parse::<StoreUrl>().unwrap();
            options.config.store(&place, Origin::Flag("--store".to_owned()));
        })
    };
    let first = replica().await;
    let mut second = replica().await;
    second.token.clone_from(&first.token);
    let servers = [first, second];
    for server in &servers {
        let both = async {
            while server.get("/api/v1/replicas").await.ok()["items"].as_array().unwrap().len() < 2 {}
        };
        tokio::time::timeout(DEADLINE, both).await.unwrap();
    }
    race(&servers, Some("*")).await;
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
