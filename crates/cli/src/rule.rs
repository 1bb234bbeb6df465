//! `rule`: rulesets listed and executed.

use clap::Subcommand;
use midflight_client::Client;
use midflight_client::wire::rules::RulesetInfoAnswer;

use super::columns::{TableColumn, optional};
use super::execute::{self, ExecuteArgs};
use super::fail::Failure;
use super::output::Output;

const RULESETS: &[TableColumn<RulesetInfoAnswer>] = &[
    TableColumn::new("RULESET", |ruleset| ruleset.ruleset.clone()),
    TableColumn::new("NAME", |ruleset| optional(ruleset.name.as_ref())),
    TableColumn::new("STATUS", |ruleset| ruleset.status.clone()),
    TableColumn::new("DEFAULT", |ruleset| if ruleset.default { "yes".to_owned() } else { String::new() }),
    TableColumn::new("RULES", |ruleset| ruleset.rule_count.to_string()),
    TableColumn::new("ACTIVE", |ruleset| ruleset.active_rule_count.to_string()),
];

/// The commands of `rule`.
#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    /// List the rulesets.
    List,
    /// Execute a ruleset on an input.
    Execute(ExecuteArgs),
}

pub(super) async fn run(client: &Client, output: &Output, command: RuleCommand) -> Result<(), Failure> {
    match command {
        RuleCommand::List => {
            let found = client.rulesets().await?;
            output.list(&found, found.iter().map(|it| &**it), RULESETS, |ruleset| ruleset.ruleset.clone())
        }
        RuleCommand::Execute(args) => execute::run(client, output, args).await,
    }
}
