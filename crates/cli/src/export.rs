//! `export`: all documents as YAML.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::Client;
use midflight_core::KindName;
use midflight_source::{FileDocument, parse_documents};
use serde::Serialize;
use serde_json::Value;

use super::complete;
use super::fail::Failure;
use super::output::{Output, OutputFormat};
use super::progress::Waiting;

/// The flags of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Only documents of this kind.
    #[arg(long, add = ArgValueCompleter::new(complete::kind_names))]
    kind: Option<KindName>,
}

/// A document of an export as JSON, which imports as well.
#[derive(Debug, Serialize)]
struct ExportedDocument<'a> {
    kind: &'a str,
    name: &'a str,
    body: &'a Value,
}

pub(super) async fn run(client: &Client, output: &Output, args: &ExportArgs) -> Result<(), Failure> {
    let mut download = client.export(args.kind.as_ref()).await?;
    let (waiting, mut received) = (Waiting::new("exporting"), 0);
    // YAML is passed on as it comes; the other formats need all of it.
    let is_yaml = !matches!(output.format(), OutputFormat::Json | OutputFormat::Name);
    let mut kept = Vec::new();
    while let Some(part) = download.next().await? {
        received += part.len() as u64;
        waiting.received("exporting", received);
        match is_yaml {
            true => output.raw(&part)?,
            false => kept.extend_from_slice(&part),
        }
    }
    drop(waiting);
    if is_yaml {
        return Ok(());
    }
    let documents = documents_of(&kept)?;
    let document = |document: &'_ FileDocument| document.id.to_string() + "\n";
    let exported: Vec<_> = documents
        .iter()
        .map(|it| ExportedDocument { kind: it.id.kind.as_str(), name: it.id.name.as_str(), body: &it.body })
        .collect();
    output.data(&exported, || documents.iter().map(document).collect())
}

/// The documents of an export.
pub(super) fn documents_of(yaml: &[u8]) -> Result<Vec<FileDocument>, Failure> {
    let unreadable = |why: String| Failure::failed(format!("cannot read the export of the server: {why}"));
    let text = std::str::from_utf8(yaml).map_err(|error| unreadable(error.to_string()))?;
    parse_documents(text, "export")
        .map_err(|problems| unreadable(problems.first().map(ToString::to_string).unwrap_or_default()))
}
