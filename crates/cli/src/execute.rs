//! `execute`: a ruleset on an input.

use std::path::Path;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::files;
use super::output::{Output, table, text};

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

pub(super) async fn run(client: &ServerClient, output: &Output, args: ExecuteArgs) -> Result<(), Failure> {
    let data = data(&args.data)?;
    let url = client.url(&["api", "v1", "rules", "execute"], &[]);
    let body = json!({ "ruleset": args.ruleset, "data": data, "explain": args.explain });
    let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body;
    output.data(&answer, || {
        let keys = [
            "ruleset",
            "pattern_result",
            "action_recommendation",
            "total_points",
            "rules_matched",
            "rules_executed",
            "revision",
        ];
        let mut messages =
            table(&["", ""], keys.map(|key| [key.to_owned(), text(&answer, key)])).trim_start().to_owned();
        if let Some(evaluations) = answer.get("rule_evaluations").and_then(Value::as_array) {
            let keys = ["rule_id", "outcome", "rule_point", "weight", "condition", "detail"];
            let rows = evaluations.iter().map(|one| keys.map(|key| text(one, key)));
            messages += "\n";
            messages += &table(&["RULE", "OUTCOME", "POINT", "WEIGHT", "CONDITION", "DETAIL"], rows);
        }
        messages
    })
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
