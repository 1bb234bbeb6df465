//! What commands that change something have in common: their flags, and how they tell what became of it.

use clap::Args;
use serde_json::Value;

use super::fail::Failure;
use super::output::{Format, Output, printable, talk, text};

/// The flags of a command that changes something.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WriteArgs {
    /// Do all of it but the change itself, and show what it would change.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Why, for those who read the history.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(super) reason: String,
    /// Change documents that belong to somebody else all the same; they change hands.
    #[arg(long)]
    pub(super) take_over: bool,
}

impl WriteArgs {
    /// The same in the address of a write.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let flag = |set: bool| if set { "true".to_owned() } else { String::new() };
        vec![
            ("dry_run", flag(self.dry_run)),
            ("take_over", flag(self.take_over)),
            ("reason", self.reason.clone()),
        ]
    }
}

/// Prints what became of a write: each document on stdout, the revision on stderr.
pub(super) fn tell(output: &Output, answer: &Value) -> Result<(), Failure> {
    let dry_run = answer.get("dry_run").and_then(Value::as_bool) == Some(true);
    let diffs = answer.get("diff").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match output.format() {
        Format::Table if dry_run => output.raw(diff_text(diffs).as_bytes())?,
        Format::Table => {
            for diff in diffs {
                let effect = match text(diff, "effect").as_str() {
                    "add" => "added",
                    "remove" => "deleted",
                    _ => "changed",
                };
                output.line(&printable(&format!(
                    "{}/{} {effect}",
                    text(diff, "kind"),
                    text(diff, "name")
                )))?;
            }
        }
        _ => output.data(answer, String::new)?,
    }
    let outcome = text(answer, "outcome");
    match (dry_run, outcome.as_str()) {
        (true, "unchanged") => talk("nothing would change"),
        (true, _) => talk("it holds; nothing was changed (dry run)"),
        (false, "unchanged") => talk("nothing to change: it is so already"),
        (false, "queued") => talk("it goes on without you; look with `midflight history`"),
        (false, _) => talk(&format!("revision {} is live", text(answer, "revision"))),
    }
    Ok(())
}

/// The texts of diffs, one after the other.
pub(super) fn diff_text(diffs: &[Value]) -> String {
    diffs.iter().map(|diff| text(diff, "text")).collect()
}
