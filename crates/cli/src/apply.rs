//! `apply`: the documents of files into the log, as one revision.

use std::path::PathBuf;

use clap::Args;
use midflight_client::wire::edits::WriteAnswer;
use midflight_client::{Answer, Client, InvalidDocuments};
use midflight_core::cut_reason;

use super::fail::Failure;
use super::files::{self, Documents};
use super::output::Output;
use super::write::{WriteArgs, show};

/// The flags of `apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// A YAML, JSON or TOML file, a directory of them, or - for stdin; may be given several times.
    #[arg(long = "file", short = 'f', required = true, num_args = 1.., value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &Client, output: &Output, mut args: ApplyArgs) -> Result<(), Failure> {
    let documents = files::read(&args.files)?;
    if args.write.reason.is_empty() {
        let files: Vec<_> = args.files.iter().map(|file| file.display().to_string()).collect();
        args.write.reason = cut_reason(format!("apply {}", files.join(" ")));
    }
    documents.check_not_empty()?;
    put(client, output, &documents, &args.write).await.map(drop)
}

/// Puts documents as one revision, tells what became of it, and gives the answer.
pub(super) async fn put(
    client: &Client,
    output: &Output,
    documents: &Documents,
    write: &WriteArgs,
) -> Result<Answer<WriteAnswer>, Failure> {
    let options = write.options();
    let import = client.import(documents.to_body(), InvalidDocuments::Refuse, &options);
    let answer = write.made(import).await.map_err(|failure| documents.placed(failure))?;
    show(client, output, &answer, documents.are_yaml()).await?;
    Ok(answer)
}
