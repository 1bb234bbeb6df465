//! `export` and `import`: all documents as YAML, and files, those of the original systems too, as one revision.

mod rules;
mod usage;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use midflight_core::{DocumentId, KindName};
use midflight_patterns::import::{self, BadItem, Imported};
use midflight_patterns::{LEARNING_FOLDER, Patterns};
use midflight_server::PatternTable;
use midflight_source::{FileDocument, parse_documents};
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};

use super::apply::put;
use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::files::{self, to_body};
use super::output::{Output, OutputFormat, eprint_status, printable, text};
use super::write::{WriteArgs, tell};
use usage::take_counts;

/// The flags of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Only documents of this kind.
    #[arg(long)]
    kind: Option<KindName>,
}

pub(super) async fn export(client: &ServerClient, output: &Output, args: &ExportArgs) -> Result<(), Failure> {
    let kind = args.kind.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut response = client.open(client.url(&["api", "v1", "export"], &[("kind", kind)]), &[]).await?;
    let is_json = output.format() == OutputFormat::Json;
    let mut yaml = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if is_json => yaml.extend_from_slice(&chunk),
            Ok(Some(chunk)) => output.raw(&chunk)?,
            Ok(None) if is_json => return output.data(&json_of(&yaml)?, String::new),
            Ok(None) => return Ok(()),
            Err(error) => return Err(client.unreachable(&error)),
        }
    }
}

/// The documents of an export.
fn documents_of(yaml: &[u8]) -> Result<Vec<FileDocument>, Failure> {
    let unreadable = |why: String| Failure::failed(format!("cannot read the export of the server: {why}"));
    let text = std::str::from_utf8(yaml).map_err(|error| unreadable(error.to_string()))?;
    parse_documents(text, "export")
        .map_err(|problems| unreadable(problems.first().map(ToString::to_string).unwrap_or_default()))
}

/// An export as JSON, which imports as well.
fn json_of(yaml: &[u8]) -> Result<Value, Failure> {
    let documents = documents_of(yaml)?;
    let document = |FileDocument { id, body, .. }: FileDocument| json!({ "kind": id.kind.as_str(), "name": id.name.as_str(), "body": body });
    Ok(documents.into_iter().map(document).collect())
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImportFileShape {
    /// Documents, as export writes them.
    Documents,
    /// The rules of the original rule engine, as JSON.
    RuleEngine,
    /// The ordered families of the original classifier, as JSON.
    PatternFamilies,
    /// The rows of the original table of patterns, as JSON; or with --from, the table itself.
    PatternRows,
    /// Queries with labels, as tab-separated values: each becomes a check.
    LabelledQueries,
}

/// How to handle a condition whose id is used by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnConflict {
    /// Change nothing, and list every conflict.
    Refuse,
    /// Import it as RULESET-ID.
    Prefix,
    /// Replace the other one, for all rulesets.
    Replace,
}

