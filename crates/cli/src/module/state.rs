//! `module state`: states out and in.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, Subcommand};
use midflight_client::Client;

use super::report::ShownReload;
use crate::fail::Failure;
use crate::output::{Output, eprint_status, printable};

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

pub(super) async fn run(client: &Client, output: &Output, command: &StateCommand) -> Result<(), Failure> {
    match command {
        StateCommand::Export(args) => export(client, output, args).await,
        StateCommand::Import(args) => import(client, output, args).await,
    }
}

async fn export(client: &Client, output: &Output, args: &ModuleExportArgs) -> Result<(), Failure> {
    let download = client.export_module_state(&args.name).await?;
    let header = |name: &str| {
        let value = download.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let message = [
        "midflight-state-schema",
        "midflight-module-version",
        "midflight-generation",
        "midflight-state-digest",
    ]
    .map(header);
    let bytes = download.all().await?;
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

async fn import(client: &Client, output: &Output, args: &ModuleImportArgs) -> Result<(), Failure> {
    let bytes = std::fs::read(&args.file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", args.file.display())))?;
    let report =
        client.import_module_state(&args.name, args.schema, Bytes::from(bytes), &args.reason).await?;
    let shown = ShownReload::of_answer(&report);
    output.data(&report, || shown.text())?;
    eprint_status(&shown.summary());
    Ok(())
}
