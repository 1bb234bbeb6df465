//! Brings modules to their manifests that a reload left behind: a commit that was not recorded, a start at which a
//! component could not be read.
//!
//! It is woken by reloads and by a timer, and takes no input: it looks at what is wanted and at what runs. A module
//! that went back by itself or by an operator is not changed until its manifest changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use midflight_core::{Digest, DocumentName};
use midflight_engine::Kind as _;
use midflight_http::app::AppState;
use midflight_module_host::ReloadOptions;
use midflight_modules::{Manifest, Modules};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::app::ModulesParts;

/// How often it looks without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The longest pause after a manifest failed.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The pauses after a manifest failed, each twice as long as the one before.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(5))
    .with_max_delay(PAUSE_MAX)
    .without_max_times();

/// When a manifest is tried again.
struct Attempt {
    manifest: Digest,
    pauses: ExponentialBackoff,
    not_before: Instant,
}

/// Looks until the server stops.
pub(super) async fn run(app: AppState, parts: ModulesParts) {
    let mut reports = app.engine.history().listen();
    let mut attempts = BTreeMap::new();
    loop {
        look(&parts, &mut attempts).await;
        let about_modules = async {
            loop {
                match reports.recv().await {
                    Ok(report) if !report.event.kinds.contains(&Modules.name()) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = about_modules => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.stopping.cancelled() => return,
        }
    }
}

async fn look(parts: &ModulesParts, attempts: &mut BTreeMap<DocumentName, Attempt>) {
    let behind = behind(parts);
    attempts.retain(|name, attempt| {
        behind.iter().any(|manifest| manifest.name == *name && manifest.digest == attempt.manifest)
    });
    for manifest in behind {
        let name = manifest.name.clone();
        if attempts.get(&name).is_some_and(|attempt| attempt.not_before > Instant::now()) {
            continue;
        }
        let digest = manifest.digest;
        // While a reload is under way it is that one's business.
        let options = ReloadOptions::default().if_idle().because("behind its manifest");
        match parts.runtime.host.reload(manifest, options).await {
            Ok(_) => {
                attempts.remove(&name);
            }
            Err(failure) if failure.code == "reload_in_progress" => {}
            Err(failure) => {
                let attempt = attempts.entry(name.clone()).or_insert_with(|| Attempt {
                    manifest: digest,
                    pauses: PAUSES.build(),
                    not_before: Instant::now(),
                });
                let pause = attempt.pauses.next().unwrap_or(PAUSE_MAX);
                attempt.not_before = Instant::now() + pause;
                tracing::warn!(module = %name, %failure, retry_ms = pause.as_millis(), "module still behind its manifest");
                recover(parts, &name).await;
            }
        }
    }
}

/// The manifests that are served, whose modules run another one or none.
fn behind(parts: &ModulesParts) -> Vec<Arc<Manifest>> {
    let modules = parts.modules.load();
    let is_behind = |manifest: &&Arc<Manifest>| match parts.runtime.host.status(&manifest.name) {
        None => true,
        Some(status) => {
            let live = status.live.map(|live| live.manifest.digest);
            live != Some(manifest.digest) && status.withdrawn != Some(manifest.digest)
        }
    };
    modules.manifests().filter(is_behind).cloned().collect()
}

/// Lets the last commit of a module run, when nothing of it does.
async fn recover(parts: &ModulesParts, name: &DocumentName) {
    match parts.runtime.host.recover(name).await {
        Ok(Some(report)) => {
            tracing::warn!(module = %name, version = report.to_version, "the last commit of the module runs instead");
        }
        Ok(None) => {}
        Err(failure) => {
            tracing::warn!(module = %name, %failure, "the last commit of the module cannot run either")
        }
    }
}
