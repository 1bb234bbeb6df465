//! What commands that change something have in common: their flags, and how they print the result.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::fail::Failure;
use super::output::{Output, OutputFormat, eprint_status, printable, text};
use super::scheduling::LaterArgs;

/// How many documents of a write are named; `--output json` has all of them.
const NAMED_MAX: usize = 50;

/// The flags of a command that changes something.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WriteArgs {
    /// Validate and show the changes, without making them.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The reason, shown in the history.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(super) reason: String,
    /// Also change documents of other owners; their owner changes.
    #[arg(long)]
    pub(super) take_over: bool,
    /// When to return: at once, when this server serves it, or when every replica reports that it does.
    #[arg(long, value_enum, default_value_t = WaitArg::Local)]
    pub(super) wait: WaitArg,
    /// How long to wait, in milliseconds; after it the change continues in the background.
    #[arg(long, value_name = "MS")]
    pub(super) timeout_ms: Option<u64>,
    #[command(flatten)]
    pub(super) later: LaterArgs,
}

/// When a write returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum WaitArg {
    None,
    #[default]
    Local,
    All,
}

impl WaitArg {
    /// Its word in an address; what a server does by itself needs none.
    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "",
            Self::All => "all",
        }
    }
}

impl WriteArgs {
    /// The same in the address of a write.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let flag = |set: bool| if set { "true".to_owned() } else { String::new() };
        let mut query = vec![
            ("dry_run", flag(self.dry_run)),
            ("take_over", flag(self.take_over)),
            // Only a try shows what would be different, line by line.
            ("text", flag(self.dry_run)),
            ("reason", self.reason.clone()),
            ("wait", self.wait.word().to_owned()),
            ("timeout_ms", self.timeout_ms.map_or_else(String::new, |ms| ms.to_string())),
        ];
        query.extend(self.later.query());
        query
    }
}

/// Prints the result of a write: each document on stdout, the revision on stderr.
pub(super) fn tell(output: &Output, answer: &Value) -> Result<(), Failure> {
    let outcome = text(answer, "outcome");
    let is_scheduled = outcome == "scheduled";
    let dry_run = answer.get("dry_run").and_then(Value::as_bool) == Some(true);
    let diffs = answer.get("diff").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match output.format() {
        OutputFormat::Table if dry_run => output.raw(diff_text(diffs).as_bytes())?,
        OutputFormat::Table => {
            for diff in diffs.iter().take(NAMED_MAX) {
                let effect = match text(diff, "effect").as_str() {
                    "add" => "added",
                    "remove" => "deleted",
                    _ => "changed",
                };
                let effect = if is_scheduled { format!("will be {effect}") } else { effect.to_owned() };
                output.line(&printable(&format!(
                    "{}/{} {effect}",
                    text(diff, "kind"),
                    text(diff, "name")
                )))?;
            }
            if diffs.len() > NAMED_MAX {
                output.line(&format!("and {} more", diffs.len() - NAMED_MAX))?;
            }
        }
        _ => output.data(answer, String::new)?,
    }
    if let Some(effects) = answer.get("config") {
        show_effects(effects);
    }
    match (dry_run, outcome.as_str()) {
        (true, "unchanged") => eprint_status("nothing would change"),
        // A change of hands shows no text.
        (true, _) if diffs.is_empty() => {
            eprint_status(&format!("only owners would change; {}", tried(answer)))
        }
        (true, _) => eprint_status(&tried(answer)),
        (false, "unchanged") => eprint_status("unchanged"),
        (false, "scheduled") => eprint_status(&scheduled(answer)),
        (false, "queued") => eprint_status("still running; see `midflight history`"),
        (false, "pending" | "partial") => return Err(not_everywhere(answer)),
        (false, _) => {
            eprint_status(&format!("revision {} is live{}", text(answer, "revision"), everywhere(answer)))
        }
    }
    Ok(())
}

