//! Reloads of modules: pauses by the size of the state, calls with and without reloads, and what many modules take;
//! beside the same counter as a Rust type, and a gen_server of Erlang whose code is changed in the same run, where
//! there is one.
//!
//! The module with sessions is the example in Rust, which `make guests` builds: its state is migrated entry by entry,
//! as that of the gen_server is. The counter's state is copied.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints what it measured, and ends where that fails"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use midflight_core::DocumentName;
use midflight_module_host::encode::component_of_core;
use midflight_module_host::{
    HostOptions, MemoryBlobs, ModuleFailure, ModuleHandle, ModuleHost, ModuleInfo, ModuleMessage,
    NativeModule, NativeModules, StateSnapshot,
};
use midflight_modules::Manifest;
use midflight_testkit::guest::Guest;
use serde_json::{Value, json};

/// How many entries a state has.
const ENTRIES: [u32; 3] = [1_000, 10_000, 100_000];
/// What an entry of the counter takes, in bytes.
const ENTRY_BYTES: u32 = 24;
/// How many reloads are measured for each size.
const RELOADS: usize = 100;
const CALLERS: usize = 8;
/// How long the rate of calls is measured.
const RATE: Duration = Duration::from_secs(3);
/// How often modules are reloaded meanwhile.
const RELOAD_EVERY: Duration = Duration::from_millis(20);
const MANY: usize = 1_000;

/// A counter as a Rust type, with a state of so many bytes.
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
        self.count = u64::from_le_bytes(count.try_into().unwrap());
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
    /// A host whose native counter has a state of so many bytes.
    fn new(pad: u32) -> Self {
        let blobs = Arc::new(MemoryBlobs::default());
        let mut options = HostOptions::default();
        options.blobs = Arc::clone(&blobs) as _;
        let make = move || Counter { count: 0, pad: vec![7; pad as usize] };
        options.natives = NativeModules::default().with("counter", make);
        Self { host: ModuleHost::new(options).unwrap(), blobs }
    }

    fn component(
        &self,
        name: &str,
        version: &str,
        schema: u32,
        bytes: &[u8],
        config: usize,
    ) -> Arc<Manifest> {
        let digest = self.blobs.put(bytes);
        manifest(
            name,
            json!({"component": format!("sha256:{digest}"), "version": version, "schema": schema, "config": config}),
        )
    }

    fn wasm(&self, guest: &Guest, config: usize) -> Arc<Manifest> {
        self.component(&guest.name, &guest.version, guest.schema, &guest.build(), config)
    }

    fn handle(&self, manifest: &Manifest) -> ModuleHandle {
        self.host.handle(&manifest.name).unwrap()
    }
}

fn native(config: usize) -> Arc<Manifest> {
    manifest("native", json!({"native": "counter", "version": "1.0.0", "schema": 1, "config": config}))
}

fn manifest(name: &str, mut body: Value) -> Arc<Manifest> {
    // The grace is long, so that a reload can be taken back to be measured again.
    body["limits"] = json!({
        "cool_down_ms": 0, "grace_ms": 3_600_000, "memory_bytes_max": 100 << 20, "verify_fuel_max": 1_u64 << 40,
    });
    Arc::new(Manifest::read(&DocumentName::new(name).unwrap(), &Arc::new(body)).unwrap())
}

