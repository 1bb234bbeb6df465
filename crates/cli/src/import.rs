//! `import`: files of documents, those of other systems too, as one revision.

mod format;
mod patterns;
mod rules;
mod usage;

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_client::wire::problem::ProblemItem;
use midflight_client::{Client, InvalidDocuments};
use midflight_core::DocumentId;
use midflight_patterns::import::UseCount;
use serde_json::Value;

use super::fail::Failure;
use super::files::{self, Documents, to_body};
use super::output::{Output, eprint_status, printable};
use super::write::{WriteArgs, show};
use format::ImportFormat;
use rules::OnConflict;
use usage::take_counts;

/// The flags of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; - for stdin; a directory too, with --format documents.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<PathBuf>,
    /// The format of the file.
    #[arg(long, value_parser = format::parser(), default_value = format::DOCUMENTS)]
    format: &'static ImportFormat,
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

/// What an importer made of a file.
#[derive(Debug, Default)]
struct ImportedFile {
    documents: Vec<(DocumentId, Value)>,
    /// The file, when it has these documents as they are: problems have places in it.
    source: Option<Documents>,
    /// How often patterns were used where they come from.
    counts: Vec<UseCount>,
}

pub(super) async fn run(client: &Client, output: &Output, mut args: ImportArgs) -> Result<(), Failure> {
    if args.write.reason.is_empty() {
        args.write.reason = format!("import {}", args.source());
    }
    let importer = format::chosen(&args)?;
    let ImportedFile { documents, source, counts } = (importer.read)(client, &args).await?;
    if documents.is_empty() {
        return Err(Failure::failed("the input is empty; nothing was changed"));
    }
    let invalid = if args.skip_bad { InvalidDocuments::Skip } else { InvalidDocuments::Refuse };
    let (body, options) = (to_body(documents.iter().map(|(id, body)| (id, body))), args.write.options());
    let answer = args.write.made(client.import(body, invalid, &options)).await;
    let answer = answer.map_err(|failure| match &source {
        Some(source) => source.placed(failure),
        None => failure,
    })?;
    answer.skipped.iter().for_each(report_skipped);
    show(client, output, &answer, source.as_ref().is_none_or(Documents::are_yaml)).await?;
    let is_made = !args.write.dry_run && answer.outcome != "scheduled";
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

/// Prints what a server left out.
fn report_skipped(item: &ProblemItem) {
    let document = item.document.as_deref().unwrap_or_default();
    eprint_status(&printable(&format!("excluded: {document} at {}: {}", item.path, item.message)));
}
