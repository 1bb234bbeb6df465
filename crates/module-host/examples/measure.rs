//! Measures the host of modules with components that it builds itself.
//!
//! `cargo run --release -p midflight-module-host --example measure -- soak 2000000 400` makes so many calls from 8 callers
//! over so many reloads, half of the candidates bad, and ends with 1 when anything was lost; `soak64` does it with 64 modules
//! at once; `pause` prints the pauses of reloads by the size of the state, and `calls` the rate of calls with and without
//! reloads every 20 ms; `many 1000` loads so many modules.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a program that prints what it measures, and ends where that fails"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use midflight_core::DocumentName;
use midflight_module_host::{
    HostOptions, MemoryBlobs, ModuleFailure, ModuleHandle, ModuleHost, ModuleInfo, ModuleMessage,
    NativeModule, NativeModules, ReloadOptions, StateSnapshot,
};
use midflight_modules::Manifest;
use midflight_testkit::guest::{Bad, Guest};
use serde_json::{Value, json};

const BAD: [Bad; 8] = [
    Bad::Trap("load"),
    Bad::Fail("check"),
    Bad::Trap("describe"),
    Bad::UnstableSave,
    Bad::Fail("init"),
    Bad::HugeSave,
    Bad::WrongSchema,
    Bad::Trap("save"),
];

/// The same counter as a Rust type, with a state of so many bytes.
struct Counter {
    count: u64,
    pad: Vec<u8>,
}

impl NativeModule for Counter {
    fn describe(&self) -> ModuleInfo {
        ModuleInfo { name: "native".into(), version: "1.0.0".into(), schema: 1, accepts: vec![] }
    }
    fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
        Ok(())
    }
    fn handle(&mut self, _: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
        self.count += 1;
        Ok(self.count.to_le_bytes().to_vec())
    }
    fn save(&self) -> StateSnapshot {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.pad);
        StateSnapshot { schema: 1, bytes }
    }
    fn load(&mut self, snapshot: &StateSnapshot) -> Result<u32, ModuleFailure> {
        let (count, pad) = snapshot.bytes.split_at(8);
        self.count = word(count);
        self.pad = pad.to_vec();
        Ok(0)
    }
    fn check(&self) -> Result<(), ModuleFailure> {
        Ok(())
    }
}

struct Bench {
    host: ModuleHost,
    blobs: Arc<MemoryBlobs>,
}

impl Bench {
    fn new(pad: usize) -> Self {
        let blobs = Arc::new(MemoryBlobs::default());
        let mut options = HostOptions::default();
        options.blobs = Arc::clone(&blobs) as _;
        options.natives =
            NativeModules::default().with("counter", move || Counter { count: 0, pad: vec![7; pad] });
        Self { host: ModuleHost::new(options).unwrap(), blobs }
    }

    fn manifest(&self, guest: &Guest, config: usize) -> Arc<Manifest> {
        let digest = self.blobs.put(&guest.build());
        self.of(
            &guest.name,
            json!({"component": format!("sha256:{digest}"), "schema": guest.schema, "config": config}),
        )
    }

    fn native(&self, config: usize) -> Arc<Manifest> {
        self.of("native", json!({"native": "counter", "schema": 1, "config": config}))
    }