/// Tasks that call until they are told to stop.
struct Callers {
    is_over: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Callers {
    fn start(handle: &ModuleHandle, operation: &'static str) -> Self {
        let (is_over, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let caller = |_| {
            let (handle, is_over, count) = (handle.clone(), Arc::clone(&is_over), Arc::clone(&count));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    handle.call(operation, vec![]).await.unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = (0..CALLERS).map(caller).collect();
        Self { is_over, count, tasks }
    }

    async fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.count.load(Ordering::Relaxed)
    }
}

fn ms(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

/// The pauses of reloads of one module while it is called.
async fn pauses(what: &str, bench: &Bench, first: Arc<Manifest>, next: impl Fn(usize) -> Arc<Manifest>) {
    bench.host.load(Arc::clone(&first)).await.unwrap();
    let callers = Callers::start(&bench.handle(&first), "add");
    let (mut pauses, mut ends) = (Vec::new(), Vec::new());
    for i in 1..=RELOADS {
        let manifest = next(i);
        let began = Instant::now();
        let report = bench.host.load(manifest).await.unwrap();
        ends.push(began.elapsed());
        pauses.push(report.pause);
    }
    callers.stop().await;
    println!("{what}: pause {}; reload from the cache {}", ms(pauses), ms(ends));
}

/// The pauses of migrations of the example with sessions, each from the same state.
async fn sessions(entries: u32, files: &[PathBuf; 2]) {
    let bench = Bench::new(0);
    let component = |file: &PathBuf| component_of_core(&std::fs::read(file).unwrap()).unwrap();
    let first = bench.component("sessions", "1.0.0", 1, &component(&files[0]), 0);
    bench.host.load(Arc::clone(&first)).await.unwrap();
    let handle = bench.handle(&first);
    for session in 0..entries {
        handle.call("hit", format!("session-{session:08}").into_bytes()).await.unwrap();
    }
    let second = component(&files[1]);
    let mut pauses = Vec::new();
    for config in 0..RELOADS {
        let manifest = bench.component("sessions", "2.0.0", 2, &second, config);
        pauses.push(bench.host.load(manifest).await.unwrap().pause);
        bench.host.return_to_previous(&first.name).await.unwrap();
    }
    println!("sessions in Rust, {entries} entries, migrated: pause {}", ms(pauses));
}

/// Two numbers that the gen_server came to; none where there is no Erlang.
fn erlang(arguments: [&str; 3]) -> Option<[f64; 2]> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/modules/upgrade.escript");
    let ran = Command::new("escript").arg(script).args(arguments).output().ok()?;
    let text = String::from_utf8(ran.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers.try_into().ok()
}

/// Calls a second, without reloads and with one every 20 ms.
async fn rates(what: &str, bench: &Bench, manifests: Vec<Arc<Manifest>>) {
    bench.host.load(Arc::clone(&manifests[0])).await.unwrap();
    let handle = bench.handle(&manifests[0]);
    let callers = Callers::start(&handle, "add");
    tokio::time::sleep(RATE).await;
    let idle = callers.stop().await as f64 / RATE.as_secs_f64();
    let host = bench.host.clone();
    let reloads = tokio::spawn(async move {
        let mut every = tokio::time::interval(RELOAD_EVERY);
        for manifest in manifests.into_iter().skip(1) {
            every.tick().await;
            host.load(manifest).await.unwrap();
        }
    });
    let callers = Callers::start(&handle, "add");
    tokio::time::sleep(RATE).await;
    let busy = callers.stop().await as f64 / RATE.as_secs_f64();
    reloads.abort();
    println!("{what}: {idle:.0} calls/s, with a reload every 20 ms {busy:.0} ({:.0} %)", 100.0 * busy / idle);
}

/// The memory of this process, in bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

async fn many() {
    let bench = Bench::new(0);
    bench.host.load(bench.wasm(&Guest::new("m", "1.0.0", 1), 0)).await.unwrap();
    let manifests: Vec<_> =
        (0..MANY).map(|i| bench.wasm(&Guest::new(&format!("m{i}"), "1.0.0", 1), i)).collect();
    let (before, began) = (resident(), Instant::now());
    for manifest in manifests {
        bench.host.load(manifest).await.unwrap();
    }
    println!(
        "{MANY} modules of as many components: {:.1} ms and {} KiB each",
        began.elapsed().as_secs_f64() * 1e3 / MANY as f64,
        resident().saturating_sub(before) / MANY as u64 / 1024
    );
}

#[tokio::main]
async fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/target");
    let files = [1, 2].map(|version| folder.join(format!("session-counter-{version}.wasm")));
    let has_sessions = files.iter().all(|file| file.is_file());
    if !has_sessions {
        println!("the example with sessions is not measured: `make guests` builds it");
    }
    for entries in ENTRIES {
        let bytes = entries * ENTRY_BYTES;
        let bench = Bench::new(bytes);
        let guest = Guest::new("wasm", "1.0.0", 1).pad(bytes);
        let manifests: Vec<_> = (0..=RELOADS).map(|i| bench.wasm(&guest, i)).collect();
        let next = |i: usize| Arc::clone(&manifests[i]);
        pauses(&format!("counter in WASM, {entries} entries, copied"), &bench, next(0), next).await;
        pauses(&format!("counter as a Rust type, {entries} entries, copied"), &bench, native(0), native)
            .await;
        if has_sessions {
            sessions(entries, &files).await;
        }
        match erlang(["pause", &entries.to_string(), &RELOADS.to_string()]) {
            Some([p50, p99]) => println!(
                "gen_server, {entries} entries, migrated: pause p50 {:.2} ms, p99 {:.2} ms",
                p50 / 1e3,
                p99 / 1e3
            ),
            None => println!("no gen_server is measured: there is no escript, as of Debian's erlang-base"),
        }
    }
    let bytes = ENTRIES[0] * ENTRY_BYTES;
    let bench = Bench::new(bytes);
    let guest = Guest::new("wasm", "1.0.0", 1).pad(bytes);
    let reloads = 1 + usize::try_from(RATE.as_millis() / RELOAD_EVERY.as_millis()).unwrap();
    rates("counter in WASM", &bench, (0..reloads).map(|i| bench.wasm(&guest, i)).collect()).await;
    rates("counter as a Rust type", &bench, (0..reloads).map(native).collect()).await;
    let seconds = RATE.as_secs().to_string();
    if let Some([idle, busy]) = erlang(["calls", &ENTRIES[0].to_string(), &seconds]) {
        println!(
            "gen_server: {idle:.0} calls/s, with a change every 20 ms {busy:.0} ({:.0} %)",
            100.0 * busy / idle
        );
    }
    many().await;
}