/// The flags of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; - for stdin; a directory too, with --format documents.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<PathBuf>,
    /// What it holds.
    #[arg(long, value_enum, default_value_t = ImportFileShape::Documents)]
    format: ImportFileShape,
    /// The conditions that the rules name; with --format rule-engine.
    #[arg(long, value_name = "FILE")]
    conditions: Option<PathBuf>,
    /// The id of the ruleset to make, of which `default` is also the default; with --format rule-engine.
    #[arg(long, default_value = "default", value_name = "ID")]
    ruleset: String,
    /// What to do with a condition when the server has another one with its id that other rulesets may use: refuse
    /// (default), prefix its id with that of the ruleset, or replace it for all; with --format rule-engine.
    #[arg(long, value_enum, value_name = "CHOICE")]
    on_conflict: Option<OnConflict>,
    /// The profile of the patterns; with the formats of patterns.
    #[arg(long, default_value = "default", value_name = "NAME")]
    profile: String,
    /// The PostgreSQL database to read a table of patterns from, as postgres://user@host/database.
    #[arg(
        long,
        value_name = "URL",
        requires = "table",
        env = "MIDFLIGHT_IMPORT_FROM",
        hide_env_values = true
    )]
    from: Option<String>,
    /// The table, or schema.table.
    #[arg(long, value_name = "NAME", requires = "from")]
    table: Option<String>,
    /// Skip invalid documents, and report them; by default nothing is changed when there are any.
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(client: &ServerClient, output: &Output, mut args: ImportArgs) -> Result<(), Failure> {
    if args.write.reason.is_empty() {
        args.write.reason = format!("import {}", args.source());
    }
    if args.conditions.is_some() && args.format != ImportFileShape::RuleEngine {
        return Err(Failure::usage("--conditions goes with --format rule-engine"));
    }
    if args.on_conflict.is_some() && args.format != ImportFileShape::RuleEngine {
        return Err(Failure::usage("--on-conflict goes with --format rule-engine"));
    }
    let mut counts = Vec::new();
    let documents = match (args.format, &args.from) {
        (ImportFileShape::PatternRows, _) | (ImportFileShape::Documents, Some(_)) => {
            let mut imported = rows_of_patterns(client, &args).await?;
            counts = std::mem::take(&mut imported.counts);
            of_patterns(&args, imported)?
        }
        (_, Some(_)) => return Err(Failure::usage("--from goes with --format pattern-rows")),
        (ImportFileShape::Documents, None) => {
            let documents = files::read(args.file.as_slice())?;
            documents.check_not_empty()?;
            if !args.skip_bad {
                return put(client, output, &documents, &args.write).await.map(drop);
            }
            let document = |document: &FileDocument| (document.id.clone(), Value::clone(&document.body));
            documents.documents.iter().map(document).collect()
        }
        (ImportFileShape::RuleEngine, None) => rules::read(client, &args).await?,
        (ImportFileShape::PatternFamilies, None) => {
            let read = import::families(&args.text()?, &args.profile);
            of_patterns(&args, read.map_err(|error| args.failed(&error))?)?
        }
        (ImportFileShape::LabelledQueries, None) => {
            let queries = import::labelled(&args.text()?).map_err(|error| args.failed(&error))?;
            of_patterns(&args, import::checks(&queries, &args.profile))?
        }
    };
    if documents.is_empty() {
        return Err(Failure::failed("the input is empty; nothing was changed"));
    }
    let body = RequestBody::Bytes("application/json", to_body(documents.iter().map(|(id, body)| (id, body))));
    let url = client.url(&["api", "v1", "import"], &args.write.query());
    let lenient = [(HeaderName::from_static("prefer"), "handling=lenient".to_owned())];
    let headers = if args.skip_bad { &lenient[..] } else { &[] };
    let answer = client.send(Method::POST, url, body, headers).await?;
    report_skipped(&answer.body);
    tell(output, &answer.body)?;
    let is_made = !args.write.dry_run && text(&answer.body, "outcome") != "scheduled";
    if is_made { take_counts(client, &counts).await } else { Ok(()) }
}

impl ImportArgs {
    /// What is read, for people; of a database only the table, since its URL may have a password.
    fn source(&self) -> String {
        match (&self.file, &self.table) {
            (Some(file), _) => file.display().to_string(),
            (None, table) => table.clone().unwrap_or_default(),
        }
    }

    fn text(&self) -> Result<String, Failure> {
        files::text(self.file.as_deref().unwrap_or(Path::new("-")))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::failed(format!("{}: {error}", self.source()))
    }
}

async fn rows_of_patterns(client: &ServerClient, args: &ImportArgs) -> Result<Imported, Failure> {
    let text = match (&args.from, &args.table) {
        (Some(from), Some(table)) => {
            let table =
                PatternTable::new(from, table).map_err(|error| Failure::usage(format!("--from: {error}")))?;
            table.rows().await.map_err(|error| Failure::failed(error.to_string()))?
        }
        _ => args.text()?,
    };
    // The rows were learned, so they are put where the profile's policy puts that.
    let policy = format!("{LEARNING_FOLDER}/{}", args.profile);
    let order = match client.get(&["api", "v1", "documents", "patterns", &policy], &[]).await {
        Ok(policy) => policy.body["body"]["order"].as_i64(),
        Err(Failure::Refused(problem)) if problem.status == 404 => None,
        Err(failure) => return Err(failure),
    };
    import::rows(&text, &args.profile, order).map_err(|error| args.failed(&error))
}

/// The documents of what was read; what cannot be read is reported, and is a failure unless it is to be skipped.
fn of_patterns(args: &ImportArgs, imported: Imported) -> Result<Vec<(DocumentId, Value)>, Failure> {
    imported.notes.iter().for_each(|note| eprint_status(&printable(note)));
    let problem = |bad: &BadItem| files::problem(&format!("{} {}", args.source(), bad.place), &bad.why);
    let problems: Vec<_> = imported.bad.iter().map(problem).collect();
    if !problems.is_empty() && !args.skip_bad {
        return Err(Failure::Files(problems));
    }
    problems.iter().for_each(|problem| eprint_status(&printable(&format!("excluded: {problem}"))));
    let kind = midflight_engine::Kind::name(&Patterns);
    let documents = imported.documents.into_iter();
    Ok(documents.map(|(name, body)| (DocumentId { kind: kind.clone(), name }, body)).collect())
}

/// Prints what a server left out.
fn report_skipped(answer: &Value) {
    for item in answer.get("skipped").and_then(Value::as_array).into_iter().flatten() {
        let [document, path, message] = ["document", "path", "message"].map(|key| text(item, key));
        eprint_status(&printable(&format!("excluded: {document} at {path}: {message}")));
    }
}
