//! `tool`: the catalogue listed, searched, imported, exported, compared and rolled back.

mod import;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use midflight_client::wire::tools::{
    ComparedVersion, EvaluateBody, FoundTool, LintItem, RollbackBody, ToolAnswer, ToolDetail,
    ToolDifferenceAnswer, VersionItem,
};
use midflight_client::{Answer, Client, DocumentId, ToolFilter, ToolSwitch};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::columns::{TableColumn, optional, record, table};
use super::fail::Failure;
use super::output::{Output, eprint_status, printable};
use super::select::{self, SelectArgs, variable};
use super::write::{WriteArgs, tell};
use import::{ToolImportArgs, ValidateArgs};

/// The commands of `tool`.
#[derive(Debug, Subcommand)]
pub(super) enum ToolCommand {
    /// List tools.
    List(ToolListArgs),
    /// Find tools by words, the best first.
    Search(SearchArgs),
    /// Select the best tool for a task, with the reasons.
    Select(Box<SelectArgs>),
    /// Show a tool with its document.
    Show(NameArgs),
    /// List the versions of a tool, the newest first.
    Versions(NameArgs),
    /// Validate the tools of files; nothing is changed.
    Validate(ValidateArgs),
    /// Lint the texts of the served tools for instructions to a model.
    Lint(LintArgs),
    /// Put the tools of files into the catalogue, as one revision.
    Import(ToolImportArgs),
    /// Write tools as YAML that imports as the same tools.
    Export(ToolExportArgs),
    /// Roll a tool back to an earlier version, as a new revision.
    Rollback(ToolRollbackArgs),
    /// Classify the change of a tool for its users: breaking, compatible or wording.
    Diff(ToolDiffArgs),
    /// Enable tools.
    Enable(SwitchArgs),
    /// Disable tools: they are not offered to selections and agents.
    Disable(SwitchArgs),
    /// Mark tools as deprecated.
    Deprecate(SwitchArgs),
    /// Evaluate an expression of an estimate or a condition of a tool.
    Evaluate(EvaluateArgs),
}

/// The flags of `tool list`.
#[derive(Debug, Args)]
pub(super) struct ToolListArgs {
    /// Only those of this platform.
    #[arg(long, default_value = "", hide_default_value = true)]
    platform: String,
    /// Only those of this category.
    #[arg(long, default_value = "", hide_default_value = true)]
    category: String,
    /// Only those of this status: active, deprecated, disabled, testing or draft.
    #[arg(long, default_value = "", hide_default_value = true)]
    status: String,
    /// Only those that are enabled, or disabled.
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// The maximum number.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

/// The flags of `tool search`.
#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// The words to search for.
    query: String,
    /// The maximum number, up to 500.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// The name of a tool.
#[derive(Debug, Args)]
pub(super) struct NameArgs {
    /// The tool.
    name: String,
}

/// The flags of `tool lint`.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Only this tool.
    #[arg(default_value = "", hide_default_value = true)]
    name: String,
}

/// The flags of `tool export`.
#[derive(Debug, Args)]
pub(super) struct ToolExportArgs {
    /// The tools; by default all of them.
    names: Vec<String>,
}

