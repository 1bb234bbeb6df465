//! `log`: what a replica does about a log that is not the one that it followed.

use clap::Subcommand;
use midflight_client::Client;
use midflight_client::wire::log::AdoptRequest;

use super::fail::Failure;
use super::output::Output;

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

pub(super) async fn run(client: &Client, output: &Output, command: LogCommand) -> Result<(), Failure> {
    let LogCommand::Adopt { reason } = command;
    let answer = client.adopt_log(&AdoptRequest { reason }).await?;
    output.data(&answer, || format!("log adopted: revision {} is served\n", answer.to))
}
