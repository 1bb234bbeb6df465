//! `edit`: one document in an editor, until it is valid or the edit is cancelled.

use std::io::Write as _;
use std::path::Path;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use midflight_client::wire::edits::WriteAnswer;
use midflight_client::{Answer, Client};
use midflight_core::{DocumentId, Precondition};
use midflight_source::{FileDocument, parse_documents};
use serde_json::json;

use super::comments::comment_lines;
use super::complete;
use super::fail::{Failure, TOKEN_HINT};
use super::get::{check_is_of_log, read};
use super::output::{Output, documents_text, eprint_status};
use super::write::{WriteArgs, tell};

/// What every line that the command writes for the editor's user begins with.
const NOTE: &str = "#: ";

/// How often the editor is opened again: an editor that is a script never ends by itself.
const ROUNDS_MAX: usize = 100;

/// The flags of `edit`.
#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// The document, as rules/loans/R1. It is created if it does not exist.
    #[arg(value_name = "KIND/NAME", add = ArgValueCompleter::new(complete::document_ids))]
    document: DocumentId,
    #[command(flatten)]
    write: WriteArgs,
}

/// The document that an edit is made on.
struct EditBase {
    /// As YAML.
    text: String,
    precondition: Precondition,
}

/// The result of one round in the editor.
enum EditRound {
    Saved(Box<Answer<WriteAnswer>>),
    /// The comment at the top of the next round.
    Again(String),
}

pub(super) async fn run(client: &Client, output: &Output, args: EditArgs) -> Result<(), Failure> {
    check_may_edit(client).await?;
    let mut base = base(client, &args.document).await?;
    let file = tempfile::Builder::new().prefix("midflight-").suffix(".yaml").tempfile();
    let file = file.map_err(|error| Failure::failed(format!("cannot create a file to edit: {error}")))?;
    let mut text = base.text.clone();
    let mut note = format!(
        "{} is applied when you save it and close the editor. Leave it unchanged to change nothing.\nThe log keeps \
         the contents, not the comments: say why with --reason.",
        args.document
    );
    let mut is_conflict = false;
    for _ in 0..ROUNDS_MAX {
        write(file.path(), &format!("{}{text}", noted(&note)))?;
        open(file.path()).await?;
        let saved = std::fs::read_to_string(file.path())
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.path().display())))?;
        let saved = without_notes(&saved);
        if saved == base.text {
            eprint_status("nothing was changed");
            return Ok(());
        }
        // Saved again unchanged after a refusal: the edit is cancelled.
        if saved == text && !is_conflict {
            return Err(kept(file, &note));
        }
        text = saved;
        is_conflict = false;
        note = match save(client, &args, &base, &text).await {
            Ok(EditRound::Saved(answer)) => {
                tell(client, output, &answer).await?;
                report_comments(&text);
                return Ok(());
            }
            Ok(EditRound::Again(note)) => note,
            Err(failure) if failure.code() == Some("precondition_failed") => {
                is_conflict = true;
                base = self::base(client, &args.document).await.map_err(|failure| kept_by(&file, failure))?;
                format!(
                    "The document changed meanwhile. Your text is below; saving it replaces the current \
                     version:\n{}",
                    base.text
                )
            }
            Err(failure) if is_final(&failure) => return Err(kept(file, &failure.text())),
            Err(failure) => failure.text(),
        };
    }
    Err(kept(file, &note))
}

/// Fails before the editor is opened when the server would refuse whatever is saved.
async fn check_may_edit(client: &Client) -> Result<(), Failure> {
    if !client.has_token() {
        return Err(Failure::failed(format!("an edit needs a token; nothing was opened\n{TOKEN_HINT}")));
    }
    let caller = client.whoami().await?;
    match caller.permissions.iter().any(|permission| permission == "edit") {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the token {} has the role {}, which may not edit; nothing was opened; use one of an editor",
            caller.name, caller.role
        ))),
    }
}

/// Whether another text would not help.
fn is_final(failure: &Failure) -> bool {
    !matches!(
        failure.code(),
        Some("invalid_document" | "invalid_body" | "rejected" | "rolled_back" | "too_large")
    )
}

async fn base(client: &Client, id: &DocumentId) -> Result<EditBase, Failure> {
    match client.document(id).await {
        Ok(found) => {
            check_is_of_log(&found)?;
            Ok(EditBase {
                text: documents_text(&[read(&found)?])?,
                precondition: found.version.map_or(Precondition::Present, Precondition::Version),
            })
        }
        Err(error) if error.is_not_found() => Ok(EditBase {
            text: documents_text(&[(id.clone(), json!({}))])?,
            precondition: Precondition::Absent,
        }),
        Err(error) => Err(error.into()),
    }
}

async fn save(client: &Client, args: &EditArgs, base: &EditBase, text: &str) -> Result<EditRound, Failure> {
    let again = |note: &str| Ok(EditRound::Again(note.to_owned()));
    let documents = match parse_documents(text, "line") {
        Ok(documents) => documents,
        Err(problems) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            return again(&lines.join("\n"));
        }
    };
    let [FileDocument { id, body, .. }] = documents.as_slice() else {
        return again("Expected one document. To change nothing, undo your changes and save.");
    };
    if *id != args.document {
        return again(&format!("Expected {}. To change another document, edit that one.", args.document));
    }
    let options = args.write.options();
    let put = client.put_document(id, body, base.precondition, &options);
    Ok(EditRound::Saved(Box::new(args.write.made(put).await?)))
}

/// Says which comments of the text are in no document.
fn report_comments(text: &str) {
    match comment_lines(text) {
        0 => {}
        1 => eprint_status("1 line had a comment, which the log does not keep"),
        many => eprint_status(&format!("{many} lines had comments, which the log does not keep")),
    }
}

fn noted(note: &str) -> String {
    note.lines().map(|line| format!("{NOTE}{line}\n")).collect()
}

/// The text of the editor's user: their comments stay from round to round.
fn without_notes(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with(NOTE.trim_end())).map(|line| format!("{line}\n")).collect()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Opens the editor and waits until it is left.
async fn open(path: &Path) -> Result<(), Failure> {
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // By a shell, since an editor may be named with its flags.
    let mut command = tokio::process::Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg(&editor).arg(path);
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::failed(format!("the editor {editor:?} ended with {status}; nothing was changed")))
        }
        Err(error) => {
            Err(Failure::failed(format!("cannot start the editor {editor:?}: {error}; set EDITOR")))
        }
    }
}

/// The failure of a cancelled edit, with the path of its text.
fn kept(file: tempfile::NamedTempFile, note: &str) -> Failure {
    match file.keep() {
        Ok((_, path)) => Failure::failed(format!("{note}\nYour text is saved in {}", path.display())),
        Err(error) => Failure::failed(format!("{note}\nYour text could not be saved: {error}")),
    }
}

fn kept_by(file: &tempfile::NamedTempFile, failure: Failure) -> Failure {
    let copy = file.path().with_extension("kept.yaml");
    match std::fs::copy(file.path(), &copy) {
        Ok(_) => Failure::failed(format!("{}\nYour text is saved in {}", failure.text(), copy.display())),
        Err(_) => failure,
    }
}
