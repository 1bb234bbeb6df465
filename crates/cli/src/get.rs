//! `get`: the kinds, the documents of a kind, or one document.

use clap::Args;
use midflight_core::{DocumentId, KindName, hint};
use serde_json::Value;

use super::client::{ServerAnswer, ServerClient};
use super::fail::Failure;
use super::output::{Output, OutputFormat, table, text};

/// Among how many names a misspelled one is looked for.
const NEAR_AMONG_MAX: usize = 500;

/// The flags of `get`.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// A kind, as rules, or a document, as rules/loans/R1; by default all kinds.
    #[arg(value_name = "KIND[/NAME]")]
    what: Option<String>,
    /// Only documents of the kind whose name starts with this.
    #[arg(long, default_value = "", value_name = "TEXT")]
    prefix: String,
    /// The documents as they were at this revision.
    #[arg(long, value_name = "REVISION")]
    at: Option<u64>,
}

/// A kind or a document, as it was typed.
pub(super) enum GetTarget {
    Kind(KindName),
    Document(DocumentId),
}

impl GetTarget {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let usage = |error: midflight_core::NameError| Failure::usage(error.to_string());
        if text.contains('/') {
            text.parse().map(Self::Document).map_err(usage)
        } else {
            text.parse().map(Self::Kind).map_err(usage)
        }
    }
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: &GetArgs) -> Result<(), Failure> {
    let at = args.at.map(|at| at.to_string()).unwrap_or_default();
    let what = args.what.as_deref().map(GetTarget::parse).transpose()?;
    if !args.prefix.is_empty() && !matches!(what, Some(GetTarget::Kind(_))) {
        return Err(Failure::usage("--prefix needs a kind: name one, as rules".to_owned()));
    }
    match what {
        None if args.at.is_some() => Err(Failure::usage("--at needs a kind or a document".to_owned())),
        None => kinds(client, output).await,
        Some(GetTarget::Document(id)) => document(client, output, &id, at).await,
        Some(GetTarget::Kind(kind)) => {
            let query = [("prefix", args.prefix.clone()), ("at", at)];
            let found = client.all(&["api", "v1", "documents", kind.as_str()], &query).await?;
            documents(output, found)
        }
    }
}

async fn kinds(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let status = client.get(&["api", "v1", "status"], &[]).await?.body;
    let kinds = status.get("kinds").cloned().unwrap_or_default();
    output.data(&kinds, || {
        let rows = kinds.as_array().into_iter().flatten();
        let row = |kind: &Value| {
            let figures = kind.get("figures").and_then(Value::as_object);
            let figures = figures.into_iter().flatten().map(|(name, count)| format!("{count} {name}"));
            [text(kind, "kind"), text(kind, "documents"), figures.collect::<Vec<_>>().join(", ")]
        };
        table(&["KIND", "DOCUMENTS", "SERVED"], rows.map(row))
    })
}

/// Reads a document as the log has it now, to change it.
pub(super) async fn newest(client: &ServerClient, id: &DocumentId) -> Result<ServerAnswer, Failure> {
    let found = client.get(&path(id), &[]).await?;
    match found.body.get("from_copy") {
        // Its version is not known, so that a change that others make meanwhile would be lost.
        Some(_) => {
            Err(Failure::failed("log unavailable; nothing was changed; try again in a moment".to_owned()))
        }
        None => Ok(found),
    }
}

fn path(id: &DocumentId) -> [&str; 5] {
    ["api", "v1", "documents", id.kind.as_str(), id.name.as_str()]
}

async fn document(
    client: &ServerClient,
    output: &Output,
    id: &DocumentId,
    at: String,
) -> Result<(), Failure> {
    let found = match client.get(&path(id), &[("at", at.clone())]).await {
        Ok(found) => found.body,
        Err(failure) if failure.code() == Some("not_found") => {
            return instead(client, output, id, at, failure).await;
        }
        Err(failure) => return Err(failure),
    };
    match output.format() {
        OutputFormat::Json => output.data(&found, String::new),
        _ => output.documents(&[read(found)?]),
    }
}

/// Instead of a document that is not there: those below its name, or the nearest name.
async fn instead(
    client: &ServerClient,
    output: &Output,
    id: &DocumentId,
    at: String,
    failure: Failure,
) -> Result<(), Failure> {
    let list = ["api", "v1", "documents", id.kind.as_str()];
    let prefix = format!("{}/", id.name);
    let below = client.all(&list, &[("prefix", prefix), ("at", at.clone())]).await?;
    if !below.is_empty() {
        return documents(output, below);
    }
    // Enough to find a slip, and one page.
    let others = client.up_to(&list, &[("at", at)], NEAR_AMONG_MAX).await?;
    let names: Vec<_> = others.iter().map(|other| text(other, "name")).collect();
    let near = hint(id.name.as_str(), names.iter().map(String::as_str));
    match near.is_empty() {
        true => Err(failure),
        false => Err(Failure::failed(format!("no document {id}{near}"))),
    }
}

fn documents(output: &Output, found: Vec<Value>) -> Result<(), Failure> {
    match output.format() {
        OutputFormat::Json => output.data(&Value::from(found), String::new),
        OutputFormat::Yaml => output.documents(&found.into_iter().map(read).collect::<Result<Vec<_>, _>>()?),
        OutputFormat::Table => {
            let row =
                |document: &Value| ["name", "version", "revision", "owner"].map(|key| text(document, key));
            output.raw(table(&["NAME", "VERSION", "REVISION", "OWNER"], found.iter().map(row)).as_bytes())
        }
    }
}

/// A document of an answer.
pub(super) fn read(mut found: Value) -> Result<(DocumentId, Value), Failure> {
    let id = DocumentId::new(&text(&found, "kind"), &text(&found, "name"));
    let id = id.map_err(|error| Failure::failed(format!("the server sent an invalid document: {error}")))?;
    Ok((id, found.get_mut("body").map(Value::take).unwrap_or_default()))
}
