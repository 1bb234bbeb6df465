//! `classify`: what a query is; or how queries with labels are answered.

use std::path::PathBuf;

use clap::Args;
use midflight_patterns::import::{LabelledQuery, labelled};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::files;
use super::output::{Output, eprint_status, table, text};

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

pub(super) async fn run(client: &ServerClient, output: &Output, args: &ClassifyArgs) -> Result<(), Failure> {
    if let Some(file) = &args.labelled {
        return compare(client, output, file, args.profile.as_deref()).await;
    }
    let answer = ask(client, args.query.as_deref().unwrap_or_default(), args.profile.as_deref()).await?;
    output.data(&answer, || {
        let keys = [
            "category",
            "confidence",
            "action",
            "direct_response",
            "source",
            "normalized",
            "revision",
            "why",
        ];
        let mut rows: Vec<_> = keys.map(|key| [key.to_owned(), text(&answer, key)]).into();
        rows.insert(4, ["matched".to_owned(), matched(&answer)]);
        rows.retain(|[_, value]| !value.is_empty());
        table(&["", ""], rows).trim_start().to_owned()
    })
}

async fn ask(client: &ServerClient, query: &str, profile: Option<&str>) -> Result<Value, Failure> {
    let url = client.url(&["api", "v1", "patterns", "classify"], &[]);
    let body = json!({ "query": query, "profile": profile });
    Ok(client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body)
}

/// The pattern that matched, and by what.
fn matched(answer: &Value) -> String {
    match answer.get("matched").filter(|matched| matched.is_object()) {
        Some(matched) => {
            format!("{} ({} {:?})", text(matched, "id"), text(matched, "match"), text(matched, "key"))
        }
        None => String::new(),
    }
}

async fn compare(
    client: &ServerClient,
    output: &Output,
    file: &std::path::Path,
    profile: Option<&str>,
) -> Result<(), Failure> {
    let queries = labelled(&files::text(file)?);
    let queries = queries.map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let mut compared = Vec::with_capacity(queries.len());
    for LabelledQuery { line, query, category, any, taxonomy } in queries {
        let answer = ask(client, &query, profile).await?;
        let agrees = match &category {
            Some(category) => Some(*category == text(&answer, "category")),
            None => any.then_some(true),
        };
        let category = if any { Some("(any)".to_owned()) } else { category };
        compared.push(json!({
            "line": line, "query": query, "expected_category": category, "taxonomy": taxonomy,
            "category": answer["category"], "source": answer["source"], "matched": answer["matched"],
            "agrees": agrees, "revision": answer["revision"],
        }));
    }
    let agree = compared.iter().filter(|one| one["agrees"] == true).count();
    let reported = compared.iter().filter(|one| one["agrees"].is_boolean()).count();
    let compared = Value::Array(compared);
    output.data(&compared, || {
        let row = |one: &Value| {
            let agrees = match one["agrees"].as_bool() {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            };
            let [line, query, expected, category] =
                ["line", "query", "expected_category", "category"].map(|key| text(one, key));
            [line, query, expected, category, agrees.to_owned(), matched(one)]
        };
        let rows = compared.as_array().into_iter().flatten().map(row);
        table(&["LINE", "QUERY", "LABEL", "CATEGORY", "AGREES", "MATCHED"], rows)
    })?;
    let message = format!("{agree} of {reported} labelled queries are answered as labelled");
    if agree == reported {
        eprint_status(&message);
        return Ok(());
    }
    Err(Failure::failed(message))
}
