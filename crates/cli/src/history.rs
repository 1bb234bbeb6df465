//! `history`: the entries of the log, or the versions of a document.

use clap::Args;
use midflight_core::KindName;
use serde_json::Value;

use super::client::ServerClient;
use super::fail::Failure;
use super::get::GetTarget;
use super::output::{Output, table, text};

/// How many changes of a revision a line names.
const NAMED_MAX: usize = 3;

/// The flags of `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// A kind, as rules, or a document, as rules/loans/R1; by default everything.
    #[arg(value_name = "KIND[/NAME]")]
    what: Option<String>,
    /// The maximum number, newest first.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    limit: u32,
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: HistoryArgs) -> Result<(), Failure> {
    let limit = args.limit as usize;
    match args.what.as_deref().map(GetTarget::parse).transpose()? {
        None => revisions(client, output, None, limit).await,
        Some(GetTarget::Kind(kind)) => revisions(client, output, Some(kind), limit).await,
        Some(GetTarget::Document(id)) => {
            let (kind, name) = (id.kind.as_str(), id.name.as_str());
            let found = client.up_to(&["api", "v1", "documents", kind, name, "versions"], &[], limit).await?;
            let list = Value::from(found);
            output.data(&list, || {
                let keys = ["version", "revision", "created_at", "op", "author", "reason"];
                let rows = list.as_array().into_iter().flatten().map(|it| keys.map(|key| text(it, key)));
                table(&["VERSION", "REVISION", "WHEN", "OP", "AUTHOR", "REASON"], rows)
            })
        }
    }
}

async fn revisions(
    client: &ServerClient,
    output: &Output,
    kind: Option<KindName>,
    limit: usize,
) -> Result<(), Failure> {
    let kind = kind.map(|kind| kind.to_string()).unwrap_or_default();
    let found = client.up_to(&["api", "v1", "revisions"], &[("kind", kind)], limit).await?;
    let list = Value::from(found);
    output.data(&list, || {
        let row = |revision: &Value| {
            let [number, when, author, reason] =
                ["number", "created_at", "author", "reason"].map(|key| text(revision, key));
            [number, when, author, changes(revision), reason]
        };
        let rows = list.as_array().into_iter().flatten().map(row);
        table(&["REVISION", "WHEN", "AUTHOR", "CHANGES", "REASON"], rows)
    })
}

/// The changes of a revision in a few words.
pub(super) fn changes(revision: &Value) -> String {
    let changes = revision.get("changes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let name =
        |change: &Value| format!("{} {}/{}", text(change, "op"), text(change, "kind"), text(change, "name"));
    let mut named: Vec<_> = changes.iter().take(NAMED_MAX).map(name).collect();
    // Of many changes a server lists the first, and their count.
    let count = revision.get("changes_count").and_then(Value::as_u64).unwrap_or(changes.len() as u64);
    let more = count.saturating_sub(named.len() as u64);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}
