//! `audit`: who did what, from where, and what came of it.

use clap::{Args, Subcommand};
use midflight_client::wire::audit::AuditItem;
use midflight_client::{AuditFilter, Client};

use super::columns::{TableColumn, optional};
use super::fail::Failure;
use super::output::Output;
use super::progress::Waiting;

const ENTRIES: &[TableColumn<AuditItem>] = &[
    TableColumn::new("AT", |entry| entry.at.clone()),
    TableColumn::new("ACTOR", |entry| entry.actor.clone()),
    TableColumn::new("ACTION", |entry| entry.action.clone()),
    TableColumn::new("OUTCOME", |entry| match &entry.code {
        Some(code) => format!("{} ({code})", entry.outcome),
        None => entry.outcome.clone(),
    }),
    TableColumn::new("COUNT", |entry| entry.count.to_string()),
    TableColumn::new("FROM", |entry| optional(entry.from.as_ref())),
    TableColumn::new("REVISION", |entry| optional(entry.revision)),
    TableColumn::wide("ROLE", |entry| entry.role.clone()),
    TableColumn::wide("TARGET", |entry| entry.target.clone()),
    TableColumn::wide("REPLICA", |entry| entry.replica.clone()),
    TableColumn::wide("REQUEST", |entry| optional(entry.request_id.as_ref())),
];

/// The commands of `audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List the entries of the audit, the newest first.
    List(ListArgs),
    /// Write all entries as JSON lines, the newest first.
    Export(FilterArgs),
}

/// The flags of `audit list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// The maximum number.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Which entries.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only entries of this actor.
    #[arg(long, default_value = "", hide_default_value = true)]
    actor: String,
    /// Only entries of this method and route, as "PUT /api/v1/documents/{kind}/{name}".
    #[arg(long, default_value = "", hide_default_value = true)]
    action: String,
    /// Only entries with this outcome: success, refused or failed.
    #[arg(long, default_value = "", hide_default_value = true)]
    outcome: String,
    /// Only entries from this time on, as 2026-01-31T03:00:00Z.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TIME")]
    since: String,
    /// Only entries before this time.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TIME")]
    until: String,
}

impl FilterArgs {
    fn filter(self) -> AuditFilter {
        let Self { actor, action, outcome, since, until } = self;
        AuditFilter { actor, action, outcome, since, until }
    }
}

pub(super) async fn run(client: &Client, output: &Output, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => {
            let found = client.audit(&args.filter.filter(), args.limit).await?;
            output.list(&found, found.iter().map(|it| &**it), ENTRIES, |entry| entry.number.to_string())
        }
        AuditCommand::Export(filter) => {
            let mut download = client.audit_export(&filter.filter()).await?;
            let (waiting, mut received) = (Waiting::new("reading the audit"), 0);
            while let Some(part) = download.next().await? {
                output.raw(&part)?;
                received += part.len() as u64;
                waiting.received("reading the audit", received);
            }
            Ok(())
        }
    }
}
