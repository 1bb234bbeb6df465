//! `classify`: what a query is; or how queries with labels are answered.

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_client::wire::patterns::{ClassificationAnswer, ClassifyBody, MatchedAnswer};
use midflight_client::{Answer, Client};
use midflight_patterns::import::{LabelledQuery, labelled};
use serde::Serialize;

use super::columns::{TableColumn, optional, record};
use super::fail::Failure;
use super::files;
use super::output::{Output, eprint_status};

/// The flags of `classify`.
#[derive(Debug, Args)]
pub(super) struct ClassifyArgs {
    /// The query.
    #[arg(required_unless_present = "labelled", conflicts_with = "labelled")]
    query: Option<String>,
    /// The profile that normalizes it; `default` by default.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Instead of one query: a file of queries with labels, as tab-separated values with the columns query and
    /// `expected_category`; `-` for stdin. Prints how each is answered, and exits 1 when an answer differs from its
    /// label.
    #[arg(long, value_name = "FILE")]
    labelled: Option<PathBuf>,
}

/// How a query with a label is answered.
#[derive(Debug, Serialize)]
struct ComparedQuery {
    line: usize,
    query: String,
    expected_category: Option<String>,
    taxonomy: Option<String>,
    category: Option<String>,
    source: String,
    matched: Option<MatchedAnswer>,
    agrees: Option<bool>,
    revision: u64,
}

const COMPARED: &[TableColumn<ComparedQuery>] = &[
    TableColumn::new("LINE", |one| one.line.to_string()),
    TableColumn::new("QUERY", |one| one.query.clone()),
    TableColumn::new("LABEL", |one| optional(one.expected_category.as_ref())),
    TableColumn::new("CATEGORY", |one| optional(one.category.as_ref())),
    TableColumn::new("AGREES", |one| optional(one.agrees.map(|agrees| if agrees { "yes" } else { "no" }))),
    TableColumn::new("MATCHED", |one| matched(one.matched.as_ref())),
    TableColumn::wide("SOURCE", |one| one.source.clone()),
];

pub(super) async fn run(client: &Client, output: &Output, args: &ClassifyArgs) -> Result<(), Failure> {
    if let Some(file) = &args.labelled {
        return compare(client, output, file, args.profile.as_deref()).await;
    }
    let answer = ask(client, args.query.as_deref().unwrap_or_default(), args.profile.as_deref()).await?;
    output.data(&answer, || {
        record([
            ("category", optional(answer.category.as_ref())),
            ("confidence", answer.confidence.to_string()),
            ("action", optional(answer.action.as_ref())),
            ("direct_response", optional(answer.direct_response.as_ref())),
            ("matched", matched(answer.matched.as_ref())),
            ("source", answer.source.to_string()),
            ("normalized", answer.normalized.clone()),
            ("revision", answer.revision.to_string()),
            ("why", optional(answer.why.as_ref())),
        ])
    })
}

async fn ask(
    client: &Client,
    query: &str,
    profile: Option<&str>,
) -> Result<Answer<ClassificationAnswer>, Failure> {
    let body =
        ClassifyBody { query: query.to_owned(), profile: profile.map(str::to_owned), session_id: None };
    Ok(client.classify(&body).await?)
}

/// The pattern that matched, and by what.
fn matched(matched: Option<&MatchedAnswer>) -> String {
    optional(matched.map(|matched| format!("{} ({} {:?})", matched.id, matched.r#match, matched.key)))
}

async fn compare(
    client: &Client,
    output: &Output,
    file: &Path,
    profile: Option<&str>,
) -> Result<(), Failure> {
    let queries = labelled(&files::text(file)?);
    let queries = queries.map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let mut compared = Vec::with_capacity(queries.len());
    for LabelledQuery { line, query, category, any, taxonomy } in queries {
        let answer = ask(client, &query, profile).await?.into_value();
        let agrees = match &category {
            Some(expected) => Some(answer.category.as_deref() == Some(expected.as_str())),
            None => any.then_some(true),
        };
        compared.push(ComparedQuery {
            line,
            query,
            expected_category: if any { Some("(any)".to_owned()) } else { category },
            taxonomy,
            category: answer.category.as_deref().map(str::to_owned),
            source: answer.source.into_owned(),
            matched: answer.matched,
            agrees,
            revision: answer.revision,
        });
    }
    output.list(&compared, &compared, COMPARED, |one| one.query.clone())?;
    let agree = compared.iter().filter(|one| one.agrees == Some(true)).count();
    let reported = compared.iter().filter(|one| one.agrees.is_some()).count();
    let message = format!("{agree} of {reported} labelled queries are answered as labelled");
    if agree == reported {
        eprint_status(&message);
        return Ok(());
    }
    Err(Failure::failed(message))
}
