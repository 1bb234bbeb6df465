//! `delete`: documents out of the current state, as one revision.

use clap::Args;
use midflight_core::DocumentId;
use reqwest::Method;
use serde_json::json;

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::get::newest;
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The documents, as rules/loans/R1.
    #[arg(required = true, value_name = "KIND/NAME")]
    documents: Vec<DocumentId>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: DeleteArgs) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for id in &args.documents {
        let (kind, name) = (id.kind.as_str(), id.name.as_str());
        // A document that is not there is a slip of the pen, and one that changes meanwhile is not what was meant.
        let found = newest(client, id).await?.body;
        changes.push(json!({ "op": "delete", "kind": kind, "name": name, "if_version": found["version"] }));
    }
    let url = client.url(&["api", "v1", "apply"], &args.write.query());
    let body = RequestBody::Json(json!({ "changes": changes }));
    let answer = client.send(Method::POST, url, body, &[]).await?;
    tell(output, &answer.body)
}
