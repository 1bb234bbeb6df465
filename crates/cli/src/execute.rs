//! `execute`: a ruleset on an input.

use std::path::Path;

use clap::Args;
use midflight_client::Client;
use midflight_client::wire::rules::{EvaluationAnswer, ExecuteBody, ExecutionAnswer};
use serde_json::Value;

use super::columns::{Detail, TableColumn, list_text, optional, record};
use super::fail::Failure;
use super::files;
use super::output::Output;

const EVALUATIONS: &[TableColumn<EvaluationAnswer<'static>>] = &[
    TableColumn::new("RULE", |one| one.rule_id.to_string()),
    TableColumn::new("OUTCOME", |one| one.outcome.to_string()),
    TableColumn::new("POINT", |one| one.rule_point.to_string()),
    TableColumn::new("WEIGHT", |one| one.weight.to_string()),
    TableColumn::new("CONDITION", |one| one.condition.clone()),
    TableColumn::new("DETAIL", |one| optional(one.detail.as_ref())),
];

/// The flags of `execute`.
#[derive(Debug, Args)]
pub(super) struct ExecuteArgs {
    /// The ruleset; by default the default one.
    ruleset: Option<String>,
    /// The input: JSON, @FILE, or - for stdin.
    #[arg(long, short, value_name = "JSON|@FILE|-")]
    data: String,
    /// Show the result of each rule.
    #[arg(long)]
    explain: bool,
}

pub(super) async fn run(client: &Client, output: &Output, args: ExecuteArgs) -> Result<(), Failure> {
    let body = ExecuteBody {
        ruleset: args.ruleset,
        ruleset_id: None,
        correlation_id: None,
        data: data(&args.data)?,
        rule_ids: None,
        dry_run: false,
        explain: args.explain,
    };
    let answer = client.execute(&body).await?;
    output.data(&answer, || text(&answer))
}

fn text(answer: &ExecutionAnswer<'static>) -> String {
    let mut text = record([
        ("ruleset", answer.ruleset.to_string()),
        ("pattern_result", answer.pattern_result.clone()),
        ("action_recommendation", optional(answer.action_recommendation.as_ref())),
        ("total_points", answer.total_points.to_string()),
        ("rules_matched", answer.rules_matched.to_string()),
        ("rules_executed", answer.rules_executed.to_string()),
        ("revision", answer.revision.to_string()),
    ]);
    if let Some(evaluations) = &answer.rule_evaluations {
        text += "\n";
        text += &list_text(EVALUATIONS, evaluations, Detail::of_terminal());
    }
    text
}

fn data(given: &str) -> Result<Value, Failure> {
    let (from, text) = match (given, given.strip_prefix('@')) {
        ("-", _) => ("stdin", files::text(Path::new("-"))?),
        (_, Some(file)) => (file, files::text(Path::new(file))?),
        _ => ("--data", given.to_owned()),
    };
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("{from} is not JSON: {error}");
        if from == "--data" { Failure::usage(message) } else { Failure::failed(message) }
    })
}
