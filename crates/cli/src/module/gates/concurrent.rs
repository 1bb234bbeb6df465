//! `module test-concurrent-reload`: callers call while modules are reloaded, half of the candidates bad.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use midflight_core::DocumentName;
use midflight_module_host::{ModuleHandle, ModuleHost, ReloadOptions};
use midflight_modules::Manifest;

use super::guests::{Flaw, Guests, answered};
use super::tally::GateTally;
use crate::fail::Failure;
use crate::module::local::{LocalHost, reload_failed};
use crate::output::Output;

/// How long a reload waits before it looks again whether it is its turn among the calls.
const LOOK: Duration = Duration::from_micros(200);

/// The flags of `module test-concurrent-reload`.
#[derive(Debug, Args)]
pub(crate) struct ConcurrentArgs {
    /// How many messages are sent in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// How many callers there are for each module.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    callers: u64,
    /// How many reloads there are in all; every second candidate is bad.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    reloads: u64,
    /// How many modules there are.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    modules: u64,
}

/// The calls and the reloads of one module.
struct Load {
    name: DocumentName,
    callers: Vec<tokio::task::JoinHandle<GateTally>>,
    reloads: tokio::task::JoinHandle<GateTally>,
}

pub(in crate::module) async fn run(output: &Output, args: &ConcurrentArgs) -> Result<(), Failure> {
    let local = LocalHost::new()?;
    let (calls, reloads) = (args.calls.div_ceil(args.modules), args.reloads.div_ceil(args.modules));
    let mut prepared = Vec::new();
    for i in 0..args.modules {
        let guests = Guests::build(&local, &format!("count{i:02}"))?;
        let first = guests.good(1, 0)?;
        local.host.load(Arc::clone(&first)).await.map_err(|failure| reload_failed(&failure))?;
        prepared.push((first.name.clone(), candidates(&local, &guests, reloads)?));
    }
    let began = Instant::now();
    let mut loads = Vec::new();
    for (name, candidates) in prepared {
        let handle = local.host.handle(&name).ok_or_else(|| Failure::failed("the module does not answer"))?;
        let left = Arc::new(AtomicU64::new(calls));
        let caller = |_| tokio::spawn(call(handle.clone(), Arc::clone(&left)));
        let callers = (0..args.callers).map(caller).collect();
        let reloads = tokio::spawn(reload(local.host.clone(), candidates, Arc::clone(&left), calls));
        loads.push(Load { name, callers, reloads });
    }
    let mut tally = GateTally::default();
    let ended = |error: tokio::task::JoinError| Failure::failed(format!("a task of the gate ended: {error}"));
    let mut answered = Vec::new();
    for Load { name, callers, reloads } in loads {
        let mut replies = 0;
        for caller in callers {
            let counted = caller.await.map_err(ended)?;
            replies += counted.replies;
            tally.add_calls(&counted);
        }
        let reloaded = reloads.await.map_err(ended)?;
        tally.committed += reloaded.committed;
        tally.rejected += reloaded.rejected;
        tally.wrong.extend(reloaded.wrong);
        answered.push((name, replies));
    }
    let took = began.elapsed();
    for (name, replies) in answered {
        tally.add_module(&local.host, &name, replies).await?;
    }
    tally.tell(output, took)
}

/// Good candidates of both versions' schemas in turn, and a bad one after each of them.
fn candidates(local: &LocalHost, guests: &Guests, count: u64) -> Result<Vec<(Arc<Manifest>, bool)>, Failure> {
    let mut candidates = Vec::new();
    for i in 0..usize::try_from(count).unwrap_or(usize::MAX) {
        let is_good = i % 2 == 0;
        // A state of schema 2 is not taken over by version 1, so that one comes first alone.
        let manifest = if is_good {
            guests.good(if i == 0 { 1 } else { 2 }, i + 1)?
        } else {
            guests.bad(local, Flaw::ALL[(i / 2) % Flaw::ALL.len()], i + 1)?
        };
        candidates.push((manifest, is_good));
    }
    Ok(candidates)
}

/// Calls until nothing is left. Each answer must be larger than the one before: the caller's own increment is among
/// them.
async fn call(handle: ModuleHandle, left: Arc<AtomicU64>) -> GateTally {
    let (mut tally, mut last) = (GateTally::default(), 0);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        tally.calls += 1;
        match handle.call("add", Vec::new()).await.map(|reply| answered(&reply.result)) {
            Ok(Some(count)) => {
                tally.replies += 1;
                tally.out_of_order += u64::from(count <= last);
                last = count;
            }
            Ok(None) | Err(_) => tally.errors += 1,
        }
    }
    tally
}

/// Reloads a module with all candidates, spread over its calls.
async fn reload(
    host: ModuleHost,
    candidates: Vec<(Arc<Manifest>, bool)>,
    left: Arc<AtomicU64>,
    calls: u64,
) -> GateTally {
    let mut tally = GateTally::default();
    let per_reload = calls / (candidates.len() as u64 + 1);
    for (i, (manifest, is_good)) in candidates.into_iter().enumerate() {
        let due = per_reload * i as u64;
        while calls - left.load(Ordering::Relaxed) < due && left.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK).await;
        }
        // Without a trial beforehand some of the bad ones fail in the pause.
        let options = ReloadOptions::default();
        let options = if i % 4 < 2 { options } else { options.without_preflight() };
        match host.reload(manifest, options).await {
            Ok(_) if is_good => tally.committed += 1,
            Err(_) if !is_good => tally.rejected += 1,
            other => tally
                .wrong
                .push(format!("reload {i}, of a candidate that is good: {is_good}, came to {other:?}")),
        }
    }
    tally
}
