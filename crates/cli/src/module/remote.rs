//! Modules of a server: listed, shown, called, reloaded and rolled back.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::report::{reload_summary, reload_text, rows};
use super::{MODULES, under};
use crate::client::{RequestBody, ServerClient};
use crate::fail::Failure;
use crate::output::{Output, OutputFormat, eprint_status, printable, table, text};

/// The flags of `module call`.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The module.
    name: String,
    /// The operation.
    operation: String,
    /// The payload, whose bytes are sent as they are typed.
    #[arg(default_value = "", hide_default_value = true)]
    payload: String,
    /// A file whose bytes are the payload, or - for stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    file: Option<PathBuf>,
}

/// The flags of `module reload`.
#[derive(Debug, Args)]
pub(crate) struct ModuleReloadArgs {
    /// The module.
    name: String,
    /// Migrate a copy of the state on a scratch instance, and say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Try it in spite of an earlier failure.
    #[arg(long)]
    force: bool,
}

/// The flags of `module rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The module.
    name: String,
    /// The generation to restore as it ended, which undoes what was acknowledged since; by default the version before
    /// answers again, exactly, while no message was acknowledged since.
    #[arg(long, value_name = "GENERATION", requires = "reason")]
    generation: Option<u64>,
    /// Why a generation is restored.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Say what restoring the generation would undo, and change nothing.
    #[arg(long, requires = "generation")]
    dry_run: bool,
}

/// The flags of `module history`.
#[derive(Debug, Args)]
pub(crate) struct ModuleHistoryArgs {
    /// The module.
    name: String,
    /// The maximum number.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

pub(super) async fn list(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let modules = Value::Array(all(client).await?);
    output.data(&modules, || {
        let keys = ["name", "version", "schema", "generation", "state", "queue"];
        let row = |module: &Value| keys.map(|key| text(module, key));
        let listed = modules.as_array().into_iter().flatten().map(row);
        table(&["MODULE", "VERSION", "SCHEMA", "GENERATION", "STATE", "WAITING"], listed)
    })
}

/// All modules of a server.
pub(super) async fn all(client: &ServerClient) -> Result<Vec<Value>, Failure> {
    client.all(&MODULES, &[]).await
}

pub(super) async fn show(client: &ServerClient, output: &Output, name: &str) -> Result<(), Failure> {
    let answer = client.get(&under(&[name]), &[]).await?.body;
    output.data(&answer, || {
        let module = answer.get("module").unwrap_or(&Value::Null);
        let keys =
            ["name", "state", "why", "version", "manifest_version", "schema", "generation", "queue", "code"];
        let mut shown = rows(module, &keys) + &rows(&answer, &["retained_generation"]);
        let sections = [
            ("GENERATION", answer.get("generations")),
            ("COUNTER", module.get("counters")),
            ("LIMIT", answer.get("limits")),
        ];
        for (title, members) in sections {
            let members = members.and_then(Value::as_object).into_iter().flatten();
            let plain = members.filter(|(_, value)| value.is_number() || value.is_string());
            let row = |(name, value): (&String, &Value)| {
                [name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)]
            };
            shown += "\n";
            shown += &table(&[title, ""], plain.map(row));
        }
        if let Some(report) = answer.get("last_reload").filter(|report| report.is_object()) {
            shown += "\nLast reload:\n";
            shown += &reload_text(report);
        }
        shown
    })
}

pub(super) async fn call(client: &ServerClient, output: &Output, args: &CallArgs) -> Result<(), Failure> {
    let payload = match &args.file {
        Some(file) => read(file)?,
        None => args.payload.clone().into_bytes(),
    };
    let body = json!({ "operation": args.operation, "payload_base64": STANDARD.encode(payload) });
    let url = client.url(&under(&[&args.name, "call"]), &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body;
    let result = match answer.get("result_base64").and_then(Value::as_str).map(|text| STANDARD.decode(text)) {
        Some(Ok(bytes)) => bytes,
        Some(Err(error)) => {
            return Err(Failure::failed(format!("the server's answer is not base64: {error}")));
        }
        None => format!("{}\n", answer.get("result").unwrap_or(&Value::Null)).into_bytes(),
    };
    match output.format() {
        OutputFormat::Table => output.raw(&result)?,
        _ => output.data(&answer, String::new)?,
    }
    let [version, generation, revision] =
        ["module_version", "generation", "revision"].map(|key| text(&answer, key));
    eprint_status(&printable(&format!("version {version}, generation {generation}, revision {revision}")));
    Ok(())
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let read = if file == std::path::Path::new("-") {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))
}

pub(super) async fn reload(
    client: &ServerClient,
    output: &Output,
    args: &ModuleReloadArgs,
) -> Result<(), Failure> {
    let body = json!({ "dry_run": args.dry_run, "force": args.force });
    let url = client.url(&under(&[&args.name, "reload"]), &[]);
    let report = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body;
    output.data(&report, || reload_text(&report))?;
    if args.dry_run {
        eprint_status("valid (dry run; nothing changed)");
    }
    Ok(())
}

pub(super) async fn rollback(
    client: &ServerClient,
    output: &Output,
    args: &RollbackArgs,
) -> Result<(), Failure> {
    let mut body = Map::new();
    body.extend(args.generation.map(|generation| ("generation".to_owned(), json!(generation))));
    body.extend(args.reason.as_ref().map(|reason| ("reason".to_owned(), json!(reason))));
    if args.dry_run {
        body.insert("dry_run".to_owned(), json!(true));
    }
    let url = client.url(&under(&[&args.name, "rollback"]), &[]);
    let report = client.send(Method::POST, url, RequestBody::Json(Value::Object(body)), &[]).await?.body;
    output.data(&report, || reload_text(&report))?;
    if args.dry_run {
        eprint_status("valid (dry run; nothing changed)");
    } else {
        eprint_status(&reload_summary(&report));
    }
    Ok(())
}

pub(super) async fn history(
    client: &ServerClient,
    output: &Output,
    args: &ModuleHistoryArgs,
) -> Result<(), Failure> {
    let reloads = client.up_to(&under(&[&args.name, "reloads"]), &[], args.limit).await?;
    let reloads = Value::Array(reloads);
    output.data(&reloads, || {
        let keys = [
            "at",
            "status",
            "generation",
            "from_version",
            "to_version",
            "pause_us",
            "held",
            "failed_phase",
            "message",
        ];
        let row = |reload: &Value| keys.map(|key| text(reload, key));
        let listed = reloads.as_array().into_iter().flatten().map(row);
        table(
            &["AT", "STATUS", "GENERATION", "FROM", "TO", "PAUSE US", "HELD", "FAILED IN", "MESSAGE"],
            listed,
        )
    })
}
