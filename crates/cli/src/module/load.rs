//! `module load`: a component and its manifest in one go.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use midflight_core::cut_reason;
use midflight_module_host::ComponentDescription;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::artifact::{self, Artifact};
use super::local::{LocalHost, manifest};
use super::manifest::{complete, grant, missing, read_body};
use super::report::reload_summary;
use super::under;
use crate::client::{RequestBody, ServerClient};
use crate::fail::Failure;
use crate::output::{Output, eprint_status};
use crate::write::{WriteArgs, tell};

/// The flags of `module load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The folder of a project in Rust, a component or core module (.wasm), or a text in WAT (.wat).
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Refuse the component unless it calls itself so.
    #[arg(long)]
    name: Option<String>,
    /// Refuse the component unless it calls its version so.
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

pub(super) async fn run(client: &ServerClient, output: &Output, args: &LoadArgs) -> Result<(), Failure> {
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

/// The body of a module's live manifest, if it has one.
pub(super) async fn live_body(client: &ServerClient, name: &str) -> Result<Option<Value>, Failure> {
    match client.get(&["api", "v1", "documents", "modules", name], &[]).await {
        Ok(answer) => Ok(answer.body.get("body").cloned()),
        Err(failure) if failure.code() == Some("not_found") => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Puts the bytes of a component into the store, and then its manifest into the log.
pub(super) async fn put(
    client: &ServerClient,
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
    let url = client.url(&["api", "v1", "blobs", &description.digest.to_string()], &[]);
    let bytes = RequestBody::Bytes("application/octet-stream", Bytes::copy_from_slice(&artifact.bytes));
    client.send(Method::PUT, url, bytes, &[]).await?;
    let url = client.url(&["api", "v1", "documents", "modules", name], &write.query());
    let answer = client.send(Method::PUT, url, RequestBody::Json(body), &[]).await?.body;
    tell(output, &answer)?;
    if !write.dry_run && answer.get("outcome") != Some(&json!("unchanged")) {
        tell_reload(client, name).await?;
    }
    Ok(())
}

/// Says what the reload of the module came to on the server that was asked, when it has been made there.
async fn tell_reload(client: &ServerClient, name: &str) -> Result<(), Failure> {
    match client.get(&under(&[name]), &[]).await {
        Ok(answer) => {
            if let Some(report) = answer.body.get("last_reload").filter(|report| report.is_object()) {
                eprint_status(&reload_summary(report));
            }
            Ok(())
        }
        // The edit waits for its time, or is still under way.
        Err(failure) if failure.code() == Some("not_found") => Ok(()),
        Err(failure) => Err(failure),
    }
}
