//! The files of a rule engine, and what their conditions become beside those that a server has.

use std::collections::BTreeMap;

use clap::ValueEnum;
use midflight_client::Client;
use midflight_core::{DocumentId, KindName, Problem, Problems};
use midflight_rules::import::{self, ConflictPolicy};
use serde_json::Value;

use super::{ImportArgs, ImportedFile};
use crate::export::documents_of;
use crate::fail::Failure;
use crate::files;
use crate::output::{eprint_status, printable};

/// How to handle a condition whose id is used by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnConflict {
    /// Change nothing, and list every conflict.
    Refuse,
    /// Import it as RULESET-ID.
    Prefix,
    /// Replace the other one, for all rulesets.
    Replace,
}

/// The documents of the files; what they have otherwise than the files is reported.
pub(super) async fn read(client: &Client, args: &ImportArgs) -> Result<ImportedFile, Failure> {
    let rules = args.text()?;
    let conditions = args.conditions.as_ref().map(|path| files::text(path)).transpose()?;
    let kind = KindName::new("rules").map_err(|error| Failure::failed(error.to_string()))?;
    let failed = |problems: Problems| not_converted(args, &problems);
    let made = import::import(&rules, conditions.as_deref(), &args.ruleset).map_err(failed)?;
    let made = match &conditions {
        None => made,
        Some(_) => {
            let existing = existing(client, &kind).await?;
            import::settle(made, &args.ruleset, &existing, policy(args.on_conflict)).map_err(failed)?
        }
    };
    made.notices.iter().for_each(|notice| eprint_status(&printable(notice)));
    let documents = made.documents.into_iter();
    let documents = documents.map(|(name, body)| (DocumentId { kind: kind.clone(), name }, body)).collect();
    Ok(ImportedFile { documents, ..ImportedFile::default() })
}

fn policy(choice: Option<OnConflict>) -> ConflictPolicy {
    match choice {
        None | Some(OnConflict::Refuse) => ConflictPolicy::Refuse,
        Some(OnConflict::Prefix) => ConflictPolicy::Prefix,
        Some(OnConflict::Replace) => ConflictPolicy::Replace,
    }
}

/// The documents of a kind that the server has, all of one revision.
async fn existing(client: &Client, kind: &KindName) -> Result<BTreeMap<String, Value>, Failure> {
    let yaml = client.export(Some(kind)).await?.all().await?;
    let documents = documents_of(&yaml)?.into_iter();
    Ok(documents.map(|document| (document.id.name.to_string(), Value::clone(&document.body))).collect())
}

fn not_converted(args: &ImportArgs, problems: &Problems) -> Failure {
    let file = args.source();
    let conditions = args.conditions.as_ref().map(|path| path.display().to_string());
    let of = |path: &str| match &conditions {
        Some(conditions) if path.starts_with("/conditions_set") => conditions.clone(),
        _ => file.clone(),
    };
    let problem = |problem: &Problem| midflight_source::FileProblem {
        path: problem.path.clone(),
        document: problem.document.clone(),
        ..files::problem(&of(problem.path.as_str()), &problem.message)
    };
    Failure::Files(problems.iter().map(problem).collect())
}
