//! What commands that change something have in common: their flags, and how they print the result.

use clap::{Args, ValueEnum};
use midflight_client::wire::edits::{DocumentDiffAnswer, WriteAnswer};
use midflight_client::wire::replicas::{Ack, SilentReplica};
use midflight_client::{Answer, Client, ClientError, WaitFor, WriteOptions};
use midflight_core::RevisionNumber;

use super::columns::optional;
use super::diffs;
use super::effects::report_effects;
use super::fail::Failure;
use super::output::{Output, OutputFormat, eprint_status, printable};
use super::progress::Waiting;
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

impl WriteArgs {
    /// The same for a client.
    pub(super) fn options(&self) -> WriteOptions {
        WriteOptions {
            dry_run: self.dry_run,
            reason: self.reason.clone(),
            take_over: self.take_over,
            // Only a dry run shows what would be different, line by line.
            diff_text: self.dry_run,
            wait: match self.wait {
                WaitArg::None => WaitFor::Nothing,
                WaitArg::Local => WaitFor::ThisServer,
                WaitArg::All => WaitFor::AllReplicas,
            },
            timeout_ms: self.timeout_ms,
            later: self.later.later(),
            key: None,
        }
    }

    /// Waits for a write, and shows that on a terminal.
    pub(super) async fn made(
        &self,
        write: impl Future<Output = Result<Answer<WriteAnswer>, ClientError>>,
    ) -> Result<Answer<WriteAnswer>, Failure> {
        let _waiting = Waiting::new(match self.wait {
            WaitArg::All if !self.dry_run => "waiting for all replicas",
            _ => "the server is compiling and checking",
        });
        Ok(write.await?)
    }
}

/// Prints the result of a write: each document on stdout, the revision on stderr.
pub(super) async fn tell(
    client: &Client,
    output: &Output,
    answer: &Answer<WriteAnswer>,
) -> Result<(), Failure> {
    show(client, output, answer, true).await
}

/// The same; of a dry run the diffs as YAML, or as JSON.
pub(super) async fn show(
    client: &Client,
    output: &Output,
    answer: &Answer<WriteAnswer>,
    is_yaml: bool,
) -> Result<(), Failure> {
    match output.format() {
        OutputFormat::Table | OutputFormat::Wide if answer.dry_run => {
            let text = match &answer.plan {
                Some(plan) if is_yaml => {
                    diffs::as_yaml(client, &answer.diff, RevisionNumber::new(plan.from)).await?
                }
                _ => diffs::as_sent(&answer.diff),
            };
            output.diff(&text)?;
        }
        OutputFormat::Table | OutputFormat::Wide => output.raw(changed(answer).as_bytes())?,
        OutputFormat::Name => {
            let name = |diff: &DocumentDiffAnswer| printable(&format!("{}/{}", diff.kind, diff.name)) + "\n";
            output.raw(answer.diff.iter().map(name).collect::<String>().as_bytes())?;
        }
        OutputFormat::Json | OutputFormat::Yaml => output.data(answer, String::new)?,
    }
    report_effects(answer);
    told(answer)
}

/// What was done to each document, in a line each.
fn changed(answer: &WriteAnswer) -> String {
    let will_be = if answer.outcome == "scheduled" { "will be " } else { "" };
    let line = |diff: &DocumentDiffAnswer| {
        let effect = match &*diff.effect {
            "add" => "added",
            "remove" => "deleted",
            _ => "changed",
        };
        printable(&format!("{}/{} {will_be}{effect}", diff.kind, diff.name)) + "\n"
    };
    let mut lines: String = answer.diff.iter().take(NAMED_MAX).map(line).collect();
    if let Some(more) = answer.diff.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        lines += &format!("and {more} more\n");
    }
    lines
}

/// Prints how it ended, on stderr.
fn told(answer: &WriteAnswer) -> Result<(), Failure> {
    match (answer.dry_run, &*answer.outcome) {
        (true, "unchanged") => eprint_status("nothing would change"),
        // A change of owners shows no text.
        (true, _) if answer.diff.is_empty() => {
            eprint_status(&format!("only owners would change; {}", tried(answer)))
        }
        (true, _) => eprint_status(&tried(answer)),
        (false, "unchanged") => eprint_status("unchanged"),
        (false, "scheduled") => eprint_status(&scheduled(answer)),
        (false, "queued") => eprint_status("still running; see `midflight history`"),
        (false, "pending" | "partial") => {
            return Err(not_everywhere(answer.revision, answer.acks.as_deref()));
        }
        (false, _) => {
            let revision = optional(answer.revision);
            eprint_status(&format!(
                "revision {revision} is live{}",
                everywhere(answer.acks.as_deref(), &answer.silent)
            ))
        }
    }
    Ok(())
}

/// The result of a dry run, and what it does not try.
fn tried(answer: &WriteAnswer) -> String {
    let valid = "valid (dry run; nothing changed)";
    match answer.not_tried.is_empty() {
        true => valid.to_owned(),
        false => printable(&format!("{valid}; components not tried: {}", answer.not_tried.join(", "))),
    }
}

/// Under which name something waits, and until when.
fn scheduled(answer: &WriteAnswer) -> String {
    let schedule = answer.schedule.as_ref();
    let (id, next_at) =
        (optional(schedule.map(|it| &it.id)), optional(schedule.and_then(|it| it.next_at.as_ref())));
    printable(&format!("scheduled for {next_at} as {id}; `midflight schedules` lists what waits"))
}

/// On how many replicas it is, if that was waited for.
pub(crate) fn everywhere(acks: Option<&[Ack]>, silent_replicas: &[SilentReplica]) -> String {
    let silent = silent(silent_replicas);
    match acks.map_or(0, <[Ack]>::len) {
        0 => String::new(),
        1 if silent.is_empty() => " on the only replica".to_owned(),
        many if silent.is_empty() => format!(" on all {many} replicas"),
        1 => format!(" on the only replica that is alive; silent: {silent}"),
        many => format!(" on all {many} replicas that are alive; silent: {silent}"),
    }
}

/// The replicas that were not waited for.
fn silent(replicas: &[SilentReplica]) -> String {
    let one = |it: &SilentReplica| {
        printable(&format!("{} (for {:.0} s)", it.replica_id, it.last_report_ms / 1000.0))
    };
    replicas.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Who does not serve a revision that is in the log.
pub(crate) fn not_everywhere(revision: Option<u64>, acks: Option<&[Ack]>) -> Failure {
    let others = acks.into_iter().flatten().filter(|ack| !ack.ack);
    let reported: Vec<_> =
        others.map(|ack| format!("{} {}", ack.replica_id, optional(ack.reason.as_ref()))).collect();
    let who = if reported.is_empty() {
        "cannot read the reports of the other replicas".to_owned()
    } else {
        reported.join("; ")
    };
    let revision = optional(revision);
    Failure::failed(printable(&format!("revision {revision} is in the log, and not live everywhere: {who}")))
}
