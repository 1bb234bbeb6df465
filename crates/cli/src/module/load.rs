//! `module load`: a component and its manifest in one go.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use midflight_client::Client;
use midflight_core::{DocumentId, Precondition, cut_reason};
use midflight_module_host::ComponentDescription;
use serde_json::{Map, Value};

use super::artifact::{self, Artifact};
use super::local::{LocalHost, manifest};
use super::manifest::{complete, grant, missing, read_body};
use super::report::ShownReload;
use crate::fail::Failure;
use crate::get::read;
use crate::output::{Output, eprint_status};
use crate::write::{WriteArgs, tell};

/// The flags of `module load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The folder of a project in Rust, a component or core module (.wasm), or a text in WAT (.wat).
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Refuse the component unless it has this name.
    #[arg(long)]
    name: Option<String>,
    /// Refuse the component unless it has this version.
    #[arg(long)]
    version: Option<String>,
    /// The manifest's other members, as YAML, JSON or TOML; by default module.yaml in the folder, else those of the
    /// live manifest.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// A capability to grant beside those of the manifest: log, now, random, emit, config or call; may be repeated.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// The config that init gets, as JSON, instead of that of the manifest.
    #[arg(long, value_name = "JSON", value_parser = json_value)]
    config: Option<Value>,
    #[command(flatten)]
    write: WriteArgs,
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(super) async fn run(client: &Client, output: &Output, args: &LoadArgs) -> Result<(), Failure> {
    let artifact = artifact::read(&args.path).await?;
    let description = LocalHost::new()?.describe(&artifact.bytes).await?;
    let info = &description.info;
    for (what, reported, wanted) in
        [("name", &info.name, &args.name), ("version", &info.version, &args.version)]
    {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != reported) {
            let message =
                format!("the component calls its {what} {reported:?}, not {wanted:?}; nothing was changed");
            return Err(Failure::failed(message));
        }
    }
    let given = args.manifest.as_deref().map(read_body).transpose()?.or(artifact.manifest.clone());
    let base = match given {
        Some(given) => Some(given),
        None => live_body(client, &info.name).await?,
    };
    let mut body = complete(base, &description);
    grant(&mut body, args.capabilities.iter().cloned());
    if let Some(config) = &args.config {
        body.insert("config".to_owned(), config.clone());
    }
    let mut write = args.write.clone();
    if write.reason.is_empty() {
        write.reason =
            cut_reason(format!("load {} {} from {}", info.name, info.version, args.path.display()));
    }
    put(client, output, &artifact, &description, body, &write).await
}

/// The document of a module's manifest.
fn manifest_id(name: &str) -> Result<DocumentId, Failure> {
    DocumentId::new("modules", name).map_err(|error| Failure::failed(error.to_string()))
}

/// The body of a module's live manifest, if it has one.
pub(super) async fn live_body(client: &Client, name: &str) -> Result<Option<Value>, Failure> {
    match client.document(&manifest_id(name)?).await {
        Ok(found) => Ok(Some(read(&found)?.1)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Puts the bytes of a component into the store, and then its manifest into the log.
pub(super) async fn put(
    client: &Client,
    output: &Output,
    artifact: &Artifact,
    description: &ComponentDescription,
    body: Map<String, Value>,
    write: &WriteArgs,
) -> Result<(), Failure> {
    let name = &description.info.name;
    let ungranted = missing(&body, description);
    if !ungranted.is_empty() {
        let flags: Vec<_> = ungranted.iter().map(|word| format!("--capability {word}")).collect();
        return Err(Failure::failed(format!(
            "{name} imports {}, which its manifest does not grant; grant it with {}, or in \"capabilities\" of the manifest",
            ungranted.join(", "),
            flags.join(" ")
        )));
    }
    let body = Value::Object(body);
    // What the server would say of the manifest is said before the component is sent.
    manifest(name, body.clone())?;
    let bytes = Bytes::copy_from_slice(&artifact.bytes);
    client.put_blob(&description.digest.to_string(), bytes).await?;
    let options = write.options();
    let id = manifest_id(name)?;
    let answer = write.made(client.put_document(&id, &body, Precondition::None, &options)).await?;
    tell(client, output, &answer).await?;
    if !write.dry_run && answer.outcome != "unchanged" {
        tell_reload(client, name).await?;
    }
    Ok(())
}

/// Says what the reload of the module came to on the server that was asked, when it has been made there.
async fn tell_reload(client: &Client, name: &str) -> Result<(), Failure> {
    match client.module(name).await {
        Ok(module) => {
            if let Some(report) = &module.last_reload {
                eprint_status(&ShownReload::of_item(report).summary());
            }
            Ok(())
        }
        // The edit waits for its time, or is still under way.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
