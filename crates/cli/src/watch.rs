//! `watch`: revisions as they go live, over lost connections too; none missed, none twice.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::wire::log::WatchedRevision;
use midflight_client::{Answer, Client, ClientError, WatchEvent};
use midflight_core::KindName;

use super::columns::optional;
use super::complete;
use super::fail::Failure;
use super::history::changes;
use super::output::{Output, OutputFormat, eprint_status, printable};

/// The flags of `watch`.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Begin after this revision; by default with the next one.
    #[arg(long, value_name = "REVISION")]
    since: Option<u64>,
    /// Only revisions that change a document of this kind.
    #[arg(long, add = ArgValueCompleter::new(complete::kind_names))]
    kind: Option<KindName>,
}

pub(super) async fn run(client: &Client, output: &Output, args: &WatchArgs) -> Result<(), Failure> {
    let mut watch = client.watch(args.since, args.kind.clone());
    loop {
        match watch.next().await {
            Ok(Some(WatchEvent::Revision(revision))) => show(output, &revision)?,
            Ok(Some(WatchEvent::Disconnected { after })) => {
                let after = optional(after);
                eprint_status(&format!("disconnected after revision {after}; reconnecting"));
            }
            Ok(Some(WatchEvent::Reconnected)) => eprint_status("reconnected"),
            Ok(Some(WatchEvent::LogAdopted) | None) => {
                let message = "the server now follows another log; start again with: watch --since 0";
                return Err(Failure::failed(message));
            }
            Ok(Some(_)) => {}
            Err(error) => return Err(ended(error)),
        }
    }
}

/// Why the server does not continue, with where to begin when that is known.
fn ended(error: ClientError) -> Failure {
    if let Some(first) = error.problem().and_then(|problem| problem.first_revision) {
        eprint_status(&format!(
            "the log begins at revision {first}: watch --since {}",
            first.saturating_sub(1)
        ));
    }
    error.into()
}

fn show(output: &Output, watched: &Answer<WatchedRevision>) -> Result<(), Failure> {
    let revision = &watched.revision;
    match output.format() {
        OutputFormat::Json => output.line(watched.json().get()),
        OutputFormat::Yaml => {
            output.line("---")?;
            output.data(watched, String::new)
        }
        OutputFormat::Name => output.line(&revision.number.to_string()),
        OutputFormat::Table | OutputFormat::Wide => {
            let (number, when, author) = (revision.number, &revision.created_at, &revision.author);
            let reason = match revision.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            let mark = if watched.quarantined { "  [quarantined: not live on this replica]" } else { "" };
            let line = format!("{number}  {when}  {author}: {}{reason}{mark}", changes(revision));
            output.line(&printable(&line))
        }
    }
}
