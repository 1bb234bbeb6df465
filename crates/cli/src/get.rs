//! `get`: the kinds, the documents of a kind, or one document.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::wire::documents::DocumentAnswer;
use midflight_client::wire::status::KindStatusAnswer;
use midflight_client::{Answer, Client, ClientError};
use midflight_core::{DocumentId, KindName, RevisionNumber, hint};
use serde_json::Value;

use super::columns::{TableColumn, optional};
use super::complete;
use super::fail::Failure;
use super::output::{Output, OutputFormat};

/// Among how many names a misspelled one is looked for.
const NEAR_AMONG_MAX: usize = 500;

const KINDS: &[TableColumn<KindStatusAnswer>] = &[
    TableColumn::new("KIND", |kind| kind.kind.clone()),
    TableColumn::new("DOCUMENTS", |kind| kind.documents.to_string()),
    TableColumn::new("SERVED", |kind| {
        let figures = kind.figures.iter().map(|(name, count)| format!("{count} {name}"));
        figures.collect::<Vec<_>>().join(", ")
    }),
];

const DOCUMENTS: &[TableColumn<DocumentAnswer>] = &[
    TableColumn::new("NAME", |document| document.name.clone()),
    TableColumn::new("VERSION", |document| optional(document.version)),
    TableColumn::new("REVISION", |document| optional(document.revision)),
    TableColumn::new("OWNER", |document| optional(document.owner.as_ref())),
    TableColumn::wide("BYTES", |document| document.body.get().len().to_string()),
];

/// The flags of `get`.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// A kind, as rules, or a document, as rules/loans/R1; by default all kinds.
    #[arg(value_name = "KIND[/NAME]", add = ArgValueCompleter::new(complete::kinds_and_documents))]
    what: Option<String>,
    /// Only documents of the kind whose name starts with this.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
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

pub(super) async fn run(client: &Client, output: &Output, args: &GetArgs) -> Result<(), Failure> {
    let at = args.at.map(RevisionNumber::new);
    let what = args.what.as_deref().map(GetTarget::parse).transpose()?;
    if !args.prefix.is_empty() && !matches!(what, Some(GetTarget::Kind(_))) {
        return Err(Failure::usage("--prefix needs a kind: name one, as rules".to_owned()));
    }
    match what {
        None if at.is_some() => Err(Failure::usage("--at needs a kind or a document".to_owned())),
        None => kinds(client, output).await,
        Some(GetTarget::Document(id)) => document(client, output, &id, at).await,
        Some(GetTarget::Kind(kind)) => {
            documents(output, &client.documents(&kind, &args.prefix, at, usize::MAX).await?)
        }
    }
}

async fn kinds(client: &Client, output: &Output) -> Result<(), Failure> {
    let kinds = client.status().await?.into_value().kinds;
    output.list(&kinds, &kinds, KINDS, |kind| kind.kind.clone())
}

/// Refuses a document of the local copy: its version is not known, so that a change that others make meanwhile would be
/// lost.
pub(super) fn check_is_of_log(document: &DocumentAnswer) -> Result<(), Failure> {
    match document.from_copy {
        Some(_) => Err(Failure::failed("log unavailable; nothing was changed; try again in a moment")),
        None => Ok(()),
    }
}

async fn document(
    client: &Client,
    output: &Output,
    id: &DocumentId,
    at: Option<RevisionNumber>,
) -> Result<(), Failure> {
    let found = match at {
        None => client.document(id).await,
        Some(at) => client.document_at(id, at).await,
    };
    match found {
        Ok(found) => match output.format() {
            OutputFormat::Json => output.data(&found, String::new),
            OutputFormat::Name => output.line(&id.to_string()),
            _ => output.documents(&[read(&found)?]),
        },
        Err(error) if error.is_not_found() => instead(client, output, id, at, error).await,
        Err(error) => Err(error.into()),
    }
}

/// Instead of a document that is not there: those below its name, or the nearest name.
async fn instead(
    client: &Client,
    output: &Output,
    id: &DocumentId,
    at: Option<RevisionNumber>,
    error: ClientError,
) -> Result<(), Failure> {
    let below = client.documents(&id.kind, &format!("{}/", id.name), at, usize::MAX).await?;
    if !below.is_empty() {
        return documents(output, &below);
    }
    // Enough to find a slip, and one page.
    let others = client.documents(&id.kind, "", at, NEAR_AMONG_MAX).await?;
    let near = hint(id.name.as_str(), others.iter().map(|other| other.name.as_str()));
    match near.is_empty() {
        true => Err(error.into()),
        false => Err(Failure::failed(format!("no document {id}{near}"))),
    }
}

fn documents(output: &Output, found: &[Answer<DocumentAnswer>]) -> Result<(), Failure> {
    match output.format() {
        OutputFormat::Yaml => {
            let documents = found.iter().map(|document| read(document));
            output.documents(&documents.collect::<Result<Vec<_>, _>>()?)
        }
        _ => output.list(&found, found.iter().map(|it| &**it), DOCUMENTS, |document| {
            format!("{}/{}", document.kind, document.name)
        }),
    }
}

/// A document of an answer.
pub(super) fn read(found: &DocumentAnswer) -> Result<(DocumentId, Value), Failure> {
    let invalid = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("the server sent an invalid document: {error}"))
    };
    let id = DocumentId::new(&found.kind, &found.name).map_err(|error| invalid(&error))?;
    let body = serde_json::from_str(found.body.get()).map_err(|error| invalid(&error))?;
    Ok((id, body))
}
