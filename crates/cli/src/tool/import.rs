//! Tools read from files: all files are one text for the server, and what it reports of a line is shown with the file.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::under;
use crate::client::{RequestBody, ServerClient};
use crate::fail::{Failure, ReportedProblem};
use crate::files;
use crate::output::{Output, eprint_status, printable, text};
use crate::write::WriteArgs;

/// The flags of `tool import`.
#[derive(Debug, Args)]
pub(crate) struct ToolImportArgs {
    /// A YAML or JSON file, a directory of them, or - for stdin; may be given several times. An OpenAPI document
    /// becomes drafts.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Replace tools of the same name; by default each of those is a failure.
    #[arg(long)]
    overwrite: bool,
    /// Skip what cannot be imported, and report it; by default nothing is changed when there is any.
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `tool validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// A YAML or JSON file, a directory of them, or - for stdin; may be given several times. An OpenAPI document
    /// becomes drafts.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Several files as one text.
#[derive(Debug)]
struct JoinedFiles {
    text: String,
    /// The files, each with the number of the line before its first.
    files: Vec<(String, u64)>,
}

impl JoinedFiles {
    fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut joined = Self { text: String::new(), files: Vec::new() };
        for (name, text) in files::texts(paths)? {
            joined.add(name, &text);
        }
        Ok(joined)
    }

    /// Adds a file as documents of their own. A file that ends in the middle of a value is found to do so at its own
    /// lines.
    fn add(&mut self, name: String, text: &str) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !self.text.is_empty() {
            self.text.push_str("---\n");
        }
        let before = self.text.lines().count() as u64;
        self.files.push((name, before));
        self.text.push_str(text);
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// The place of a line of the text, as `tools.yaml:3`.
    fn place(&self, line: u64) -> String {
        let file = self.files.iter().rev().find(|(_, before)| *before < line);
        file.map_or_else(String::new, |(name, before)| format!("{name}:{}", line - before))
    }

    /// A failure of the server with the files that it is about.
    fn placed(&self, failure: Failure) -> Failure {
        let Failure::Refused(mut problem) = failure else { return failure };
        for item in &mut problem.errors {
            let ReportedProblem { place, line, .. } = item;
            *place = line.map(|line| self.place(line));
        }
        Failure::Refused(problem)
    }

    /// Sends the text to be imported.
    async fn send(
        &self,
        client: &ServerClient,
        overwrite: bool,
        validate_only: bool,
        write: &WriteArgs,
    ) -> Result<Value, Failure> {
        let body =
            json!({ "yaml_content": self.text, "overwrite": overwrite, "validate_only": validate_only });
        let url = client.url(&under(&["import"]), &write.query());
        let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await;
        answer.map(|answer| answer.body).map_err(|failure| self.placed(failure))
    }

    /// What the server does not import, each with its place and the cure.
    fn failures(&self, answer: &Value) -> Vec<String> {
        let one = |failure: &Value| {
            let line = failure.get("line").and_then(Value::as_u64);
            let place = line.map_or_else(|| text(failure, "place"), |line| self.place(line));
            let tool = text(failure, "tool");
            let named = if tool.is_empty() { String::new() } else { format!("{tool}: ") };
            printable(&format!("{place}: {named}{}", text(failure, "error")))
        };
        answer.get("errors").and_then(Value::as_array).into_iter().flatten().map(one).collect()
    }
}

pub(crate) async fn validate(
    client: &ServerClient,
    output: &Output,
    args: &ValidateArgs,
) -> Result<(), Failure> {
    let joined = JoinedFiles::read(&args.paths)?;
    let answer = joined.send(client, true, true, &WriteArgs::default()).await?;
    let failures = joined.failures(&answer);
    detail(output, &answer, "valid", &failures)?;
    check_none(&failures, "")
}

pub(crate) async fn run(client: &ServerClient, output: &Output, args: ToolImportArgs) -> Result<(), Failure> {
    let ToolImportArgs { paths, overwrite, skip_bad, write } = args;
    let joined = JoinedFiles::read(&paths)?;
    if write.dry_run || !skip_bad {
        let answer = joined.send(client, overwrite, true, &write).await?;
        let failures = joined.failures(&answer);
        if write.dry_run || !failures.is_empty() {
            detail(output, &answer, "would be imported", &failures)?;
            return check_none(&failures, "; nothing was changed");
        }
    }
    let answer = joined.send(client, overwrite, false, &write).await?;
    let failures = joined.failures(&answer);
    let outcome = text(&answer, "outcome");
    if outcome == "scheduled" {
        return crate::write::tell(output, &answer);
    }
    detail(output, &answer, "imported", &failures)?;
    match outcome.as_str() {
        "failed" => return Err(Failure::failed("no tool could be imported; nothing was changed")),
        "unchanged" => eprint_status("unchanged"),
        _ => eprint_status(&format!("revision {} is live", text(&answer, "revision"))),
    }
    Ok(())
}

fn detail(output: &Output, answer: &Value, done: &str, failures: &[String]) -> Result<(), Failure> {
    output.data(answer, || format!("{} {done}\n", count(answer, "imported_count")))?;
    failures.iter().for_each(|failure| eprint_status(failure));
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        eprint_status(&printable(&format!("warning: {}", warning.as_str().unwrap_or_default())));
    }
    Ok(())
}

fn count(answer: &Value, key: &str) -> String {
    match text(answer, key).as_str() {
        "1" => "1 tool".to_owned(),
        many => format!("{many} tools"),
    }
}

/// Fails where something cannot be imported, with what that means.
fn check_none(failures: &[String], so: &str) -> Result<(), Failure> {
    let items = match failures.len() {
        0 => return Ok(()),
        1 => "1 item".to_owned(),
        many => format!("{many} items"),
    };
    Err(Failure::failed(format!("{items} cannot be imported{so}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_reported_with_its_file() {
        let mut joined = JoinedFiles { text: String::new(), files: Vec::new() };
        joined.add("a.yaml".to_owned(), "a: 1\nb: 2");
        joined.add("b.yaml".to_owned(), "\u{feff}- c\n- d\n");
        assert_eq!(joined.text, "a: 1\nb: 2\n---\n- c\n- d\n");
        assert_eq!(
            [1, 2, 4, 5].map(|line| joined.place(line)),
            ["a.yaml:1", "a.yaml:2", "b.yaml:1", "b.yaml:2"]
        );
        let answer = json!({"errors": [
            {"tool": "x", "error": "has no description", "place": "/1/0", "line": 4},
            {"tool": null, "error": "is no tool", "place": "/0", "line": null},
        ]});
        assert_eq!(joined.failures(&answer), ["b.yaml:1: x: has no description", "/0: is no tool"]);
    }

    #[test]
    fn what_is_not_imported_is_counted() {
        let reported =
            |count| format!("{:?}", check_none(&vec![String::new(); count], "; nothing was changed"));
        assert!(reported(1).contains("\"1 item cannot be imported; nothing was changed\""));
        assert!(reported(2).contains("2 items") && reported(0) == "Ok(())");
    }
}
