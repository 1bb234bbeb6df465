//! The formats that can be imported. A format is one entry of [`IMPORTERS`]; nothing else knows it.

use std::fmt;
use std::pin::Pin;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use midflight_client::Client;
use midflight_source::FileDocument;
use serde_json::Value;

use super::{ImportArgs, ImportedFile, patterns, rules};
use crate::fail::Failure;
use crate::files;

/// A format of files.
pub(super) struct ImportFormat {
    /// As `--format` takes it.
    pub(super) name: &'static str,
    /// What a file of it holds, for the help.
    about: &'static str,
    /// The flags that only some formats take, of those that this one takes.
    flags: &'static [&'static str],
    /// Reads the file.
    pub(super) read: for<'a> fn(&'a Client, &'a ImportArgs) -> Reading<'a>,
}

/// A file on its way to be documents.
pub(super) type Reading<'a> = Pin<Box<dyn Future<Output = Result<ImportedFile, Failure>> + 'a>>;

/// The formats. The first one is the default.
static IMPORTERS: &[ImportFormat] = &[
    ImportFormat {
        name: DOCUMENTS,
        about: "Documents, as export writes them",
        flags: &[],
        read: |_, args| Box::pin(async move { documents(args) }),
    },
    ImportFormat {
        name: "rule-engine",
        about: "Rules of a rule engine with points and patterns, as JSON",
        flags: &["--conditions", "--on-conflict"],
        read: |client, args| Box::pin(rules::read(client, args)),
    },
    ImportFormat {
        name: "pattern-families",
        about: "Ordered families of patterns of a classifier, as JSON",
        flags: &[],
        read: |_, args| Box::pin(async move { patterns::families(args) }),
    },
    ImportFormat {
        name: PATTERN_ROWS,
        about: "Rows of a table of learned patterns, as JSON; or with --from, the table itself",
        flags: &["--from"],
        read: |client, args| Box::pin(patterns::rows(client, args)),
    },
    ImportFormat {
        name: "labelled-queries",
        about: "Queries with labels, as tab-separated values: each becomes a check",
        flags: &[],
        read: |_, args| Box::pin(async move { patterns::labelled_queries(args) }),
    },
];

pub(super) const DOCUMENTS: &str = "documents";
const PATTERN_ROWS: &str = "pattern-rows";

impl fmt::Debug for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Reads the value of `--format`.
pub(super) fn parser() -> impl TypedValueParser<Value = &'static ImportFormat> {
    let values = IMPORTERS.iter().map(|importer| PossibleValue::new(importer.name).help(importer.about));
    PossibleValuesParser::new(values).map(|name| named(&name))
}

/// The importer of a name. The parser lets no other name pass.
fn named(name: &str) -> &'static ImportFormat {
    IMPORTERS.iter().find(|importer| importer.name == name).unwrap_or(&IMPORTERS[0])
}

/// The importer that the flags choose.
///
/// # Errors
/// [`Failure::Usage`] for a flag that the format does not take.
pub(super) fn chosen(args: &ImportArgs) -> Result<&'static ImportFormat, Failure> {
    let is_table = args.from.is_some() && args.format.name == DOCUMENTS;
    // A table has rows of patterns and nothing else.
    let importer = if is_table { named(PATTERN_ROWS) } else { args.format };
    let given = [
        ("--conditions", args.conditions.is_some()),
        ("--on-conflict", args.on_conflict.is_some()),
        ("--from", args.from.is_some()),
    ];
    let refused = given.into_iter().find(|(flag, is_given)| *is_given && !importer.flags.contains(flag));
    if let Some((flag, _)) = refused {
        let takes = IMPORTERS.iter().filter(|importer| importer.flags.contains(&flag));
        let takes: Vec<_> = takes.map(|importer| importer.name).collect();
        return Err(Failure::usage(format!("{flag} goes with --format {}", takes.join(" or "))));
    }
    Ok(importer)
}

fn documents(args: &ImportArgs) -> Result<ImportedFile, Failure> {
    let source = files::read(args.file.as_slice())?;
    source.check_not_empty()?;
    let document = |document: &FileDocument| (document.id.clone(), Value::clone(&document.body));
    let documents = source.documents.iter().map(document).collect();
    Ok(ImportedFile { documents, source: Some(source), ..ImportedFile::default() })
}
