//! `tool`: the catalogue listed, searched, imported, exported, compared and rolled back.

mod import;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, eprint_status, printable, table, text};
use super::select::variable;
use super::write::{WriteArgs, tell};
use import::{ToolImportArgs, ValidateArgs};

/// The commands of `tool`.
#[derive(Debug, Subcommand)]
pub(super) enum ToolCommand {
    /// List tools.
    List(ToolListArgs),
    /// Find tools by words, the best first.
    Search(SearchArgs),
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
    variables: Vec<(String, serde_json::Number)>,
}

const TOOLS: [&str; 3] = ["api", "v1", "tools"];
/// How many tools a page of the list has at most.
const PAGE_SIZE: usize = 100;

/// A path below that of the tools.
fn under<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    [&TOOLS, segments].concat()
}

pub(super) async fn run(client: &ServerClient, output: &Output, command: ToolCommand) -> Result<(), Failure> {
    match command {
        ToolCommand::List(args) => list(client, output, &args).await,
        ToolCommand::Search(args) => search(client, output, &args).await,
        ToolCommand::Show(args) => show(client, output, &args).await,
        ToolCommand::Versions(args) => versions(client, output, &args).await,
        ToolCommand::Validate(args) => import::validate(client, output, &args).await,
        ToolCommand::Lint(args) => lint(client, output, &args).await,
        ToolCommand::Import(args) => import::run(client, output, args).await,
        ToolCommand::Export(args) => export(client, output, &args).await,
        ToolCommand::Rollback(args) => rollback(client, output, args).await,
        ToolCommand::Diff(args) => diff(client, output, &args).await,
        ToolCommand::Enable(args) => switch(client, output, &args, "enable").await,
        ToolCommand::Disable(args) => switch(client, output, &args, "disable").await,
        ToolCommand::Deprecate(args) => switch(client, output, &args, "deprecate").await,
        ToolCommand::Evaluate(args) => evaluate(client, output, &args).await,
    }
}

async fn list(client: &ServerClient, output: &Output, args: &ToolListArgs) -> Result<(), Failure> {
    let enabled = args.enabled.map_or_else(String::new, |enabled| enabled.to_string());
    let mut tools = Vec::new();
    for page in 1_usize.. {
        let query = [
            ("page", page.to_string()),
            ("page_size", PAGE_SIZE.to_string()),
            ("platform", args.platform.clone()),
            ("category", args.category.clone()),
            ("status", args.status.clone()),
            ("enabled", enabled.clone()),
        ];
        let mut answer = client.get(&TOOLS, &query).await?.body;
        let found = match answer.get_mut("tools").map(Value::take) {
            Some(Value::Array(found)) => found,
            _ => Vec::new(),
        };
        let is_last = found.len() < PAGE_SIZE;
        tools.extend(found);
        if is_last || tools.len() >= args.limit {
            break;
        }
    }
    tools.truncate(args.limit);
    let tools = Value::Array(tools);
    output.data(&tools, || {
        table(&["TOOL", "VERSION", "PLATFORM", "CATEGORY", "STATUS", "ENABLED"], items(&tools).map(listed))
    })
}

fn listed(tool: &Value) -> Vec<String> {
    ["tool_name", "version", "platform", "category", "status", "enabled"].map(|key| text(tool, key)).to_vec()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn items_of<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(key).into_iter().flat_map(items)
}

async fn search(client: &ServerClient, output: &Output, args: &SearchArgs) -> Result<(), Failure> {
    let query = [("q", args.query.clone()), ("limit", args.limit.to_string())];
    let answer = client.get(&under(&["search", "query"]), &query).await?.body;
    output.data(&answer, || {
        let row = |tool: &Value| {
            let score = tool.get("score").and_then(Value::as_f64).unwrap_or_default();
            [text(tool, "tool_name"), format!("{score:.2}"), text(tool, "description")]
        };
        table(&["TOOL", "SCORE", "DESCRIPTION"], items_of(&answer, "results").map(row))
    })
}

async fn show(client: &ServerClient, output: &Output, args: &NameArgs) -> Result<(), Failure> {
    let tool = client.get(&under(&[&args.name]), &[]).await?.body;
    let document = text(&tool, "document");
    let document = client.get(&["api", "v1", "documents", "tools", &document], &[]).await?.body;
    let body = document.get("body").cloned().unwrap_or_default();
    let mut shown = tool.clone();
    if let Some(members) = shown.as_object_mut() {
        members.insert("body".to_owned(), body.clone());
    }
    output.data(&shown, || {
        let keys = [
            "tool_name",
            "version",
            "status",
            "enabled",
            "platform",
            "category",
            "description",
            "created_at",
            "created_by",
            "updated_at",
            "updated_by",
        ];
        let mut rows = keys.map(|key| [key.to_owned(), text(&tool, key)]).to_vec();
        rows.retain(|[_, value]| !value.is_empty());
        let message = table(&["", ""], rows).trim_start().to_owned();
        message + "\n" + &table(&["CAPABILITY", "PATTERN", "TIME MS", "COST", "COMPLEXITY"], patterns(&body))
    })
}

