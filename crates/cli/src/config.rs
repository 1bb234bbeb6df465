//! `config`: what is in effect and where it comes from, what changed, a change, the way back, a reload.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use midflight_app::Process;
use midflight_config::{SCHEMAS_FOLDER, infer_schema};
use midflight_core::{DocumentId, JsonPointer};
use midflight_server::OwnConfig;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::files;
use super::output::{Output, OutputFormat, eprint_status, printable, table, text};
use super::write::{WriteArgs, show_effects, tell};

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

pub(super) async fn run(
    client: impl FnOnce() -> Result<ServerClient, Failure>,
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
        ConfigCommand::Reload => report(&client()?, output, Method::POST, &["-", "reload"]).await,
        ConfigCommand::Status => report(&client()?, output, Method::GET, &["health", "reload"]).await,
    }
}

/// The address of a config, whose name may have slashes, and of what is below it.
fn url(client: &ServerClient, name: &str, under: &[&str], query: &[(&str, String)]) -> Url {
    let mut url = client.url(&["api", "v1", "config"], query);
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(name).extend(under);
    }
    url
}

async fn list(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let configs = Value::Array(client.all(&["api", "v1", "config"], &[]).await?);
    output.data(&configs, || {
        let rows = configs.as_array().into_iter().flatten();
        table(
            &["CONFIG", "OWN", "DIGEST"],
            rows.map(|config| ["name", "own", "digest"].map(|key| text(config, key))),
        )
    })
}

async fn show(client: &ServerClient, output: &Output, named: &ConfigNameArgs) -> Result<(), Failure> {
    let address = url(client, &named.name, &["effective"], &[]);
    let effective = client.send(Method::GET, address, RequestBody::None, &[]).await?.body;
    output.data(&effective, || {
        let keys = effective.get("keys").and_then(Value::as_array).into_iter().flatten();
        let row = |key: &Value| {
            let path = text(key, "path").trim_start_matches('/').replace('/', ".");
            [path, text(key, "value"), text(key, "origin"), text(key, "takes")]
        };
        table(&["KEY", "VALUE", "FROM", "TAKES"], keys.map(row))
    })?;
    show_effects(&effective);
    Ok(())
}

async fn set(client: &ServerClient, output: &Output, args: &SetArgs) -> Result<(), Failure> {
    let mut patch = Value::Object(Map::new());
    for change in &args.changes {
        let Some((key, value)) = change.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::usage(format!(
                "invalid change {change:?}: expected KEY=VALUE, as \
                                               log.level=debug"
            )));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let nested = key.split('.').rev().fold(value, |value, key| json!({ key: value }));
        merge(&mut patch, nested);
    }
    let address = url(client, &args.name, &[], &args.write.query());
    let answer = client.send(Method::PATCH, address, RequestBody::Json(patch), &[]).await?;
    tell(output, &answer.body)
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

async fn diff(client: &ServerClient, output: &Output, args: &ConfigDiffArgs) -> Result<(), Failure> {
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let query = [("revision", number(args.revision)), ("against", number(args.against))];
    let address = url(client, &args.named.name, &["diff"], &query);
    let diff = client.send(Method::GET, address, RequestBody::None, &[]).await?.body;
    let changes = diff.get("changes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if changes.is_empty() && output.format() == OutputFormat::Table {
        eprint_status("no differences");
        return Ok(());
    }
    output.data(&diff, || {
        let row = |change: &Value| {
            let path = text(change, "path").trim_start_matches('/').replace('/', ".");
            [path, text(change, "from"), text(change, "to"), text(change, "takes")]
        };
        table(&["KEY", "FROM", "TO", "TAKES"], changes.iter().map(row))
    })
}

async fn rollback(client: &ServerClient, output: &Output, args: &ConfigRollbackArgs) -> Result<(), Failure> {
    let address = url(client, &args.name, &["rollback"], &args.write.query());
    let body = RequestBody::Json(json!({ "revision": args.revision }));
    let answer = client.send(Method::POST, address, body, &[]).await?;
    tell(output, &answer.body)
}

/// Prints the state of the server's own config, and fails when the desired config is not in effect.
async fn report(
    client: &ServerClient,
    output: &Output,
    method: Method,
    path: &[&str],
) -> Result<(), Failure> {
    let report = client.report(method, client.url(path, &[])).await?;
    output.data(&report, || {
        let rows = ["status", "hash", "served_hash", "revision", "trigger", "triggered_by", "at", "took_ms"];
        table(&["", ""], rows.map(|key| [key.to_owned(), text(&report, key)])).trim_start().to_owned()
    })?;
    show_effects(&report);
    let listed = report.get("problems").and_then(Value::as_array).into_iter().flatten();
    let problems: Vec<_> = listed.map(problem).collect();
    match text(&report, "status").as_str() {
        "success" | "unchanged" => Ok(()),
        status => {
            let problems = problems.join("\n  ");
            Err(Failure::failed(format!("{status}; keeping the previous config:\n  {problems}")))
        }
    }
}

fn problem(problem: &Value) -> String {
    let mut place = text(problem, "file");
    for number in ["line", "column"] {
        let number = text(problem, number);
        if !number.is_empty() {
            place += &format!(":{number}");
        }
    }
    let path = JsonPointer::parse(&text(problem, "path"));
    let at = if path.as_str().is_empty() { String::new() } else { format!("at {path}: ") };
    printable(&format!("{place}: {at}{}", text(problem, "message")))
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
    client: impl FnOnce() -> Result<ServerClient, Failure>,
    output: &Output,
    args: &InferArgs,
) -> Result<(), Failure> {
    let (name, body) = match file_of(&args.what) {
        Some(path) => config_of(path)?,
        None => {
            let found = client()?.get(&["api", "v1", "documents", "config", &args.what], &[]).await?.body;
            (Some(args.what.clone()), found.get("body").cloned().unwrap_or_default())
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
            let document =
                json!({"kind": id.kind.as_str(), "name": id.name.as_str(), "body": inferred.schema});
            output.data(&document, String::new)?;
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
    let is_document = body.get("kind").and_then(Value::as_str) == Some("config");
    match (is_document, body.get("name").and_then(Value::as_str), body.get("body")) {
        (true, Some(name), Some(inner)) if inner.is_object() => Ok((Some(name.to_owned()), inner.clone())),
        _ => {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
            Ok((stem.map(str::to_owned), body))
        }
    }
}
