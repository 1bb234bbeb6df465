//! Modules of a server: listed, shown, called, reloaded and rolled back.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use midflight_client::Client;
use midflight_client::wire::modules::{
    CallBody, ModuleAnswer, ModuleItem, ModuleReloadBody, ModuleReloadItem, ModuleRollbackBody,
};

use super::report::ShownReload;
use crate::columns::{TableColumn, optional, record, table};
use crate::fail::Failure;
use crate::output::{Output, eprint_status, printable};

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
    /// Migrate a copy of the state on a scratch instance, and report the result.
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
    /// Report what restoring the generation would undo; nothing is changed.
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

const MODULES: &[TableColumn<ModuleItem>] = &[
    TableColumn::new("MODULE", |module| module.name.clone()),
    TableColumn::new("VERSION", |module| optional(module.version.as_ref())),
    TableColumn::new("SCHEMA", |module| optional(module.schema)),
    TableColumn::new("GENERATION", |module| optional(module.generation)),
    TableColumn::new("STATE", |module| module.state.to_string()),
    TableColumn::new("WAITING", |module| module.queue.to_string()),
    TableColumn::wide("ANSWERED", |module| module.counters.answered.to_string()),
    TableColumn::wide("RELOADS", |module| module.counters.reloads.to_string()),
    TableColumn::wide("WHY", |module| optional(module.why.as_ref())),
];

const RELOADS: &[TableColumn<ModuleReloadItem>] = &[
    TableColumn::new("AT", |reload| reload.at.clone()),
    TableColumn::new("STATUS", |reload| reload.status.to_string()),
    TableColumn::new("GENERATION", |reload| optional(reload.generation)),
    TableColumn::new("FROM", |reload| optional(reload.from_version.as_ref())),
    TableColumn::new("TO", |reload| optional(reload.to_version.as_ref())),
    TableColumn::new("PAUSE US", |reload| reload.pause_us.to_string()),
    TableColumn::new("HELD", |reload| reload.held.to_string()),
    TableColumn::new("FAILED IN", |reload| optional(reload.failed_phase.as_ref())),
    TableColumn::new("MESSAGE", |reload| optional(reload.message.as_ref())),
    TableColumn::wide("REASON", |reload| optional(reload.reason.as_ref())),
];

pub(super) async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let modules = client.modules().await?;
    output.list(&modules, modules.iter().map(|it| &**it), MODULES, |module| module.name.clone())
}

pub(super) async fn show(client: &Client, output: &Output, name: &str) -> Result<(), Failure> {
    let answer = client.module(name).await?;
    output.data(&answer, || text(&answer))
}

fn text(answer: &ModuleAnswer) -> String {
    let module = &answer.module;
    let mut shown = record([
        ("name", module.name.clone()),
        ("state", module.state.to_string()),
        ("why", optional(module.why.as_ref())),
        ("version", optional(module.version.as_ref())),
        ("manifest_version", optional(module.manifest_version.as_ref())),
        ("schema", optional(module.schema)),
        ("generation", optional(module.generation)),
        ("queue", module.queue.to_string()),
        ("code", optional(module.code.as_ref())),
        ("retained_generation", optional(answer.retained_generation)),
    ]);
    let generations =
        answer.generations.iter().map(|(number, version)| [number.to_string(), version.clone()]);
    shown += &("\n".to_owned() + &table(&["GENERATION", ""], generations));
    shown += &("\n".to_owned() + &table(&["COUNTER", ""], counters(module)));
    let limits = answer.limits.iter().map(|(name, value)| [name.clone(), value.to_string()]);
    shown += &("\n".to_owned() + &table(&["LIMIT", ""], limits));
    if let Some(report) = &answer.last_reload {
        shown += "\nLast reload:\n";
        shown += &ShownReload::of_item(report).text();
    }
    shown
}

/// The counters of a module, by name.
fn counters(module: &ModuleItem) -> Vec<[String; 2]> {
    let counters = &module.counters;
    let mut rows = vec![
        ("abandoned", counters.abandoned),
        ("accepted", counters.accepted),
        ("answered", counters.answered),
        ("failures", counters.failures),
        ("journal_failures", counters.journal_failures),
        ("lost_by_restart", counters.lost_by_restart),
        ("pause_us_max", counters.pause_us_max),
        ("poisoned", counters.poisoned),
        ("refused_full", counters.refused_full),
        ("reloads", counters.reloads),
        ("restarts", counters.restarts),
        ("returns", counters.returns),
        ("traps", counters.traps),
    ];
    rows.extend(counters.pause_us_p99.map(|us| ("pause_us_p99", us)));
    rows.sort_unstable();
    rows.into_iter().map(|(name, count)| [name.to_owned(), count.to_string()]).collect()
}

pub(super) async fn call(client: &Client, output: &Output, args: &CallArgs) -> Result<(), Failure> {
    let payload = match &args.file {
        Some(file) => read(file)?,
        None => args.payload.clone().into_bytes(),
    };
    let body = CallBody {
        operation: args.operation.clone(),
        payload: None,
        payload_base64: Some(STANDARD.encode(payload)),
    };
    let answer = client.call_module(&args.name, &body).await?;
    let result = match (&answer.result_base64, &answer.result) {
        (Some(text), _) => STANDARD
            .decode(text)
            .map_err(|error| Failure::failed(format!("the server's answer is not base64: {error}")))?,
        (None, Some(result)) => format!("{}\n", result.get()).into_bytes(),
        (None, None) => b"null\n".to_vec(),
    };
    match output.is_text() {
        true => output.raw(&result)?,
        false => output.data(&answer, String::new)?,
    }
    eprint_status(&printable(&format!(
        "version {}, generation {}, revision {}",
        answer.module_version, answer.generation, answer.revision
    )));
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

pub(super) async fn reload(client: &Client, output: &Output, args: &ModuleReloadArgs) -> Result<(), Failure> {
    let body = ModuleReloadBody { dry_run: args.dry_run, force: args.force, ..ModuleReloadBody::default() };
    let report = client.reload_module(&args.name, &body).await?;
    output.data(&report, || ShownReload::of_answer(&report).text())?;
    if args.dry_run {
        eprint_status("valid (dry run; nothing changed)");
    }
    Ok(())
}

pub(super) async fn rollback(client: &Client, output: &Output, args: &RollbackArgs) -> Result<(), Failure> {
    let body = ModuleRollbackBody {
        generation: args.generation,
        reason: args.reason.clone(),
        dry_run: args.dry_run,
    };
    let report = client.roll_back_module(&args.name, &body).await?;
    let shown = ShownReload::of_answer(&report);
    output.data(&report, || shown.text())?;
    match args.dry_run {
        true => eprint_status("valid (dry run; nothing changed)"),
        false => eprint_status(&shown.summary()),
    }
    Ok(())
}

pub(super) async fn history(
    client: &Client,
    output: &Output,
    args: &ModuleHistoryArgs,
) -> Result<(), Failure> {
    let reloads = client.module_reloads(&args.name, args.limit).await?;
    output.list(&reloads, reloads.iter().map(|it| &**it), RELOADS, |reload| optional(reload.generation))
}
