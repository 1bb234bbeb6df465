//! `module state`: states out and in.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::HeaderName;

use super::report::{reload_summary, reload_text};
use super::under;
use crate::client::{RequestBody, ServerClient};
use crate::fail::Failure;
use crate::output::{Output, eprint_status, printable};

/// The header with the schema of a state.
const SCHEMA: HeaderName = HeaderName::from_static("midflight-state-schema");

/// The commands of `module state`.
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Write the state of a module, as it saves it between two messages.
    Export(ModuleExportArgs),
    /// Load a state into the live version; this undoes what was acknowledged in its generation.
    Import(ModuleImportArgs),
}

/// The flags of `module state export`.
#[derive(Debug, Args)]
pub(crate) struct ModuleExportArgs {
    /// The module.
    name: String,
    /// Where it is written; by default stdout.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The flags of `module state import`.
#[derive(Debug, Args)]
pub(crate) struct ModuleImportArgs {
    /// The module.
    name: String,
    /// The file that an export wrote.
    file: PathBuf,
    /// The schema of the state, as exported.
    #[arg(long)]
    schema: u32,
    /// The reason, shown in the history.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn run(
    client: &ServerClient,
    output: &Output,
    command: &StateCommand,
) -> Result<(), Failure> {
    match command {
        StateCommand::Export(args) => export(client, output, args).await,
        StateCommand::Import(args) => import(client, output, args).await,
    }
}

async fn export(client: &ServerClient, output: &Output, args: &ModuleExportArgs) -> Result<(), Failure> {
    let response = client.open(client.url(&under(&[&args.name, "state"]), &[]), &[]).await?;
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let message = [
        "midflight-state-schema",
        "midflight-module-version",
        "midflight-generation",
        "midflight-state-digest",
    ]
    .map(header);
    let bytes = response.bytes().await.map_err(|error| client.unreachable(&error))?;
    match &args.file {
        None => output.raw(&bytes)?,
        Some(file) => std::fs::write(file, &bytes)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?,
    }
    let [schema, version, generation, digest] = message;
    eprint_status(&printable(&format!(
        "{} bytes, schema {schema}, of version {version}, generation {generation}, digest {digest}",
        bytes.len()
    )));
    Ok(())
}

async fn import(client: &ServerClient, output: &Output, args: &ModuleImportArgs) -> Result<(), Failure> {
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", args.file.display())))?;
    let url = client.url(&under(&[&args.name, "state"]), &[("reason", args.reason.clone())]);
    let headers = [(SCHEMA, args.schema.to_string())];
    let body = RequestBody::Bytes("application/octet-stream", Bytes::from(bytes));
    let report = client.send(Method::PUT, url, body, &headers).await?.body;
    output.data(&report, || reload_text(&report))?;
    eprint_status(&reload_summary(&report));
    Ok(())
}
