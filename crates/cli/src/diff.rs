//! `diff`: what files would change, or what a revision changed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::apply::put;
use super::client::ServerClient;
use super::fail::Failure;
use super::files;
use super::output::{Output, eprint_status, text};
use super::write::{WriteArgs, diff_text};

/// The flags of `diff`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["revision", "files"]))]
pub(super) struct DiffArgs {
    /// A revision.
    revision: Option<u64>,
    /// The revision to compare with; by default the one before.
    #[arg(long, requires = "revision", value_name = "REVISION")]
    against: Option<u64>,
    /// A YAML or JSON file, a directory of them, or - for stdin; may be given several times.
    #[arg(long = "file", short = 'f', num_args = 1.., value_name = "PATH")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: DiffArgs) -> Result<(), Failure> {
    let Some(revision) = args.revision else {
        let documents = files::read(&args.files)?;
        documents.check_not_empty()?;
        // Looking is not an attempt to change documents of other owners.
        let write = WriteArgs { dry_run: true, take_over: true, ..WriteArgs::default() };
        let answer = put(client, output, &documents, &write).await?;
        return ended(text(&answer, "outcome") != "unchanged");
    };
    let revision = revision.to_string();
    let against = args.against.map(|against| against.to_string()).unwrap_or_default();
    let mut answer = Value::Null;
    let mut cursor = String::new();
    loop {
        let query = [("against", against.clone()), ("text", "true".to_owned()), ("cursor", cursor)];
        let page = client.get(&["api", "v1", "revisions", &revision, "diff"], &query).await?.body;
        cursor = text(&page, "next_cursor");
        add(&mut answer, page);
        if cursor.is_empty() {
            break;
        }
    }
    let diffs = answer.get("documents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if diffs.is_empty() {
        eprint_status("nothing differs");
    }
    output.data(&answer, || diff_text(diffs))?;
    ended(!diffs.is_empty())
}

/// As `diff` of files does: exit code 1 when there are differences.
fn ended(is_different: bool) -> Result<(), Failure> {
    if is_different { Err(Failure::Different) } else { Ok(()) }
}

/// Adds the documents of a page to those before.
fn add(answer: &mut Value, mut page: Value) {
    let more = page.get_mut("documents").map(Value::take);
    match (answer.get_mut("documents"), more) {
        (Some(Value::Array(documents)), Some(Value::Array(more))) => documents.extend(more),
        (_, more) => {
            if let (Some(documents), Some(more)) = (page.get_mut("documents"), more) {
                *documents = more;
            }
            *answer = page;
        }
    }
    if let Some(members) = answer.as_object_mut() {
        // All pages are one answer.
        members.insert("next_cursor".to_owned(), Value::Null);
    }
}
