//! `module test`: a component on a host in this process, as a server would treat it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use midflight_core::DocumentName;
use midflight_module_host::{ModuleHandle, StateSnapshot};
use midflight_modules::Manifest;
use serde::Serialize;
use serde_json::Value;

use super::artifact::{self, Artifact};
use super::local::{LocalHost, manifest, refused, reload_failed};
use super::manifest::{complete, grant, missing, read_body};
use super::report::{DescribedComponent, reload_line};
use crate::columns::table;
use crate::fail::Failure;
use crate::output::{Output, eprint_status, printable};

/// Why states are imported here.
const REASON: &str = "a test";

/// The flags of `module test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The folder of a project in Rust, a component or core module (.wasm), or a text in WAT (.wat).
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// An earlier version whose state it must take over; several, the oldest first, are also tried one after the other.
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// A message to send first, as add or hit=alice; may be repeated. The earliest version gets it, and the component
    /// again.
    #[arg(long = "call", value_name = "OPERATION[=PAYLOAD]")]
    calls: Vec<String>,
    /// The manifest's other members, as YAML, JSON or TOML; by default module.yaml in the folder.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// What was tried, and how it went.
#[derive(Debug, Default)]
struct Tried(Vec<TriedStep>);

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct TriedStep {
    tried: &'static str,
    outcome: String,
}

/// All of a test.
#[derive(Debug, Serialize)]
struct TestAnswer<'a> {
    component: &'a DescribedComponent,
    steps: &'a [TriedStep],
}

impl Tried {
    fn add(&mut self, what: &'static str, outcome: impl Into<String>) {
        self.0.push(TriedStep { tried: what, outcome: outcome.into() });
    }
}

/// A version with the manifest it gets here.
struct Version {
    bytes: Arc<[u8]>,
    manifest: Arc<Manifest>,
    described: DescribedComponent,
}

pub(super) async fn run(output: &Output, args: &TestArgs) -> Result<(), Failure> {
    let local = LocalHost::new()?;
    let given = args.manifest.as_deref().map(read_body).transpose()?;
    let mut versions = Vec::new();
    for path in args.from.iter().chain([&args.path]) {
        versions.push(version(&local, artifact::read(path).await?, given.clone()).await?);
    }
    let Some(candidate) = versions.last() else { return Ok(()) };
    let mut tried = Tried::default();
    let outcome = try_all(&versions, &args.calls, &mut tried).await;
    let answer = TestAnswer { component: &candidate.described, steps: &tried.0 };
    output.data(&answer, || {
        let rows = tried.0.iter().map(|step| [step.tried.to_owned(), step.outcome.clone()]);
        candidate.described.text() + "\n" + &table(&["TRIED", "OUTCOME"], rows)
    })?;
    outcome?;
    eprint_status("valid");
    Ok(())
}

/// A version whose manifest grants what it imports.
async fn version(local: &LocalHost, artifact: Artifact, given: Option<Value>) -> Result<Version, Failure> {
    let description = local.describe(&artifact.bytes).await?;
    let info = &description.info;
    let mut body = complete(given.or(artifact.manifest), &description);
    let ungranted = missing(&body, &description);
    if !ungranted.is_empty() {
        eprint_status(&format!(
            "{} {} imports {}, which its manifest must grant",
            info.name,
            info.version,
            ungranted.join(", ")
        ));
        if ungranted.contains(&"call") {
            return Err(Failure::failed(
                "the modules that it calls must be in \"calls\" of its manifest; give it with --manifest",
            ));
        }
        grant(&mut body, ungranted.into_iter().map(str::to_owned));
    }
    let manifest = manifest(&info.name, Value::Object(body))?;
    Ok(Version { bytes: artifact.bytes, manifest, described: DescribedComponent::new(&description) })
}

async fn try_all(versions: &[Version], calls: &[String], tried: &mut Tried) -> Result<(), Failure> {
    let [earlier @ .., candidate] = versions else { return Ok(()) };
    let by_itself = load(&[candidate], calls, tried).await?;
    round_trip(&by_itself, candidate, tried).await?;
    let Some(oldest) = earlier.first() else { return Ok(()) };
    let direct = load(&[oldest, candidate], calls, tried).await?;
    return_exactly(&direct, oldest, tried).await?;
    if earlier.len() > 1 {
        let all: Vec<_> = versions.iter().collect();
        let by_hops = load(&all, calls, tried).await?;
        if state(&by_hops, candidate).await?
            != state(&load(&[oldest, candidate], calls, &mut Tried::default()).await?, candidate).await?
        {
            let message =
                "the state that came through all versions is not the one that came from the oldest at once";
            return Err(Failure::failed(message));
        }
        tried.add("chain", "the same state as from the oldest at once");
    }
    Ok(())
}

