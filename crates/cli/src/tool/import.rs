//! Tools read from files: all files are one text for the server, and what it reports of a line is shown with the file.

use std::path::PathBuf;

use clap::Args;
use midflight_client::wire::edits::WriteAnswer;
use midflight_client::wire::tools::{ImportFailure, ImportToolsBody, ImportedTools};
use midflight_client::{Answer, Client, WriteOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fail::Failure;
use crate::files;
use crate::output::{Output, eprint_status, printable};
use crate::progress::Waiting;
use crate::write::{WriteArgs, everywhere, not_everywhere, tell};

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
        let Failure::Refused(mut refused) = failure else { return failure };
        let lines = refused.problem.errors.iter().map(|item| item.line);
        refused.places = lines.map(|line| line.map(|line| self.place(line))).collect();
        Failure::Refused(refused)
    }

    /// Sends the text to be imported.
    async fn send<T: DeserializeOwned>(
        &self,
        client: &Client,
        overwrite: bool,
        validate_only: bool,
        options: &WriteOptions,
    ) -> Result<Answer<T>, Failure> {
        let _waiting = Waiting::new("the server is compiling and checking");
        let body = ImportToolsBody { yaml_content: self.text.clone(), overwrite, validate_only };
        let answer = client.import_tools(&body, options).await;
        answer.map_err(|error| self.placed(error.into()))
    }

    /// What the server does not import, each with its place and the cure.
    fn failures(&self, failures: &[ImportFailure]) -> Vec<String> {
        let one = |failure: &ImportFailure| {
            let place = failure.line.map_or_else(|| failure.place.clone(), |line| self.place(line));
            let named = failure.tool.as_ref().map_or_else(String::new, |tool| format!("{tool}: "));
            printable(&format!("{place}: {named}{}", failure.error))
        };
        failures.iter().map(one).collect()
    }
}

pub(crate) async fn validate(client: &Client, output: &Output, args: &ValidateArgs) -> Result<(), Failure> {
    let joined = JoinedFiles::read(&args.paths)?;
    let answer: Answer<ImportedTools> = joined.send(client, true, true, &WriteOptions::default()).await?;
    let failures = joined.failures(&answer.errors);
    detail(output, &answer, "valid", &failures)?;
    check_none(&failures, "")
}

pub(crate) async fn run(client: &Client, output: &Output, args: ToolImportArgs) -> Result<(), Failure> {
    let ToolImportArgs { paths, overwrite, skip_bad, write } = args;
    let joined = JoinedFiles::read(&paths)?;
    let options = write.options();
    if write.dry_run || !skip_bad {
        let answer: Answer<ImportedTools> = joined.send(client, overwrite, true, &options).await?;
        let failures = joined.failures(&answer.errors);
        if write.dry_run || !failures.is_empty() {
            detail(output, &answer, "would be imported", &failures)?;
            return check_none(&failures, "; nothing was changed");
        }
    }
    let answer: Answer<Value> = joined.send(client, overwrite, false, &options).await?;
    if answer.get("imported_count").is_none() {
        // It is scheduled, or continues without its caller: the answer is that of every write.
        return tell(client, output, &read::<WriteAnswer>(&answer)?).await;
    }
    let answer = read::<ImportedTools>(&answer)?;
    detail(output, &answer, "imported", &joined.failures(&answer.errors))?;
    match &*answer.outcome {
        "failed" => return Err(Failure::failed("no tool could be imported; nothing was changed")),
        "unchanged" => eprint_status("unchanged"),
        "pending" | "partial" => return Err(not_everywhere(Some(answer.revision), answer.acks.as_deref())),
        _ => {
            let everywhere = everywhere(answer.acks.as_deref(), &answer.silent);
            eprint_status(&format!("revision {} is live{everywhere}", answer.revision));
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(answer: &Answer<Value>) -> Result<Answer<T>, Failure> {
    let read = answer.read_as();
    read.map_err(|error| {
        Failure::failed(format!("cannot read the answer: {error}; use a program of the server's version"))
    })
}

fn detail(
    output: &Output,
    answer: &Answer<ImportedTools>,
    done: &str,
    failures: &[String],
) -> Result<(), Failure> {
    let count = match answer.imported_count {
        1 => "1 tool".to_owned(),
        many => format!("{many} tools"),
    };
    output.data(answer, || format!("{count} {done}\n"))?;
    failures.iter().for_each(|failure| eprint_status(failure));
    for warning in &answer.warnings {
        eprint_status(&printable(&format!("warning: {warning}")));
    }
    Ok(())
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
        let failure = |tool: Option<&str>, error: &str, place: &str, line| ImportFailure {
            tool: tool.map(str::to_owned),
            error: error.to_owned(),
            reason: error.to_owned(),
            place: place.to_owned(),
            line,
        };
        let failures = [
            failure(Some("x"), "has no description", "/1/0", Some(4)),
            failure(None, "is no tool", "/0", None),
        ];
        assert_eq!(joined.failures(&failures), ["b.yaml:1: x: has no description", "/0: is no tool"]);
    }

    #[test]
    fn what_is_not_imported_is_counted() {
        let reported =
            |count| format!("{:?}", check_none(&vec![String::new(); count], "; nothing was changed"));
        assert!(reported(1).contains("\"1 item cannot be imported; nothing was changed\""));
        assert!(reported(2).contains("2 items") && reported(0) == "Ok(())");
    }
}
