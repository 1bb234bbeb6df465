//! `history`: the entries of the log, or the versions of a document.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::Client;
use midflight_client::wire::documents::VersionAnswer;
use midflight_client::wire::log::RevisionAnswer;

use super::columns::{TableColumn, optional};
use super::complete;
use super::fail::Failure;
use super::get::GetTarget;
use super::output::Output;

/// How many changes of a revision a line names.
const NAMED_MAX: usize = 3;

const VERSIONS: &[TableColumn<VersionAnswer>] = &[
    TableColumn::new("VERSION", |version| version.version.to_string()),
    TableColumn::new("REVISION", |version| version.revision.to_string()),
    TableColumn::new("WHEN", |version| version.created_at.clone()),
    TableColumn::new("OP", |version| version.op.to_string()),
    TableColumn::new("AUTHOR", |version| version.author.clone()),
    TableColumn::new("REASON", |version| version.reason.clone()),
    TableColumn::wide("BYTES", |version| version.body.get().len().to_string()),
];

const REVISIONS: &[TableColumn<RevisionAnswer>] = &[
    TableColumn::new("REVISION", |revision| revision.number.to_string()),
    TableColumn::new("WHEN", |revision| revision.created_at.clone()),
    TableColumn::new("AUTHOR", |revision| revision.author.clone()),
    TableColumn::new("CHANGES", changes),
    TableColumn::new("REASON", |revision| revision.reason.clone()),
    TableColumn::wide("TRIGGER", |revision| revision.trigger.clone()),
    TableColumn::wide("PRINCIPAL", |revision| optional(revision.principal.as_ref())),
    TableColumn::wide("DIGEST", |revision| revision.digest.clone()),
];

/// The flags of `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// A kind, as rules, or a document, as rules/loans/R1; by default everything.
    #[arg(value_name = "KIND[/NAME]", add = ArgValueCompleter::new(complete::kinds_and_documents))]
    what: Option<String>,
    /// The maximum number, newest first.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    limit: u32,
}

pub(super) async fn run(client: &Client, output: &Output, args: HistoryArgs) -> Result<(), Failure> {
    let limit = args.limit as usize;
    let kind = match args.what.as_deref().map(GetTarget::parse).transpose()? {
        None => None,
        Some(GetTarget::Kind(kind)) => Some(kind),
        Some(GetTarget::Document(id)) => {
            let found = client.versions(&id, limit).await?;
            let name = |version: &VersionAnswer| version.version.to_string();
            return output.list(&found, found.iter().map(|it| &**it), VERSIONS, name);
        }
    };
    let found = client.revisions(kind.as_ref(), limit).await?;
    let name = |revision: &RevisionAnswer| revision.number.to_string();
    output.list(&found, found.iter().map(|it| &**it), REVISIONS, name)
}

/// The changes of a revision in a few words.
pub(super) fn changes(revision: &RevisionAnswer) -> String {
    let changes = revision.changes.iter().map(|it| (&*it.op, &*it.kind, &*it.name));
    // Of many changes a server lists the first, and their count.
    some_changes(changes, revision.changes_count)
}

/// The first of so many changes, each with its op, kind and name.
pub(super) fn some_changes<'a>(
    changes: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
    count: u64,
) -> String {
    let named = changes.take(NAMED_MAX).map(|(op, kind, name)| format!("{op} {kind}/{name}"));
    let mut named: Vec<_> = named.collect();
    let more = count.saturating_sub(named.len() as u64);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}