/// The flags of `tool rollback`.
#[derive(Debug, Args)]
pub(super) struct ToolRollbackArgs {
    /// The tool.
    name: String,
    /// The version to go back to, as `tool versions` lists it.
    #[arg(long, required_unless_present = "revision", conflicts_with = "revision", value_name = "VERSION")]
    to: Option<String>,
    /// The revision to return to.
    #[arg(long)]
    revision: Option<u64>,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `tool diff`.
#[derive(Debug, Args)]
pub(super) struct ToolDiffArgs {
    /// The tool.
    name: String,
    /// The version before: as `tool versions` lists it, or a revision as r42; by default the one before `--to`.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "VERSION")]
    from: String,
    /// The version after; by default the newest.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "VERSION")]
    to: String,
}

/// The flags of `tool enable`, `tool disable` and `tool deprecate`.
#[derive(Debug, Args)]
pub(super) struct SwitchArgs {
    /// The tools.
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `tool evaluate`.
#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// The expression or the condition, as "200 + 5 * N".
    expression: String,
    /// The value of a variable, as N=250; may be repeated.
    #[arg(long = "set", value_name = "VARIABLE=NUMBER", value_parser = variable)]
    variables: Vec<(String, Number)>,
}

const TOOLS: &[TableColumn<ToolAnswer>] = &[
    TableColumn::new("TOOL", |tool| tool.tool_name.clone()),
    TableColumn::new("VERSION", |tool| tool.version.clone()),
    TableColumn::new("PLATFORM", |tool| optional(tool.platform.as_ref())),
    TableColumn::new("CATEGORY", |tool| optional(tool.category.as_ref())),
    TableColumn::new("STATUS", |tool| tool.status.clone()),
    TableColumn::new("ENABLED", |tool| tool.enabled.to_string()),
    TableColumn::wide("UPDATED", |tool| optional(tool.updated_at.as_ref())),
    TableColumn::wide("BY", |tool| optional(tool.updated_by.as_ref())),
    TableColumn::wide("DESCRIPTION", |tool| tool.description.clone()),
];

const FOUND: &[TableColumn<FoundTool>] = &[
    TableColumn::new("TOOL", |found| found.tool.tool_name.clone()),
    TableColumn::new("SCORE", |found| format!("{:.2}", found.score.unwrap_or_default())),
    TableColumn::new("DESCRIPTION", |found| found.tool.description.clone()),
];

const VERSIONS: &[TableColumn<VersionItem>] = &[
    TableColumn::new("VERSION", |version| version.version.clone()),
    TableColumn::new("STATUS", |version| version.status.clone()),
    TableColumn::new("ENABLED", |version| version.enabled.to_string()),
    TableColumn::new("LATEST", |version| version.is_latest.to_string()),
    TableColumn::new("REVISION", |version| version.revision.to_string()),
    TableColumn::new("UPDATED", |version| version.updated_at.clone()),
    TableColumn::new("BY", |version| version.updated_by.clone()),
    TableColumn::new("REASON", |version| version.reason.clone()),
];

const LINTS: &[TableColumn<LintItem>] = &[
    TableColumn::new("TOOL", |lint| lint.tool_name.clone()),
    TableColumn::new("RULE", |lint| lint.rule.to_string()),
    TableColumn::new("PLACE", |lint| lint.path.clone()),
    TableColumn::new("MESSAGE", |lint| lint.message.clone()),
];

const DIFFERENCES: &[TableColumn<ToolDifferenceAnswer>] = &[
    TableColumn::new("IMPACT", |one| one.impact.to_string()),
    TableColumn::new("PLACE", |one| one.path.clone()),
    TableColumn::new("DIFFERENCE", |one| one.message.clone()),
];

pub(super) async fn run(client: &Client, output: &Output, command: ToolCommand) -> Result<(), Failure> {
    match command {
        ToolCommand::List(args) => list(client, output, args).await,
        ToolCommand::Search(args) => search(client, output, &args).await,
        ToolCommand::Select(args) => select::run(client, output, *args).await,
        ToolCommand::Show(args) => show(client, output, &args).await,
        ToolCommand::Versions(args) => versions(client, output, &args).await,
        ToolCommand::Validate(args) => import::validate(client, output, &args).await,
        ToolCommand::Lint(args) => lint(client, output, &args).await,
        ToolCommand::Import(args) => import::run(client, output, args).await,
        ToolCommand::Export(args) => export(client, output, &args).await,
        ToolCommand::Rollback(args) => rollback(client, output, args).await,
        ToolCommand::Diff(args) => diff(client, output, &args).await,
        ToolCommand::Enable(args) => switch(client, output, &args, ToolSwitch::Enable).await,
        ToolCommand::Disable(args) => switch(client, output, &args, ToolSwitch::Disable).await,
        ToolCommand::Deprecate(args) => switch(client, output, &args, ToolSwitch::Deprecate).await,
        ToolCommand::Evaluate(args) => evaluate(client, output, args).await,
    }
}

async fn list(client: &Client, output: &Output, args: ToolListArgs) -> Result<(), Failure> {
    let ToolListArgs { platform, category, status, enabled, limit } = args;
    let found = client.tools(&ToolFilter { platform, category, status, enabled }, limit).await?;
    output.list(&found, found.iter().map(|it| &**it), TOOLS, |tool| tool.tool_name.clone())
}

async fn search(client: &Client, output: &Output, args: &SearchArgs) -> Result<(), Failure> {
    let answer = client.search_tools(&args.query, args.limit).await?;
    output.list(&answer, &answer.results, FOUND, |found| found.tool.tool_name.clone())
}

/// A tool with its document.
#[derive(Debug, Serialize)]
struct ShownTool<'a> {
    #[serde(flatten)]
    tool: &'a Value,
    body: Value,
}

/// What a tool's document states, as far as it is shown.
#[derive(Debug, Deserialize)]
struct ShownToolBody {
    #[serde(default)]
    capabilities: BTreeMap<String, CapabilityBody>,
}

#[derive(Debug, Deserialize)]
struct CapabilityBody {
    #[serde(default)]
    patterns: BTreeMap<String, PatternEstimates>,
}

/// Estimates are numbers or formulas.
#[derive(Debug, Deserialize)]
struct PatternEstimates {
    time_estimate_ms: Option<Value>,
    cost_estimate: Option<Value>,
    complexity_score: Option<Value>,
}

async fn show(client: &Client, output: &Output, args: &NameArgs) -> Result<(), Failure> {
    let tool = client.tool(&args.name).await?;
    let invalid =
        |error: &dyn std::fmt::Display| Failure::failed(format!("the server sent an invalid tool: {error}"));
    let id = DocumentId::new("tools", &tool.tool.document).map_err(|error| invalid(&error))?;
    let document = client.document(&id).await?;
    let body = serde_json::from_str(document.body.get()).map_err(|error| invalid(&error))?;
    let sent = serde_json::to_value(&tool).map_err(|error| invalid(&error))?;
    let shown = ShownTool { tool: &sent, body };
    output.data(&shown, || tool_text(&tool, &shown.body))
}

