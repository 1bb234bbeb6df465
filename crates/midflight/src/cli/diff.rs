//! `diff`: what files would change, or what a revision changed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::apply::put;
use super::client::Client;
use super::fail::Failure;
use super::files;
use super::output::{Output, talk};
use super::write::{WriteArgs, diff_text};

/// The flags of `diff`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["revision", "files"]))]
pub(super) struct DiffArgs {
    /// A revision.
    revision: Option<u64>,
    /// The revision to compare with; the one before unless said.
    #[arg(long, requires = "revision", value_name = "REVISION")]
    against: Option<u64>,
    /// A YAML or JSON file, a directory of them, or - for stdin; may be given several times.
    #[arg(long = "file", short = 'f', num_args = 1.., value_name = "PATH")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(client: &Client, output: &Output, args: DiffArgs) -> Result<(), Failure> {
    let Some(revision) = args.revision else {
        let documents = files::read(&args.files)?;
        documents.check_not_empty()?;
        // To look is no attempt to change what belongs to somebody else.
        let write = WriteArgs { dry_run: true, take_over: true, ..WriteArgs::default() };
        return put(client, output, &documents, &write).await;
    };
    let revision = revision.to_string();
    let against = args.against.map(|against| against.to_string()).unwrap_or_default();
    let answer =
        client.get(&["api", "v1", "revisions", &revision, "diff"], &[("against", against)]).await?.body;
    let diffs = answer.get("documents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if diffs.is_empty() {
        talk("nothing differs");
    }
    output.data(&answer, || diff_text(diffs))
}