/// The result of a dry run, and what it does not try.
fn tried(answer: &Value) -> String {
    let untried = answer.get("not_tried").and_then(Value::as_array).into_iter().flatten();
    let untried: Vec<_> = untried.filter_map(Value::as_str).collect();
    let valid = "valid (dry run; nothing changed)";
    match untried.is_empty() {
        true => valid.to_owned(),
        false => printable(&format!("{valid}; components not tried: {}", untried.join(", "))),
    }
}

/// Prints which values of a config are not in effect.
pub(super) fn show_effects(effects: &Value) {
    let listed = |key: &str| effects.get(key).and_then(Value::as_array).into_iter().flatten();
    for masked in listed("masked") {
        let (path, by) = (text(masked, "path"), text(masked, "by"));
        eprint_status(&printable(&format!(
            "{path} is overridden by {by}: the value in the document has no effect"
        )));
    }
    for secret in listed("literal_secrets") {
        let (config, path) = (text(secret, "config"), text(secret, "path"));
        eprint_status(&printable(&format!(
            "config/{config} {path} looks like a secret in plain text: `config show` masks it, and the log \
             keeps it. Use ${{env:NAME}} or ${{file:PATH}} for the program that reads it, and declare the \
             key `writeOnly` in a schema"
        )));
    }
    for path in listed("restart_required").filter_map(Value::as_str) {
        eprint_status(&printable(&format!("{path} is in effect after the server's next start")));
    }
}

/// Under which name something waits, and until when.
pub(super) fn scheduled(answer: &Value) -> String {
    let schedule = answer.get("schedule").cloned().unwrap_or_default();
    let (id, next_at) = (text(&schedule, "id"), text(&schedule, "next_at"));
    printable(&format!("scheduled for {next_at} as {id}; `midflight schedules` lists what waits"))
}

fn acks(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("acks").and_then(Value::as_array).into_iter().flatten()
}

/// On how many replicas it is, if that was waited for.
fn everywhere(answer: &Value) -> String {
    let silent = silent(answer);
    match acks(answer).count() {
        0 => String::new(),
        1 if silent.is_empty() => " on the only replica".to_owned(),
        many if silent.is_empty() => format!(" on all {many} replicas"),
        1 => format!(" on the only replica that is alive; silent: {silent}"),
        many => format!(" on all {many} replicas that are alive; silent: {silent}"),
    }
}

/// The replicas that were not waited for.
fn silent(answer: &Value) -> String {
    let silent = answer.get("silent").and_then(Value::as_array).into_iter().flatten();
    let one = |it: &Value| {
        let seconds = it.get("last_report_ms").and_then(Value::as_f64).unwrap_or_default() / 1000.0;
        format!("{} (for {seconds:.0} s)", text(it, "replica_id"))
    };
    silent.map(one).collect::<Vec<_>>().join(", ")
}

/// Who does not serve a revision that is in the log.
fn not_everywhere(answer: &Value) -> Failure {
    let others = acks(answer).filter(|ack| ack.get("ack").and_then(Value::as_bool) != Some(true));
    let reported: Vec<_> =
        others.map(|ack| format!("{} {}", text(ack, "replica_id"), text(ack, "reason"))).collect();
    let who = if reported.is_empty() {
        "cannot read the reports of the other replicas".to_owned()
    } else {
        reported.join("; ")
    };
    let revision = text(answer, "revision");
    Failure::failed(printable(&format!("revision {revision} is in the log, and not live everywhere: {who}")))
}

/// The texts of diffs, one after the other. Of one that is too long to be shown in full, that and where its versions
/// are.
pub(super) fn diff_text(diffs: &[Value]) -> String {
    diffs.iter().map(one_diff).collect()
}

fn one_diff(diff: &Value) -> String {
    let shown = text(diff, "text");
    if diff.get("truncated").and_then(Value::as_bool) != Some(true) {
        return shown;
    }
    let [kind, name, effect, href] =
        ["kind", "name", "effect", "href"].map(|key| printable(&text(diff, key)));
    let bytes = |key: &str| diff.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (old, new) = (bytes("old_bytes"), bytes("new_bytes"));
    format!(
        "{shown}# {kind}/{name}: {effect}, from {old} to {new} bytes; the diff is too long to show, see {href}\n"
    )
}
