//! `delete`: documents out of the current state, as one revision.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::Client;
use midflight_client::wire::edits::{ApplyRequest, ChangeRequest, OpWord};
use midflight_core::DocumentId;

use super::complete;
use super::fail::Failure;
use super::get::check_is_of_log;
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The documents, as rules/loans/R1.
    #[arg(required = true, value_name = "KIND/NAME", add = ArgValueCompleter::new(complete::document_ids))]
    documents: Vec<DocumentId>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &Client, output: &Output, args: DeleteArgs) -> Result<(), Failure> {
    let mut request = ApplyRequest { changes: Vec::new(), reason: String::new() };
    for id in &args.documents {
        // A document that is not there is a slip of the pen, and one that changes meanwhile is not what was meant.
        let found = client.document(id).await?;
        check_is_of_log(&found)?;
        request.changes.push(ChangeRequest {
            op: OpWord::Delete,
            kind: id.kind.to_string(),
            name: id.name.to_string(),
            body: None,
            if_version: found.version,
        });
    }
    let options = args.write.options();
    let answer = args.write.made(client.apply(&request, &options)).await?;
    tell(client, output, &answer).await
}
