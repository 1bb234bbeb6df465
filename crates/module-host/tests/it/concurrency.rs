//! Callers and reloads at the same time, half of the candidates bad: nothing is lost, late or out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use midflight_module_host::{ModuleHandle, ReloadOptions};
use midflight_modules::Manifest;
use serde_json::json;

use crate::support::{Setup, add, name};
use midflight_testkit::guest::{Bad, Guest};

/// Candidates in turn: good ones of changing schemas, and bad ones.
fn candidates(setup: &Setup, module: &str, reloads: usize) -> Vec<(Arc<Manifest>, bool)> {
    (0..reloads)
        .map(|i| {
            let schema = [1, 2, 3, 2][(i / 2) % 4];
            let guest = Guest::new(module, "1.0.0", schema).accepts(&[1, 2, 3]);
            let is_good = i % 2 == 0;
            let guest = if is_good { guest } else { guest.bad(Bad::NOTICED[(i / 2) % Bad::NOTICED.len()]) };
            // The config makes each of them another manifest.
            (setup.manifest(&guest, json!({"config": i})), is_good)
        })
        .collect()
}

/// Calls until `calls` are answered; each answer must be larger than the one before, as its own increment is among
/// them.
async fn call(handle: ModuleHandle, calls: u64) -> u64 {
    let (mut last, mut generation) = (0, 0);
    for _ in 0..calls {
        let reply = handle.call("add", vec![]).await.unwrap();
        let count = crate::support::word(&reply.result);
        assert!(count > last, "{count} after {last}");
        assert!(reply.live.generation >= generation, "no answer of an older generation");
        (last, generation) = (count, reply.live.generation);
    }
    last
}

async fn run(modules: usize, callers: u64, calls: u64, reloads: usize) {
    let setup = Setup::new();
    let names: Vec<String> = (0..modules).map(|i| format!("m{i}")).collect();
    let mut reloading = Vec::new();
    let mut calling = Vec::new();
    for module in &names {
        setup.host.load(setup.manifest(&Guest::new(module, "1.0.0", 1), json!({}))).await.unwrap();
        let handle = setup.handle(module);
        calling.extend((0..callers).map(|_| tokio::spawn(call(handle.clone(), calls))));
        let (host, candidates) = (setup.host.clone(), candidates(&setup, module, reloads));
        reloading.push(tokio::spawn(async move {
            let mut done = 0;
            for (i, (manifest, is_good)) in candidates.into_iter().enumerate() {
                let options = ReloadOptions::default();
                let options = if i % 3 == 0 { options } else { options.without_preflight() };
                let outcome = host.reload(manifest, options).await;
                assert_eq!(outcome.is_ok(), is_good, "{outcome:?}");
                done += u64::from(is_good);
            }
            done
        }));
    }
    let mut committed = Vec::new();
    for task in reloading {
        committed.push(task.await.unwrap());
    }
    for task in calling {
        task.await.unwrap();
    }
    for (module, committed) in names.iter().zip(committed) {
        let metrics = setup.metrics(module);
        assert_eq!((metrics.accepted, metrics.answered), (callers * calls, callers * calls));
        assert_eq!(
            (metrics.abandoned, metrics.failures, metrics.traps, metrics.lost_by_restart),
            (0, 0, 0, 0)
        );
        assert_eq!(metrics.committed, committed + 1);
        let state = setup.host.export_state(&name(module)).await.unwrap().unwrap();
        assert_eq!(crate::support::word(&state.bytes[..8]), callers * calls, "as many as were answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_module_loses_nothing() {
    run(1, 8, 2_000, 48).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_modules_at_once_lose_nothing() {
    run(16, 2, 200, 8).await;
}

/// Messages of one sender that are sent without waiting for answers are worked on in the order in which they were sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_sender_stay_in_order_across_reloads() {
    let setup = Setup::new();
    setup.load(&Guest::new("counter", "1.0.0", 1)).await.unwrap();
    let handle = setup.handle("counter");
    let is_over = Arc::new(AtomicBool::new(false));
    let reloads = tokio::spawn({
        let (host, is_over) = (setup.host.clone(), Arc::clone(&is_over));
        let candidates = candidates(&setup, "counter", 24);
        async move {
            for (manifest, _) in candidates {
                // Half of them fail, as they must.
                drop(host.load(manifest).await);
            }
            is_over.store(true, Ordering::SeqCst);
        }
    });
    let mut expected = 0;
    while !is_over.load(Ordering::SeqCst) {
        // A task may do so much before it must let others run, so it begins each round with all of that.
        tokio::task::yield_now().await;
        let mut answers = Vec::new();
        for _ in 0..32 {
            // A call is sent when it is first polled; its answer may be there at once.
            let mut call = Box::pin(handle.call("add", vec![]));
            let first = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
            answers.push((first, call));
        }
        for (first, call) in answers {
            let answer = match first {
                Poll::Ready(answer) => answer,
                Poll::Pending => call.await,
            };
            expected += 1;
            assert_eq!(crate::support::word(&answer.unwrap().result), expected);
        }
    }
    reloads.await.unwrap();
    assert_eq!(add(&handle).await, Ok(expected + 1));
    assert_eq!(setup.metrics("counter").abandoned, 0);
}
