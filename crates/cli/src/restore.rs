//! `restore`: an earlier state back, as a new revision.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::Client;
use midflight_client::wire::log::RestoreRequest;
use midflight_core::{DocumentName, KindName, RevisionNumber};

use super::complete;
use super::fail::Failure;
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The revision to return to.
    revision: u64,
    /// Only documents of this kind.
    #[arg(long, add = ArgValueCompleter::new(complete::kind_names))]
    kind: Option<KindName>,
    /// Only this document of the kind, and those below it: loans is the ruleset and its rules.
    #[arg(long, requires = "kind")]
    name: Option<DocumentName>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &Client, output: &Output, args: RestoreArgs) -> Result<(), Failure> {
    let request = RestoreRequest {
        kind: args.kind.map(|kind| kind.to_string()),
        name: args.name.map(|name| name.to_string()),
        ..RestoreRequest::default()
    };
    let options = args.write.options();
    let restore = client.restore(RevisionNumber::new(args.revision), &request, &options);
    let answer = args.write.made(restore).await?;
    tell(client, output, &answer).await
}
