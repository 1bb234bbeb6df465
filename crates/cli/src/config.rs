//! `config`: what is in effect and where it comes from, what changed, a change, the way back, a reload.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use midflight_app::Process;
use midflight_client::wire::config::{ConfigItem, KeyAnswer, KeyChangeAnswer, RollbackRequest};
use midflight_client::{Answer, Client, OwnConfigProblem, OwnConfigReport, RevisionNumber};
use midflight_config::{SCHEMAS_FOLDER, infer_schema};
use midflight_core::{DocumentId, JsonPointer};
use midflight_server::OwnConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::columns::{TableColumn, optional, record};
use super::effects::{report_masked, report_restarts};
use super::fail::Failure;
use super::files;
use super::get::read;
use super::output::{Output, OutputFormat, eprint_status, printable};
use super::write::{WriteArgs, tell};

/// The commands of `config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// List the configs that are served.
    List,
    /// Show the config in effect, value by value, with the source of each. Secrets are not shown.
    Show(ConfigNameArgs),
    /// Change some keys.
    Set(SetArgs),
    /// Show what changed, key by key.
    Diff(ConfigDiffArgs),
    /// Roll a config back to its content at a revision, as a new revision.
    Rollback(ConfigRollbackArgs),
    /// Have the server read its config again, and print the result.
    Reload,
    /// Show the status of the server's own config.
    Status,
    /// Check whether a file is a valid config of a server, without a server.
    Check(CheckArgs),
    /// Print a JSON Schema inferred from a config, as a document to review and apply.
    InferSchema(InferArgs),
}

/// Which config.
#[derive(Debug, Args)]
pub(super) struct ConfigNameArgs {
    /// The config; midflight is the server's own.
    #[arg(default_value = "midflight")]
    name: String,
}

/// The flags of `config set`.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The config.
    name: String,
    /// Changes, as log.level=debug; a value is JSON or a text, and null removes the key.
    #[arg(required = true, value_name = "KEY=VALUE")]
    changes: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `config diff`.
#[derive(Debug, Args)]
pub(super) struct ConfigDiffArgs {
    #[command(flatten)]
    named: ConfigNameArgs,
    /// The revision; by default the newest.
    #[arg(long, value_name = "REVISION")]
    revision: Option<u64>,
    /// The revision to compare it with; by default the one before the last change.
    #[arg(long, value_name = "REVISION")]
    against: Option<u64>,
}

