//! `log`: what a replica does about a log that is not the one that it followed.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, text};

/// The commands of `log`.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Make the replica follow the log as it is now: it reads everything again, and its served revision may go back.
    /// For a log that was restored or that lost revisions (log_diverged); run it for each replica.
    Adopt {
        /// The reason, shown in the history.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

pub(super) async fn run(client: &ServerClient, output: &Output, command: LogCommand) -> Result<(), Failure> {
    let LogCommand::Adopt { reason } = command;
    let url = client.url(&["api", "v1", "log", "adopt"], &[]);
    let answer =
        client.send(Method::POST, url, RequestBody::Json(json!({ "reason": reason })), &[]).await?.body;
    output.data(&answer, || format!("log adopted: revision {} is served\n", text(&answer, "to")))
}
