//! `restore`: an earlier state back, as a new revision.

use clap::Args;
use midflight_core::{DocumentName, KindName};
use reqwest::Method;
use serde_json::json;

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The revision to return to.
    revision: u64,
    /// Only documents of this kind.
    #[arg(long)]
    kind: Option<KindName>,
    /// Only this document of the kind, and those below it: loans is the ruleset and its rules.
    #[arg(long, requires = "kind")]
    name: Option<DocumentName>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: RestoreArgs) -> Result<(), Failure> {
    let revision = args.revision.to_string();
    let url = client.url(&["api", "v1", "revisions", &revision, "restore"], &args.write.query());
    let body = json!({
        "kind": args.kind.map(|kind| kind.to_string()),
        "name": args.name.map(|name| name.to_string()),
    });
    let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?;
    tell(output, &answer.body)
}