/// The flags of `config rollback`.
#[derive(Debug, Args)]
pub(super) struct ConfigRollbackArgs {
    /// The config.
    name: String,
    /// The revision to return to.
    revision: u64,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `config check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file, as `serve --config` reads it; variables of this environment override it.
    file: PathBuf,
}

/// The flags of `config infer-schema`.
#[derive(Debug, Args)]
pub(super) struct InferArgs {
    /// The name of a config that a server has, or a YAML, JSON or TOML file; - for stdin.
    #[arg(value_name = "NAME|FILE")]
    what: String,
    /// The config that the schema is for; by default that of the name or of the file.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

const CONFIGS: &[TableColumn<ConfigItem>] = &[
    TableColumn::new("CONFIG", |config| config.name.clone()),
    TableColumn::new("OWN", |config| config.own.to_string()),
    TableColumn::new("DIGEST", |config| optional(config.digest.as_ref())),
];

const KEYS: &[TableColumn<KeyAnswer>] = &[
    TableColumn::new("KEY", |key| dotted(&key.path)),
    TableColumn::new("VALUE", |key| shown(&key.value)),
    TableColumn::new("FROM", |key| key.origin.clone()),
    TableColumn::new("TAKES", |key| key.takes.to_string()),
];

const CHANGES: &[TableColumn<KeyChangeAnswer>] = &[
    TableColumn::new("KEY", |change| dotted(&change.path)),
    TableColumn::new("FROM", |change| shown(&change.from)),
    TableColumn::new("TO", |change| shown(&change.to)),
    TableColumn::new("TAKES", |change| change.takes.to_string()),
];

/// A path as flags have it: `log.level`.
fn dotted(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}

/// A value in a cell: a text without quotes, nothing for null.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) async fn run(
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
    command: ConfigCommand,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check(args) => check(args),
        ConfigCommand::InferSchema(args) => infer(client, output, &args).await,
        ConfigCommand::List => list(&client()?, output).await,
        ConfigCommand::Show(named) => show(&client()?, output, &named).await,
        ConfigCommand::Set(args) => set(&client()?, output, &args).await,
        ConfigCommand::Diff(args) => diff(&client()?, output, &args).await,
        ConfigCommand::Rollback(args) => rollback(&client()?, output, &args).await,
        ConfigCommand::Reload => report(output, &client()?.reload_own_config().await?),
        ConfigCommand::Status => report(output, &client()?.own_config().await?),
    }
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let found = client.configs().await?;
    output.list(&found, found.iter().map(|it| &**it), CONFIGS, |config| config.name.clone())
}

async fn show(client: &Client, output: &Output, named: &ConfigNameArgs) -> Result<(), Failure> {
    let effective = client.effective_config(&named.name).await?;
    output.list(&effective, &effective.keys, KEYS, |key| dotted(&key.path))?;
    report_masked(&effective.masked);
    report_restarts(&effective.restart_required);
    Ok(())
}

async fn set(client: &Client, output: &Output, args: &SetArgs) -> Result<(), Failure> {
    let mut patch = Value::Object(Map::new());
    for change in &args.changes {
        let Some((key, value)) = change.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::usage(format!(
                "invalid change {change:?}: expected KEY=VALUE, as log.level=debug"
            )));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let nested = key.split('.').rev().fold(value, |value, key| json!({ key: value }));
        merge(&mut patch, nested);
    }
    let options = args.write.options();
    let answer = args.write.made(client.patch_config(&args.name, &patch, &options)).await?;
    tell(client, output, &answer).await
}

/// Puts the members of one object into another, deeply.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

async fn diff(client: &Client, output: &Output, args: &ConfigDiffArgs) -> Result<(), Failure> {
    let [revision, against] = [args.revision, args.against].map(|it| it.map(RevisionNumber::new));
    let diff = client.config_diff(&args.named.name, revision, against).await?;
    if diff.changes.is_empty() && output.is_text() {
        eprint_status("no differences");
        return Ok(());
    }
    output.list(&diff, &diff.changes, CHANGES, |change| dotted(&change.path))
}

async fn rollback(client: &Client, output: &Output, args: &ConfigRollbackArgs) -> Result<(), Failure> {
    let body = RollbackRequest { revision: args.revision, reason: String::new() };
    let options = args.write.options();
    let answer = args.write.made(client.roll_back_config(&args.name, &body, &options)).await?;
    tell(client, output, &answer).await
}

/// Prints the state of the server's own config, and fails when the desired config is not in effect.
fn report(output: &Output, report: &Answer<OwnConfigReport>) -> Result<(), Failure> {
    output.data(report, || {
        record([
            ("status", report.status.clone()),
            ("hash", optional(report.hash.as_ref())),
            ("served_hash", optional(report.served_hash.as_ref())),
            ("revision", report.revision.to_string()),
            ("trigger", report.trigger.clone()),
            ("triggered_by", report.triggered_by.clone()),
            ("at", report.at.clone()),
            ("took_ms", report.took_ms.to_string()),
        ])
    })?;
    report_masked(&report.masked);
    report_restarts(&report.restart_required);
    match report.status.as_str() {
        "success" | "unchanged" => Ok(()),
        status => {
            let problems: Vec<_> = report.problems.iter().map(problem).collect();
            let problems = problems.join("\n  ");
            Err(Failure::failed(format!("{status}; keeping the previous config:\n  {problems}")))
        }
    }
}

fn problem(problem: &OwnConfigProblem) -> String {
    let numbers = [problem.line, problem.column].into_iter().flatten();
    let place = numbers.fold(problem.file.clone(), |place, number| format!("{place}:{number}"));
    let path = JsonPointer::parse(&problem.path);
    let at = if path.as_str().is_empty() { String::new() } else { format!("at {path}: ") };
    printable(&format!("{place}: {at}{}", problem.message))
}

fn check(args: CheckArgs) -> Result<(), Failure> {
    let mut config = OwnConfig::new(Some(args.file));
    config.variables(Process::variables());
    config.settings().map_err(|error| Failure::failed(error.to_string()))?;
    eprint_status("valid");
    Ok(())
}

/// Prints the schema that is inferred from a config: that of a file, or else that of a server.
async fn infer(
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
    args: &InferArgs,
) -> Result<(), Failure> {
    let (name, body) = match file_of(&args.what) {
        Some(path) => config_of(path)?,
        None => {
            let id = DocumentId::new("config", &args.what);
            let found = client()?.document(&id.map_err(|error| Failure::usage(error.to_string()))?).await?;
            (Some(args.what.clone()), read(&found)?.1)
        }
    };
    let Some(name) = args.name.clone().or(name) else {
        return Err(Failure::usage("stdin does not name the config of the schema; add --name NAME"));
    };
    let id = DocumentId::new("config", &format!("{SCHEMAS_FOLDER}{name}"));
    let id = id.map_err(|error| Failure::usage(format!("{error}; name the config with --name NAME")))?;
    let inferred = infer_schema(&body);
    match output.format() {
        OutputFormat::Json => {
            let (kind, name) = (id.kind.as_str(), id.name.as_str());
            output.data(&InferredDocument { kind, name, body: &inferred.schema }, String::new)?;
        }
        _ => output.documents(&[(id, inferred.schema)])?,
    }
    for place in &inferred.literal_secrets {
        eprint_status(&printable(&format!(
            "{place} looks like a secret in plain text: with this schema the config is refused until it is \
             a reference"
        )));
    }
    eprint_status(
        "inferred from one config: review the types, the secrets (writeOnly) and what is required, then apply it",
    );
    Ok(())
}

/// The file that is meant, if it is one: it is there, or it has the ending of one.
fn file_of(what: &str) -> Option<&Path> {
    let path = Path::new(what);
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_file = what == "-" || path.is_file() || matches!(ending, Some("yaml" | "yml" | "json" | "toml"));
    is_file.then_some(path)
}

/// The config in a file, and its name: that of the document, or else of the file.
fn config_of(path: &Path) -> Result<(Option<String>, Value), Failure> {
    let shown = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let config = midflight_source::parse_config(&files::text(path)?, &shown).map_err(Failure::Files)?;
    let body = Value::clone(config.body());
    if let Ok(document) = NamedConfig::deserialize(&body)
        && document.kind == "config"
    {
        return Ok((Some(document.name), Value::Object(document.body)));
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
    Ok((stem.map(str::to_owned), body))
}

/// A config in a file of documents.
#[derive(Debug, Deserialize)]
struct NamedConfig {
    kind: String,
    name: String,
    body: Map<String, Value>,
}

/// A schema as a document.
#[derive(Debug, Serialize)]
struct InferredDocument<'a> {
    kind: &'a str,
    name: &'a str,
    body: &'a Value,
}
