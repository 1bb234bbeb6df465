//! `export` and `import`: all documents as YAML, and files, those of the original rule engine too, as one revision.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use midflight_core::{DocumentId, KindName, Problems};
use reqwest::Method;
use serde_json::Value;

use super::apply::put;
use super::client::{Body, Client};
use super::fail::Failure;
use super::files::{self, to_body};
use super::output::Output;
use super::write::{WriteArgs, tell};

/// The flags of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Only documents of this kind.
    #[arg(long)]
    kind: Option<KindName>,
}

pub(super) async fn export(client: &Client, output: &Output, args: &ExportArgs) -> Result<(), Failure> {
    let kind = args.kind.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut response = client.open(client.url(&["api", "v1", "export"], &[("kind", kind)]), &[]).await?;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => output.raw(&chunk)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(client.unreachable(&error)),
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Documents, as export writes them.
    Documents,
    /// The rules of the original rule engine, as JSON.
    RuleEngine,
}

/// The flags of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; a directory of them, or - for stdin, with --format documents.
    file: PathBuf,
    /// What it holds.
    #[arg(long, value_enum, default_value_t = Shape::Documents)]
    format: Shape,
    /// The conditions that the rules name; with --format rule-engine.
    #[arg(long, value_name = "FILE")]
    conditions: Option<PathBuf>,
    /// The id of the ruleset to make, of which `default` is also the default; with --format rule-engine.
    #[arg(long, default_value = "default", value_name = "ID")]
    ruleset: String,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &Client, output: &Output, mut args: ImportArgs) -> Result<(), Failure> {
    if args.write.reason.is_empty() {
        args.write.reason = format!("import {}", args.file.display());
    }
    if args.format == Shape::Documents {
        if args.conditions.is_some() {
            return Err(Failure::usage("--conditions goes with --format rule-engine"));
        }
        let documents = files::read(std::slice::from_ref(&args.file))?;
        documents.check_not_empty()?;
        return put(client, output, &documents, &args.write).await;
    }
    let documents = converted(&args)?;
    let body = Body::Bytes("application/json", to_body(documents.iter().map(|(id, body)| (id, body))));
    let url = client.url(&["api", "v1", "import"], &args.write.query());
    let answer = client.send(Method::POST, url, body, &[]).await?;
    tell(output, &answer.body)
}

fn converted(args: &ImportArgs) -> Result<Vec<(DocumentId, Value)>, Failure> {
    let rules = files::text(&args.file)?;
    let conditions = args.conditions.as_ref().map(|path| files::text(path)).transpose()?;
    let kind = KindName::new("rules").map_err(|error| Failure::failed(error.to_string()))?;
    let made = midflight_rules::import::import(&rules, conditions.as_deref(), &args.ruleset);
    let made = made.map_err(|problems| not_converted(args, &problems))?;
    Ok(made.into_iter().map(|(name, body)| (DocumentId { kind: kind.clone(), name }, body)).collect())
}

fn not_converted(args: &ImportArgs, problems: &Problems) -> Failure {
    let file = args.file.display().to_string();
    let conditions = args.conditions.as_ref().map(|path| path.display().to_string());
    let of = |path: &str| match &conditions {
        Some(conditions) if path.starts_with("/conditions_set") => conditions.clone(),
        _ => file.clone(),
    };
    let problem = |problem: &midflight_core::Problem| midflight_source::FileProblem {
        path: problem.path.clone(),
        document: problem.document.clone(),
        ..files::problem(&of(problem.path.as_str()), &problem.message)
    };
    Failure::Files(problems.iter().map(problem).collect())
}
