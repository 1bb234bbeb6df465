//! `audit`: who did what, from where, and what came of it.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::ServerClient;
use super::fail::Failure;
use super::output::{Output, table, text};

/// The commands of `audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List what was done and refused, the newest first.
    List(ListArgs),
    /// Write all of it as JSON lines, the newest first.
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
    /// Only of who has this name.
    #[arg(long, default_value = "", hide_default_value = true)]
    actor: String,
    /// Only of this method and route, as "PUT /api/v1/documents/{kind}/{name}".
    #[arg(long, default_value = "", hide_default_value = true)]
    action: String,
    /// Only those that ended so: success, refused or failed.
    #[arg(long, default_value = "", hide_default_value = true)]
    outcome: String,
    /// Only from this time on, as 2026-01-31T03:00:00Z.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TIME")]
    since: String,
    /// Only from before this time.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TIME")]
    until: String,
}

impl FilterArgs {
    fn query(self) -> [(&'static str, String); 5] {
        let Self { actor, action, outcome, since, until } = self;
        [("actor", actor), ("action", action), ("outcome", outcome), ("since", since), ("until", until)]
    }
}

pub(super) async fn run(
    client: &ServerClient,
    output: &Output,
    command: AuditCommand,
) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list(client, output, args).await,
        AuditCommand::Export(filter) => export(client, output, filter).await,
    }
}

async fn list(client: &ServerClient, output: &Output, args: ListArgs) -> Result<(), Failure> {
    let mut found = client.up_to(&["api", "v1", "audit"], &args.filter.query(), args.limit).await?;
    found.truncate(args.limit);
    let list = Value::from(found);
    output.data(&list, || {
        let rows = list.as_array().into_iter().flatten().map(|entry| {
            let outcome = match text(entry, "code") {
                code if code.is_empty() => text(entry, "outcome"),
                code => format!("{} ({code})", text(entry, "outcome")),
            };
            let [at, actor, action, from, revision] =
                ["at", "actor", "action", "from", "revision"].map(|key| text(entry, key));
            [at, actor, action, outcome, from, revision]
        });
        table(&["AT", "ACTOR", "ACTION", "OUTCOME", "FROM", "REVISION"], rows)
    })
}

async fn export(client: &ServerClient, output: &Output, filter: FilterArgs) -> Result<(), Failure> {
    let mut response =
        client.open(client.url(&["api", "v1", "audit", "export"], &filter.query()), &[]).await?;
    while let Some(part) = response.chunk().await.map_err(|error| client.unreachable(&error))? {
        output.raw(&part)?;
    }
    Ok(())
}
