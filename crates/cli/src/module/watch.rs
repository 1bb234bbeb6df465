//! `module watch`: the components of a directory, each loaded when its bytes are others than before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use midflight_client::Client;
use midflight_core::{Digest, cut_reason};
use midflight_source::{FileOptions, FileWatch};

use super::artifact::{Artifact, component_file_names, component_of_file};
use super::load::{live_body, put};
use super::local::LocalHost;
use super::manifest::complete;
use crate::fail::Failure;
use crate::output::{Output, eprint_status};
use crate::write::WriteArgs;

/// The flags of `module watch`.
#[derive(Debug, Args)]
pub(crate) struct ModuleWatchArgs {
    /// The directory. Its files that end in .wasm or .wat are components, each of another module.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// How often the directory is looked at without a notification: a new file is found by this.
const POLL: Duration = Duration::from_secs(1);

/// A file as it was when it was last looked at.
#[derive(Debug, Clone)]
struct SeenFile {
    /// When it was last written, where the system says so, and how many bytes it has.
    stamp: (Option<SystemTime>, u64),
    digest: Digest,
    /// The module, when it is a component.
    module: Option<String>,
}

pub(super) async fn run(client: &Client, output: &Output, args: &ModuleWatchArgs) -> Result<(), Failure> {
    let folder = &args.folder;
    let local = LocalHost::new()?;
    let mut seen: BTreeMap<PathBuf, SeenFile> = BTreeMap::new();
    let options = FileOptions { poll: POLL, ..FileOptions::default() };
    let failed = |error: midflight_source::SourceError| Failure::failed(error.to_string());
    let mut watch = FileWatch::new(component_file_names(folder)?, options).map_err(failed)?;
    eprint_status(&format!("watching {}; end it with Ctrl-C", folder.display()));
    let mut is_notified = true;
    loop {
        for file in component_file_names(folder)? {
            let Ok(metadata) = std::fs::metadata(&file) else { continue };
            let stamp = (metadata.modified().ok(), metadata.len());
            // The bytes of all components are not read every second.
            if !is_notified && seen.get(&file).is_some_and(|seen| seen.stamp == stamp) {
                continue;
            }
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let digest = Digest::of_bytes(&bytes);
            if seen.get(&file).is_some_and(|seen| seen.digest == digest) {
                continue;
            }
            seen.insert(file.clone(), SeenFile { stamp, digest, module: None });
            match load(client, output, &local, &file, &seen).await {
                Ok(module) => {
                    seen.insert(file, SeenFile { stamp, digest, module: Some(module) });
                }
                Err(Failure::Closed) => return Err(Failure::Closed),
                // What cannot be loaded now is looked at again when the file changes.
                Err(failure) => eprint_status(&format!("{}: not loaded: {}", file.display(), failure.text())),
            }
        }
        seen.retain(|file, _| file.is_file());
        watch.follow(component_file_names(folder)?).map_err(failed)?;
        is_notified = watch.touched().await;
    }
}

/// Loads the component of a file on the live manifest of its module; gives the module.
async fn load(
    client: &Client,
    output: &Output,
    local: &LocalHost,
    file: &Path,
    seen: &BTreeMap<PathBuf, SeenFile>,
) -> Result<String, Failure> {
    let bytes = component_of_file(file)?;
    let description = local.describe(&bytes).await?;
    let name = description.info.name.clone();
    let is_same =
        |(other, seen): &(&PathBuf, &SeenFile)| *other != file && seen.module.as_ref() == Some(&name);
    if let Some((other, _)) = seen.iter().find(is_same) {
        let message =
            format!("{} is a component of the module {name} too; keep one of them here", other.display());
        return Err(Failure::failed(message));
    }
    let body = complete(live_body(client, &name).await?, &description);
    let write = WriteArgs {
        reason: cut_reason(format!("load {name} {} from {}", description.info.version, file.display())),
        ..WriteArgs::default()
    };
    put(client, output, &Artifact { bytes, manifest: None }, &description, body, &write).await?;
    Ok(name)
}
