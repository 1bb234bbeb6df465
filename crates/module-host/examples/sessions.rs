//! Runs the three versions of the example module `session-counter` one after the other, with a state that goes from
//! version 1 through 2 to 3 and back, and says what each step took, also with the state loaded before the pause.
//!
//! `make guests` builds them and runs this: `sessions V1.wasm V2.wasm V3.wasm [SESSIONS]`, each a core module as `cargo
//! build` writes it. It ends with 1 when the state is not what it must be.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints what it measures, and ends where that fails"
)]

use std::process::ExitCode;
use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_module_host::{
    HostOptions, MemoryBlobs, ModuleHandle, ModuleHost, ModuleReloadReport, ReloadOptions, StateSnapshot,
};
use midflight_modules::Manifest;
use serde_json::json;
use wit_component::ComponentEncoder;

/// How many of the first version's sessions are counted twice.
const HIT_TWICE: u64 = 10;

fn manifest(blobs: &MemoryBlobs, file: &str, schema: u32) -> Arc<Manifest> {
    let core = std::fs::read(file).unwrap();
    let component = ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap();
    let body = json!({
        "component": format!("sha256:{}", blobs.put(&component)),
        "version": format!("{schema}.0.0"),
        "schema": schema,
        "limits": {"restore_ms_max": 60_000, "verify_fuel_max": 1_u64 << 40},
    });
    Arc::new(Manifest::read(&DocumentName::new("sessions").unwrap(), &Arc::new(body)).unwrap())
}

async fn ask(sessions: &ModuleHandle, operation: &str, payload: &str) -> u64 {
    let reply = sessions.call(operation, payload.as_bytes().to_vec()).await.unwrap();
    String::from_utf8(reply.result).unwrap().parse().unwrap()
}

fn tell(report: &ModuleReloadReport) {
    let Some(from) = &report.from_version else { return };
    let in_pause = report.pre_copy.as_ref().map_or(report.state_bytes, |copy| copy.pause_bytes);
    println!(
        "{from} -> {}: {} steps, {} bytes, {in_pause} of them loaded in the pause of {:.2} ms",
        report.to_version,
        report.steps,
        report.state_bytes,
        report.pause.as_secs_f64() * 1e3
    );
}

/// Version 1 to 3 through 2, with a session counted while each reload is prepared; gives the state, and how many reloads
/// moved only what changed.
async fn through_all(
    blobs: &Arc<MemoryBlobs>,
    versions: &[Arc<Manifest>; 3],
    count: u64,
    options: ReloadOptions,
) -> (Arc<StateSnapshot>, u64) {
    let host = host(blobs);
    let [first, next @ ..] = versions;
    host.load(Arc::clone(first)).await.unwrap();
    let sessions = host.handle(&first.name).unwrap();
    for session in 0..count {
        ask(&sessions, "hit", &format!("session-{session:08}")).await;
    }
    for version in next {
        let prepared = host.prepare(Arc::clone(version), options.clone()).await.unwrap().unwrap();
        ask(&sessions, "hit", "session-00000000").await;
        ask(&sessions, "hit", version.version.as_str()).await;
        tell(&prepared.pause().await.unwrap().commit().await.unwrap());
    }
    (host.export_state(&first.name).await.unwrap().unwrap(), host.metrics(&first.name).unwrap().pre_copied)
}

fn host(blobs: &Arc<MemoryBlobs>) -> ModuleHost {
    let mut options = HostOptions::default();
    options.blobs = Arc::clone(blobs) as _;
    ModuleHost::new(options).unwrap()
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, third, more @ ..] = arguments.as_slice() else {
        println!("sessions V1.wasm V2.wasm V3.wasm [SESSIONS]");
        return ExitCode::FAILURE;
    };
    let count: u64 = more.first().map_or(1_000, |text| text.parse().unwrap());
    let blobs = Arc::new(MemoryBlobs::default());
    let host = host(&blobs);
    let versions = [manifest(&blobs, first, 1), manifest(&blobs, second, 2), manifest(&blobs, third, 3)];
    let name = versions[0].name.clone();

    host.load(Arc::clone(&versions[0])).await.unwrap();
    let sessions = host.handle(&name).unwrap();
    for session in 0..count {
        ask(&sessions, "hit", &format!("session-{session:08}")).await;
    }
    for session in 0..HIT_TWICE {
        assert_eq!(ask(&sessions, "hit", &format!("session-{session:08}")).await, 2);
    }
    // Version 1 to 3 in one reload, then each hop by itself from the state as version 1 left it.
    tell(&host.load(Arc::clone(&versions[2])).await.unwrap());
    let direct = host.export_state(&name).await.unwrap().unwrap();
    tell(&host.return_to_previous(&name).await.unwrap());
    tell(&host.load(Arc::clone(&versions[1])).await.unwrap());
    tell(&host.load(Arc::clone(&versions[2])).await.unwrap());
    let by_hops = host.export_state(&name).await.unwrap().unwrap();
    let (total, known) = (ask(&sessions, "total", "").await, ask(&sessions, "sessions", "").await);
    let again = ask(&sessions, "hit", "session-00000000").await;
    // A version that does not know the newer schema is refused, and the generation before is restored.
    let refused = host.load(Arc::clone(&versions[0])).await.unwrap_err();
    let restored = host.restore_generation(&name, 1, "an example").await.unwrap();
    println!("restored generation 1 as {}: {} messages undone", restored.generation, restored.undone);
    let metrics = host.metrics(&name).unwrap();
    println!("{known} sessions, {total} hits, lost {}", metrics.abandoned);
    println!("with the whole state loaded in the pause, and with it loaded before:");
    let plain = through_all(&blobs, &versions, count, ReloadOptions::default().without_pre_copy()).await;
    let copied = through_all(&blobs, &versions, count, ReloadOptions::default()).await;
    let is_good = direct == by_hops
        && (plain.0 == copied.0, plain.1, copied.1) == (true, 0, 2)
        && (total, known, again) == (count + HIT_TWICE, count, 3)
        && refused.code == "schema_not_accepted"
        && ask(&sessions, "total", "").await == count + HIT_TWICE
        && (metrics.abandoned, metrics.traps) == (0, 0);
    ExitCode::from(u8::from(!is_good))
}
