//! `apply`: the documents of files into the log, as one revision.

use std::path::PathBuf;

use clap::Args;
use midflight_core::cut_reason;
use reqwest::Method;
use serde_json::Value;

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::files::{self, Documents};
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// A YAML, JSON or TOML file, a directory of them, or - for stdin; may be given several times.
    #[arg(long = "file", short = 'f', required = true, num_args = 1.., value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &ServerClient, output: &Output, mut args: ApplyArgs) -> Result<(), Failure> {
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
    client: &ServerClient,
    output: &Output,
    documents: &Documents,
    write: &WriteArgs,
) -> Result<Value, Failure> {
    let url = client.url(&["api", "v1", "import"], &write.query());
    let body = RequestBody::Bytes("application/json", documents.to_body());
    let answer = client.send(Method::POST, url, body, &[]).await;
    let answer = answer.map_err(|failure| documents.placed(failure))?.body;
    tell(output, &answer)?;
    Ok(answer)
}
