//! `diff`: what files would change, or what a revision changed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use midflight_client::Client;
use midflight_client::wire::log::RevisionDiff;
use midflight_core::RevisionNumber;

use super::apply::put;
use super::diffs;
use super::fail::Failure;
use super::files;
use super::output::{Output, OutputFormat, eprint_status};
use super::write::WriteArgs;

/// The flags of `diff`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["revision", "files"]))]
pub(super) struct DiffArgs {
    /// A revision.
    revision: Option<u64>,
    /// The revision to compare with; by default the one before.
    #[arg(long, requires = "revision", value_name = "REVISION")]
    against: Option<u64>,
    /// A YAML, JSON or TOML file, a directory of them, or - for stdin; may be given several times.
    #[arg(long = "file", short = 'f', num_args = 1.., value_name = "PATH")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(client: &Client, output: &Output, args: DiffArgs) -> Result<(), Failure> {
    let is_different = match args.revision {
        Some(revision) => revisions(client, output, revision, args.against).await?,
        None => {
            let documents = files::read(&args.files)?;
            documents.check_not_empty()?;
            // Looking is not an attempt to change documents of other owners.
            let write = WriteArgs { dry_run: true, take_over: true, ..WriteArgs::default() };
            put(client, output, &documents, &write).await?.outcome != "unchanged"
        }
    };
    // As `diff` of files does: exit code 1 when there are differences.
    if is_different { Err(Failure::Different) } else { Ok(()) }
}

/// Prints what a revision changed, and says whether there is anything.
async fn revisions(
    client: &Client,
    output: &Output,
    revision: u64,
    against: Option<u64>,
) -> Result<bool, Failure> {
    let against = against.map(RevisionNumber::new);
    let mut whole: Option<RevisionDiff> = None;
    loop {
        let cursor = whole.as_ref().and_then(|whole| whole.next_cursor.clone());
        let page = client.revision_diff(RevisionNumber::new(revision), against, cursor.as_deref()).await?;
        let page = page.into_value();
        let whole = match &mut whole {
            None => whole.insert(page),
            Some(whole) => {
                whole.documents.extend(page.documents);
                whole.next_cursor = page.next_cursor;
                whole
            }
        };
        if whole.next_cursor.is_none() {
            break;
        }
    }
    let Some(whole) = whole else { return Ok(false) };
    if whole.documents.is_empty() {
        eprint_status("no differences");
    }
    match output.format() {
        OutputFormat::Table | OutputFormat::Wide => {
            let text = diffs::as_yaml(client, &whole.documents, RevisionNumber::new(whole.against)).await?;
            output.diff(&text)?;
        }
        _ => output.data(&whole, || {
            whole.documents.iter().map(|diff| format!("{}/{}\n", diff.kind, diff.name)).collect()
        })?,
    }
    Ok(!whole.documents.is_empty())
}