    fn of(&self, module: &str, mut body: Value) -> Arc<Manifest> {
        body["version"] = json!("1.0.0");
        body["limits"] = json!({"cool_down_ms": 0, "grace_ms": 0, "memory_bytes_max": 64 << 20});
        Arc::new(Manifest::read(&DocumentName::new(module).unwrap(), &Arc::new(body)).unwrap())
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

async fn call(handle: ModuleHandle, left: Arc<AtomicU64>, errors: Arc<AtomicU64>) -> u64 {
    let (mut last, mut answered) = (0, 0);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        match handle.call("add", vec![]).await {
            Ok(reply) if word(&reply.result) > last => {
                last = word(&reply.result);
                answered += 1;
            }
            _ => drop(errors.fetch_add(1, Ordering::Relaxed)),
        }
    }
    answered
}

async fn soak(modules: usize, calls: u64, reloads: usize) -> bool {
    let bench = Bench::new(0);
    let errors = Arc::new(AtomicU64::new(0));
    let names: Vec<String> = (0..modules).map(|i| format!("m{i}")).collect();
    let (mut calling, mut reloading) = (Vec::new(), Vec::new());
    let began = Instant::now();
    for module in &names {
        let guest = |schema| Guest::new(module, "1.0.0", schema).accepts(&[1, 2, 3]);
        bench.host.load(bench.manifest(&guest(1), usize::MAX)).await.unwrap();
        let handle = bench.host.handle(&DocumentName::new(module).unwrap()).unwrap();
        let left = Arc::new(AtomicU64::new(calls / modules as u64));
        for _ in 0..8_usize.div_ceil(modules).max(1) {
            calling.push(tokio::spawn(call(handle.clone(), Arc::clone(&left), Arc::clone(&errors))));
        }
        let candidates: Vec<_> = (0..reloads / modules)
            .map(|i| {
                let good = guest([1, 2, 3, 2][(i / 2) % 4]);
                let is_good = i % 2 == 0;
                let guest = if is_good { good } else { good.bad(BAD[(i / 2) % BAD.len()]) };
                (bench.manifest(&guest, i), is_good)
            })
            .collect();
        let (host, per_reload) =
            (bench.host.clone(), calls / modules as u64 / (reloads / modules).max(1) as u64);
        let wrong = Arc::clone(&errors);
        reloading.push(tokio::spawn(async move {
            let total = left.load(Ordering::Relaxed);
            for (i, (manifest, is_good)) in candidates.into_iter().enumerate() {
                // They are spread over the calls.
                while total - left.load(Ordering::Relaxed) < per_reload * i as u64
                    && left.load(Ordering::Relaxed) > 0
                {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                let options = ReloadOptions::default();
                let options = if i % 3 == 0 { options } else { options.without_preflight() };
                if host.reload(manifest, options).await.is_ok() != is_good {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    let mut answered = 0;
    for task in calling {
        answered += task.await.unwrap();
    }
    for task in reloading {
        task.await.unwrap();
    }
    let took = began.elapsed();
    let (mut counted, mut abandoned, mut committed, mut failed) = (0, 0, 0, 0);
    let mut worst = 0;
    for module in &names {
        let name = DocumentName::new(module).unwrap();
        let state = bench.host.export_state(&name).await.unwrap().unwrap();
        counted += word(&state.bytes[..8]);
        let metrics = bench.host.metrics(&name).unwrap();
        abandoned += metrics.abandoned;
        committed += metrics.committed;
        failed += metrics.failed.iter().sum::<u64>();
        worst = worst.max(metrics.pauses.quantile_us(0.99).unwrap_or(0));
    }
    let errors = errors.load(Ordering::Relaxed);
    println!(
        "modules {modules}  calls {answered}  state {counted}  committed {committed}  rejected {failed}  lost {abandoned}  errors \
         {errors}  pause p99 {worst} us  {:.0} calls/s",
        answered as f64 / took.as_secs_f64()
    );
    abandoned == 0 && errors == 0 && counted == answered
}

async fn pauses(bench: &Bench, first: Arc<Manifest>, next: impl Fn(usize) -> Arc<Manifest>, what: &str) {
    let name = first.name.clone();
    bench.host.load(first).await.unwrap();
    let handle = bench.host.handle(&name).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (handle, is_over) = (handle.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    handle.call("add", vec![]).await.unwrap();
                }
            })
        })
        .collect();
    let (mut pauses, mut ends) = (Vec::new(), Vec::new());
    for i in 0..200 {
        let manifest = next(i);
        let began = Instant::now();
        let report = bench.host.load(manifest).await.unwrap();
        ends.push(began.elapsed());
        pauses.push(report.pause);
    }
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    pauses.sort();
    ends.sort();
    println!(
        "{what}: pause p50 {:.2} ms p99 {:.2} ms, reload from the cache p50 {:.2} ms p99 {:.2} ms",
        pauses[100].as_secs_f64() * 1e3,
        pauses[198].as_secs_f64() * 1e3,
        ends[100].as_secs_f64() * 1e3,
        ends[198].as_secs_f64() * 1e3
    );
}

async fn rate(handle: &ModuleHandle, seconds: u64) -> f64 {
    let count = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(seconds);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (handle, count) = (handle.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while Instant::now() < until {
                    handle.call("add", vec![]).await.unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / seconds as f64
}

async fn calls() {
    let bench = Bench::new(24_000);
    let guest = Guest::new("wasm", "1.0.0", 1).pad(24_000);
    bench.host.load(bench.manifest(&guest, 0)).await.unwrap();
    bench.host.load(bench.native(0)).await.unwrap();
    for module in ["wasm", "native"] {
        let handle = bench.host.handle(&DocumentName::new(module).unwrap()).unwrap();
        let idle = rate(&handle, 3).await;
        let manifests: Vec<_> = (1..400)
            .map(|i| if module == "wasm" { bench.manifest(&guest, i) } else { bench.native(i) })
            .collect();
        let host = bench.host.clone();
        let reloads = tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(20));
            for manifest in manifests {
                every.tick().await;
                host.load(manifest).await.unwrap();
            }
        });
        let busy = rate(&handle, 3).await;
        reloads.abort();
        println!(
            "{module}: {idle:.0} calls/s, with reloads every 20 ms {busy:.0} ({:.0} %)",
            100.0 * busy / idle
        );
    }
}

async fn many(count: usize) {
    let bench = Bench::new(0);
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
    };
    let first = bench.manifest(&Guest::new("m", "1.0.0", 1), 0);
    bench.host.load(first).await.unwrap();
    let manifests: Vec<_> =
        (0..count).map(|i| bench.manifest(&Guest::new(&format!("m{i}"), "1.0.0", 1), i)).collect();
    let (before, began) = (resident(), Instant::now());
    for manifest in manifests {
        bench.host.load(manifest).await.unwrap();
    }
    let took = began.elapsed();
    println!(
        "{count} modules of as many components: {:.1} ms and {} KiB each",
        took.as_secs_f64() * 1e3 / count as f64,
        (resident() - before) / count as u64 / 1024
    );
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |place: usize, default: u64| arguments.get(place).map_or(default, |text| text.parse().unwrap());
    let is_good = match arguments.first().map(String::as_str) {
        Some("soak") => soak(1, number(1, 2_000_000), usize::try_from(number(2, 400)).unwrap()).await,
        Some("soak64") => soak(64, number(1, 2_000_000), usize::try_from(number(2, 400)).unwrap()).await,
        Some("pause") => {
            for entries in [1_000_u32, 10_000, 100_000] {
                let bytes = entries * 24;
                let bench = Bench::new(bytes as usize);
                let guest = Guest::new("wasm", "1.0.0", 1).pad(bytes);
                let manifests: Vec<_> = (1..=200).map(|i| bench.manifest(&guest, i)).collect();
                pauses(
                    &bench,
                    bench.manifest(&guest, 0),
                    |i| Arc::clone(&manifests[i]),
                    &format!("wasm, {bytes} bytes"),
                )
                .await;
                pauses(&bench, bench.native(0), |i| bench.native(i + 1), &format!("native, {bytes} bytes"))
                    .await;
            }
            true
        }
        Some("calls") => {
            calls().await;
            true
        }
        Some("many") => {
            many(usize::try_from(number(1, 1_000)).unwrap()).await;
            true
        }
        _ => {
            println!(
                "measure soak [CALLS] [RELOADS] | soak64 [CALLS] [RELOADS] | pause | calls | many [MODULES]"
            );
            false
        }
    };
    ExitCode::from(u8::from(!is_good))
}