/// Loads versions one after the other on a host of their own. The first one and the last one get the calls.
async fn load(versions: &[&Version], calls: &[String], tried: &mut Tried) -> Result<LocalHost, Failure> {
    let local = LocalHost::new()?;
    for (i, version) in versions.iter().enumerate() {
        local.put(&version.bytes);
        let report = local
            .host
            .load(Arc::clone(&version.manifest))
            .await
            .map_err(|failure| reload_failed(&failure))?;
        match i {
            0 if versions.len() > 1 => {}
            0 => {
                tried.add(
                    "init, save, check",
                    format!("{} bytes of state, saved twice the same", report.state_bytes),
                );
                let probes = version.manifest.probes.len();
                if probes > 0 {
                    tried.add("probes", format!("{probes} answered as they must be"));
                }
            }
            _ => tried.add("reload", reload_line(&report)),
        }
        // What a later version is asked would change the state that is compared.
        if i == 0 {
            let handle = handle(&local, version)?;
            for spec in calls {
                let answer = call(&handle, spec).await?;
                if versions.len() == 1 {
                    tried.add("call", answer);
                }
            }
        }
    }
    Ok(local)
}

fn handle(local: &LocalHost, version: &Version) -> Result<ModuleHandle, Failure> {
    local.host.handle(&version.manifest.name).ok_or_else(|| Failure::failed("the module does not answer"))
}

/// Sends a message as `OPERATION=PAYLOAD` says it.
async fn call(handle: &ModuleHandle, spec: &str) -> Result<String, Failure> {
    let (operation, payload) = spec.split_once('=').unwrap_or((spec, ""));
    match handle.call(operation, payload.as_bytes().to_vec()).await {
        Ok(reply) => Ok(format!("{spec} -> {}", printable(&String::from_utf8_lossy(&reply.result)))),
        Err(error) => Err(Failure::failed(format!("the call {spec:?} failed: {error}"))),
    }
}

async fn state(local: &LocalHost, version: &Version) -> Result<Option<Arc<StateSnapshot>>, Failure> {
    export(local, &version.manifest.name).await
}

async fn export(local: &LocalHost, name: &DocumentName) -> Result<Option<Arc<StateSnapshot>>, Failure> {
    local.host.export_state(name).await.map_err(|refusal| refused(&refusal))
}

/// Loads the state into another instance, which must save the same.
async fn round_trip(local: &LocalHost, version: &Version, tried: &mut Tried) -> Result<(), Failure> {
    let Some(before) = state(local, version).await? else {
        tried.add("state", "none");
        return Ok(());
    };
    let name = &version.manifest.name;
    let loaded = local.host.import_state(name, (*before).clone(), REASON).await;
    loaded.map_err(|failure| reload_failed(&failure))?;
    let after = state(local, version).await?.map(|state| state.digest());
    if after != Some(before.digest()) {
        let message =
            "an instance that loads the state saves another one; save all that load needs, in one order";
        return Err(Failure::failed(message));
    }
    tried.add("load and save", format!("the same {} bytes, {}", before.bytes.len(), before.digest()));
    Ok(())
}

/// Goes back to the version before, whose state must be as it was.
async fn return_exactly(local: &LocalHost, oldest: &Version, tried: &mut Tried) -> Result<(), Failure> {
    if oldest.manifest.is_stateless() || oldest.manifest.limits.grace_ms == 0 {
        return Ok(());
    }
    let name = &oldest.manifest.name;
    let history = local.host.history(name).await.map_err(|refusal| refused(&refusal))?;
    let before = history.generations.values().next().map(|record| record.state.digest());
    let report = local.host.return_to_previous(name).await.map_err(|refusal| refused(&refusal))?;
    let after = export(local, name).await?.map(|state| state.digest());
    if after != before {
        return Err(Failure::failed("the state after going back is not the one before the reload"));
    }
    tried.add("return", format!("to {}, with its state as it was", report.to_version));
    Ok(())
}
