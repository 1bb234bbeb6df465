//! The files of a classifier with ordered families: families, rows of its table, queries with labels.

use midflight_client::Client;
use midflight_core::DocumentId;
use midflight_patterns::import::{self, BadItem, Imported};
use midflight_patterns::{LEARNING_FOLDER, Patterns};
use midflight_server::PatternTable;
use serde::Deserialize;

use super::{ImportArgs, ImportedFile};
use crate::fail::Failure;
use crate::files;
use crate::output::{eprint_status, printable};

/// What an import of rows needs of the policy of a profile.
#[derive(Debug, Deserialize)]
struct PolicyOrder {
    #[serde(default)]
    order: Option<i64>,
}

pub(super) fn families(args: &ImportArgs) -> Result<ImportedFile, Failure> {
    let read = import::families(&args.text()?, &args.profile);
    documents(args, read.map_err(|error| args.failed(&error))?)
}

pub(super) fn labelled_queries(args: &ImportArgs) -> Result<ImportedFile, Failure> {
    let queries = import::labelled(&args.text()?).map_err(|error| args.failed(&error))?;
    documents(args, import::checks(&queries, &args.profile))
}

pub(super) async fn rows(client: &Client, args: &ImportArgs) -> Result<ImportedFile, Failure> {
    let text = match (&args.from, &args.table) {
        (Some(from), Some(table)) => {
            let table =
                PatternTable::new(from, table).map_err(|error| Failure::usage(format!("--from: {error}")))?;
            table.rows().await.map_err(|error| Failure::failed(error.to_string()))?
        }
        _ => args.text()?,
    };
    // The rows were learned, so they are put where the profile's policy puts that.
    let policy = DocumentId::new("patterns", &format!("{LEARNING_FOLDER}/{}", args.profile));
    let policy = policy.map_err(|error| Failure::usage(format!("--profile: {error}")))?;
    let order = match client.document(&policy).await {
        Ok(policy) => {
            let policy: Option<PolicyOrder> = serde_json::from_str(policy.body.get()).ok();
            policy.and_then(|policy| policy.order)
        }
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    documents(args, import::rows(&text, &args.profile, order).map_err(|error| args.failed(&error))?)
}

/// The documents of what was read; what cannot be read is reported, and is a failure unless it is to be skipped.
fn documents(args: &ImportArgs, imported: Imported) -> Result<ImportedFile, Failure> {
    imported.notes.iter().for_each(|note| eprint_status(&printable(note)));
    let problem = |bad: &BadItem| files::problem(&format!("{} {}", args.source(), bad.place), &bad.why);
    let problems: Vec<_> = imported.bad.iter().map(problem).collect();
    if !problems.is_empty() && !args.skip_bad {
        return Err(Failure::Files(problems));
    }
    problems.iter().for_each(|problem| eprint_status(&printable(&format!("excluded: {problem}"))));
    let kind = midflight_engine::Kind::name(&Patterns);
    let documents = imported.documents.into_iter();
    let documents = documents.map(|(name, body)| (DocumentId { kind: kind.clone(), name }, body)).collect();
    Ok(ImportedFile { documents, counts: imported.counts, source: None })
}
