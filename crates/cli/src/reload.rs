//! `reload`: the sources and the log read again, and what changed applied.

use clap::Args;
use midflight_client::Client;
use midflight_client::wire::directories::ConfirmLossBody;
use midflight_client::wire::reload::{ReloadRequest, ReloadedAnswer};

use super::columns::optional;
use super::fail::Failure;
use super::output::{Output, eprint_status, printable};
use super::progress::Waiting;
use super::scheduling::LaterArgs;
use super::status::{directory_problems, problems};
use super::write::tell;

/// The flags of `reload`.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    /// Read again only the sources of this kind; everything is compiled again.
    kind: Option<String>,
    /// Documents of the kind that must exist.
    #[arg(requires = "kind", value_name = "NAME")]
    names: Vec<String>,
    /// Compile everything again, changed or not.
    #[arg(long)]
    force: bool,
    /// Repeat the reload in each window; everything is compiled again.
    #[arg(long, requires = "window")]
    repeat: bool,
    /// Reason of a scheduled reload, shown in the history.
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Apply this watched directory of the server to the log, once: delete the documents that it no longer has, and
    /// replace newer versions.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["force", "repeat", "not_before", "window"])]
    confirm_loss: Option<String>,
    #[command(flatten)]
    later: LaterArgs,
}

pub(super) async fn run(client: &Client, output: &Output, args: ReloadArgs) -> Result<(), Failure> {
    if let Some(dir) = args.confirm_loss {
        return confirm_loss(client, output, dir).await;
    }
    let request = ReloadRequest {
        kind: args.kind,
        names: Some(args.names).filter(|names| !names.is_empty()),
        force: args.force,
    };
    let later = args.later.later();
    if !later.is_now() {
        let scheduled = client.schedule_reload(&request, &later, args.repeat, &args.reason).await?;
        return tell(client, output, &scheduled).await;
    }
    let waiting = Waiting::new("the replicas are reading and compiling");
    let answer = client.reload(&request).await?;
    drop(waiting);
    output.data(&answer, || reloaded(&answer))?;
    if answer.status == "success" {
        return Ok(());
    }
    let of_directories = answer.directories.iter().map(|it| directory_problems(&it.problems));
    let of_sources = answer.sources.iter().map(|it| problems(&it.problems));
    let all = std::iter::once(problems(&answer.reload.problems)).chain(of_directories).chain(of_sources);
    all.filter(|text| !text.is_empty()).for_each(|text| eprint_status(&printable(&text)));
    Err(Failure::failed("reload failed; keeping current revision"))
}

/// What is served after a reload, and what the replicas did where there are several.
fn reloaded(answer: &ReloadedAnswer) -> String {
    let mut lines = format!(
        "{}: revision {} is served ({:.3} ms)\n",
        answer.outcome, answer.revision, answer.reload_time_ms
    );
    for replica in answer.replicas.iter().filter(|_| answer.replicas.len() > 1) {
        let reason = replica.ack.reason.as_ref().map(|why| format!(": {why}"));
        let line = format!("  {}  {}{}", replica.ack.replica_id, replica.done, optional(reason));
        lines += &(printable(&line) + "\n");
    }
    lines
}

/// Confirms the loss of a watched directory and prints the state of the directory afterwards.
async fn confirm_loss(client: &Client, output: &Output, dir: String) -> Result<(), Failure> {
    let answer = client.confirm_loss(&ConfirmLossBody { dir }).await?;
    output.data(&answer, || {
        let revision = optional(answer.revision);
        printable(&format!("{}: {} documents, revision {revision}", answer.name, answer.documents)) + "\n"
    })?;
    if answer.blocked {
        eprint_status(&printable(&directory_problems(&answer.problems)));
        return Err(Failure::failed("the directory is not followed; current documents kept"));
    }
    Ok(())
}