/// The patterns of a tool's document, with what they state of time and cost.
fn patterns(body: &Value) -> Vec<[String; 5]> {
    let capabilities = body.get("capabilities").and_then(Value::as_object).into_iter().flatten();
    let of_capability = |(capability, value): (&String, &Value)| {
        let patterns = value.get("patterns").and_then(Value::as_object).into_iter().flatten();
        let row = |(pattern, value): (&String, &Value)| {
            let [time, cost, complexity] =
                ["time_estimate_ms", "cost_estimate", "complexity_score"].map(|key| text(value, key));
            [capability.clone(), pattern.clone(), time, cost, complexity]
        };
        patterns.map(row).collect::<Vec<_>>()
    };
    capabilities.flat_map(of_capability).collect()
}

async fn versions(client: &ServerClient, output: &Output, args: &NameArgs) -> Result<(), Failure> {
    let answer = client.get(&under(&[&args.name, "versions"]), &[]).await?.body;
    output.data(&answer, || {
        let keys =
            ["version", "status", "enabled", "is_latest", "revision", "updated_at", "updated_by", "reason"];
        let rows = items_of(&answer, "versions").map(|version| keys.map(|key| text(version, key)));
        table(&["VERSION", "STATUS", "ENABLED", "LATEST", "REVISION", "UPDATED", "BY", "REASON"], rows)
    })
}

async fn lint(client: &ServerClient, output: &Output, args: &LintArgs) -> Result<(), Failure> {
    let query = [("tool_name", args.name.clone())];
    let found = Value::Array(client.all(&under(&["lint"]), &query).await?);
    if items(&found).next().is_none() {
        eprint_status("nothing found");
    }
    output.data(&found, || {
        let keys = ["tool_name", "rule", "path", "message"];
        table(&["TOOL", "RULE", "PLACE", "MESSAGE"], items(&found).map(|one| keys.map(|key| text(one, key))))
    })
}

async fn export(client: &ServerClient, output: &Output, args: &ToolExportArgs) -> Result<(), Failure> {
    let url = client.url(&under(&["export"]), &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(json!(args.names)), &[]).await?.body;
    let missing: Vec<_> = items_of(&answer, "errors").map(|one| text(one, "error")).collect();
    if !missing.is_empty() {
        return Err(Failure::failed(printable(&missing.join("; "))));
    }
    output.data(&answer, || text(&answer, "yaml_content"))
}

async fn rollback(client: &ServerClient, output: &Output, args: ToolRollbackArgs) -> Result<(), Failure> {
    let ToolRollbackArgs { name, to, revision, write } = args;
    let mut body = Map::new();
    body.extend(to.map(|version| ("version".to_owned(), json!(version))));
    body.extend(revision.map(|revision| ("revision".to_owned(), json!(revision))));
    let url = client.url(&under(&[&name, "rollback"]), &write.query());
    let answer = client.send(Method::POST, url, RequestBody::Json(Value::Object(body)), &[]).await?;
    tell(output, &answer.body)
}

async fn diff(client: &ServerClient, output: &Output, args: &ToolDiffArgs) -> Result<(), Failure> {
    let query = [("from", args.from.clone()), ("to", args.to.clone())];
    let answer = client.get(&under(&[&args.name, "diff"]), &query).await?.body;
    output.data(&answer, || {
        let keys = ["impact", "path", "message"];
        let rows = items_of(&answer, "differences").map(|one| keys.map(|key| text(one, key)));
        table(&["IMPACT", "PLACE", "DIFFERENCE"], rows)
    })?;
    let version = |key: &str| {
        let version = answer.get(key).cloned().unwrap_or_default();
        format!("{} (revision {})", text(&version, "version"), text(&version, "revision"))
    };
    let counts = ["breaking", "compatible", "wording"].map(|key| format!("{} {key}", text(&answer, key)));
    eprint_status(&printable(&format!(
        "from {} to {}: {}",
        version("from"),
        version("to"),
        counts.join(", ")
    )));
    Ok(())
}

async fn switch(
    client: &ServerClient,
    output: &Output,
    args: &SwitchArgs,
    verb: &str,
) -> Result<(), Failure> {
    for name in &args.names {
        let url = client.url(&under(&[name, verb]), &args.write.query());
        let answer = client.send(Method::PATCH, url, RequestBody::None, &[]).await?;
        tell(output, &answer.body)?;
    }
    Ok(())
}

async fn evaluate(client: &ServerClient, output: &Output, args: &EvaluateArgs) -> Result<(), Failure> {
    let variables: Map<_, _> =
        args.variables.iter().map(|(name, value)| (name.clone(), Value::Number(value.clone()))).collect();
    let body = json!({ "expression": args.expression, "variables": variables });
    let url = client.url(&under(&["evaluate"]), &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body;
    output.data(&answer, || text(&answer, "value") + "\n")?;
    for variable in items_of(&answer, "variables").filter(|it| it["is_default"] == true) {
        let (name, value) = (text(variable, "name"), text(variable, "value"));
        eprint_status(&printable(&format!("{name} was not given; its default is {value}")));
    }
    Ok(())
}