fn tool_text(detail: &Answer<ToolDetail>, body: &Value) -> String {
    let tool = &detail.tool;
    let text = record([
        ("tool_name", tool.tool_name.clone()),
        ("version", tool.version.clone()),
        ("status", tool.status.clone()),
        ("enabled", tool.enabled.to_string()),
        ("platform", optional(tool.platform.as_ref())),
        ("category", optional(tool.category.as_ref())),
        ("description", tool.description.clone()),
        ("created_at", optional(tool.created_at.as_ref())),
        ("created_by", optional(tool.created_by.as_ref())),
        ("updated_at", optional(tool.updated_at.as_ref())),
        ("updated_by", optional(tool.updated_by.as_ref())),
    ]);
    text + "\n" + &table(&["CAPABILITY", "PATTERN", "TIME MS", "COST", "COMPLEXITY"], estimates(body))
}

/// The patterns of a tool's document, with what they state of time and cost.
fn estimates(body: &Value) -> Vec<[String; 5]> {
    let shown = |value: &Option<Value>| match value {
        Some(Value::String(formula)) => formula.clone(),
        other => optional(other.as_ref()),
    };
    // A document of a newer version may have another form; it is then shown as JSON only.
    let body = ShownToolBody::deserialize(body).unwrap_or(ShownToolBody { capabilities: BTreeMap::new() });
    let mut rows = Vec::new();
    for (capability, of_capability) in &body.capabilities {
        rows.extend(of_capability.patterns.iter().map(|(pattern, estimates)| {
            let PatternEstimates { time_estimate_ms, cost_estimate, complexity_score } = estimates;
            let [time, cost, complexity] = [time_estimate_ms, cost_estimate, complexity_score].map(shown);
            [capability.clone(), pattern.clone(), time, cost, complexity]
        }));
    }
    rows
}

async fn versions(client: &Client, output: &Output, args: &NameArgs) -> Result<(), Failure> {
    let answer = client.tool_versions(&args.name).await?;
    output.list(&answer, &answer.versions, VERSIONS, |version| version.version.clone())
}

/// The value of a flag that may be empty.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

async fn lint(client: &Client, output: &Output, args: &LintArgs) -> Result<(), Failure> {
    let found = client.lint_tools(given(&args.name)).await?;
    if found.is_empty() {
        eprint_status("nothing found");
    }
    output.list(&found, found.iter().map(|it| &**it), LINTS, |lint| lint.tool_name.clone())
}

async fn export(client: &Client, output: &Output, args: &ToolExportArgs) -> Result<(), Failure> {
    let answer = client.export_tools(&args.names).await?;
    let missing: Vec<_> = answer.errors.iter().map(|failure| failure.error.as_str()).collect();
    if !missing.is_empty() {
        return Err(Failure::failed(printable(&missing.join("; "))));
    }
    output.data(&answer, || answer.yaml_content.clone())
}

async fn rollback(client: &Client, output: &Output, args: ToolRollbackArgs) -> Result<(), Failure> {
    let ToolRollbackArgs { name, to, revision, write } = args;
    let body = RollbackBody { version: to, revision, reason: String::new() };
    let options = write.options();
    let answer = write.made(client.roll_back_tool(&name, &body, &options)).await?;
    tell(client, output, &answer).await
}

async fn diff(client: &Client, output: &Output, args: &ToolDiffArgs) -> Result<(), Failure> {
    let answer = client.tool_diff(&args.name, given(&args.from), given(&args.to)).await?;
    output.list(&answer, &answer.differences, DIFFERENCES, |one| one.path.clone())?;
    let version = |it: &ComparedVersion| format!("{} (revision {})", it.version, it.revision);
    eprint_status(&printable(&format!(
        "from {} to {}: {} breaking, {} compatible, {} wording",
        version(&answer.from),
        version(&answer.to),
        answer.breaking,
        answer.compatible,
        answer.wording
    )));
    Ok(())
}

async fn switch(client: &Client, output: &Output, args: &SwitchArgs, to: ToolSwitch) -> Result<(), Failure> {
    let options = args.write.options();
    for name in &args.names {
        let answer = args.write.made(client.switch_tool(name, to, &options)).await?;
        tell(client, output, &answer).await?;
    }
    Ok(())
}

async fn evaluate(client: &Client, output: &Output, args: EvaluateArgs) -> Result<(), Failure> {
    let variables = args.variables.into_iter().map(|(name, value)| (name, Value::Number(value))).collect();
    let body = EvaluateBody { expression: Some(args.expression), condition: None, variables };
    let answer = client.evaluate(&body).await?;
    output.data(&answer, || format!("{}\n", answer.value))?;
    for variable in answer.variables.iter().filter(|variable| variable.is_default) {
        let line = format!("{} was not given; its default is {}", variable.name, variable.value);
        eprint_status(&printable(&line));
    }
    Ok(())
}
