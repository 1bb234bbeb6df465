//! `module watch`: the components of a directory, each loaded when its bytes are others than before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use midflight_core::{Digest, cut_reason};
use midflight_source::{FileOptions, FileWatch};

use super::artifact::{Artifact, component_file_names, component_of_file};
use super::load::{live_body, put};
use super::local::LocalHost;
use super::manifest::complete;
use crate::cli::client::Client;
use crate::cli::fail::Failure;
use crate::cli::output::{Output, talk};
use crate::cli::write::WriteArgs;

/// The flags of `module watch`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// The directory. Its files that end in .wasm or .wat are components, each of another module.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// A file as it was when it was last looked at.
#[derive(Debug, Clone)]
struct Seen {
    digest: Digest,
    /// The module, when it is a component.
    module: Option<String>,
}

pub(super) async fn run(client: &Client, output: &Output, args: &WatchArgs) -> Result<(), Failure> {
    let folder = &args.folder;
    let local = LocalHost::new()?;
    let mut seen: BTreeMap<PathBuf, Seen> = BTreeMap::new();
    let failed = |error: midflight_source::SourceError| Failure::failed(error.to_string());
    let mut watch = FileWatch::new(watched(folder)?, FileOptions::default()).map_err(failed)?;
    talk(&format!("watching {}; end it with Ctrl-C", folder.display()));
    loop {
        for file in component_file_names(folder)? {
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let digest = Digest::of_bytes(&bytes);
            if seen.get(&file).is_some_and(|seen| seen.digest == digest) {
                continue;
            }
            seen.insert(file.clone(), Seen { digest, module: None });
            match load(client, output, &local, &file, &seen).await {
                Ok(module) => {
                    seen.insert(file, Seen { digest, module: Some(module) });
                }
                Err(Failure::Closed) => return Err(Failure::Closed),
                // What cannot be loaded now is looked at again when the file changes.
                Err(failure) => talk(&format!("{}: not loaded: {}", file.display(), failure.text())),
            }
        }
        seen.retain(|file, _| file.is_file());
        watch.follow(watched(folder)?).map_err(failed)?;
        watch.touched().await;
    }
}

/// The files to watch: one that need not be there, so that a new file in the directory is noticed.
fn watched(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = component_file_names(folder)?;
    files.push(folder.join("new.wasm"));
    Ok(files)
}

/// Loads the component of a file on the live manifest of its module; gives the module.
async fn load(
    client: &Client,
    output: &Output,
    local: &LocalHost,
    file: &Path,
    seen: &BTreeMap<PathBuf, Seen>,
) -> Result<String, Failure> {
    let bytes = component_of_file(file)?;
    let description = local.describe(&bytes).await?;
    let name = description.info.name.clone();
    let is_same = |(other, seen): &(&PathBuf, &Seen)| *other != file && seen.module.as_ref() == Some(&name);
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
