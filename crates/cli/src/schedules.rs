//! `schedules`: what waits for its time, and cancelling it.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::history::changes;
use super::output::{Output, eprint_status, table, text};

/// The flags of `schedules`.
#[derive(Debug, Args)]
pub(super) struct SchedulesArgs {
    #[command(subcommand)]
    command: Option<SchedulesCommand>,
}

#[derive(Debug, Subcommand)]
enum SchedulesCommand {
    /// Cancel scheduled changes.
    Cancel {
        /// The schedules, by their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// The reason, shown in the history.
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: SchedulesArgs) -> Result<(), Failure> {
    match args.command {
        None => list(client, output).await,
        Some(SchedulesCommand::Cancel { ids, reason }) => cancel_all(client, output, &ids, &reason).await,
    }
}

/// Cancels one after the other, and prints those that were cancelled also when a later one is refused.
async fn cancel_all(
    client: &ServerClient,
    output: &Output,
    ids: &[String],
    reason: &str,
) -> Result<(), Failure> {
    let mut answers = Vec::new();
    let mut ended = Ok(());
    for id in ids {
        match cancel(client, id, reason).await {
            Ok(answer) => answers.push(answer),
            Err(refused) => {
                ended = Err(refused);
                break;
            }
        }
    }
    let cancelled = &ids[..answers.len()];
    let lines = || cancelled.iter().map(|id| format!("schedules/{id} cancelled\n")).collect();
    if !answers.is_empty() {
        output.data(&Value::from(answers), lines)?;
    }
    ended
}

async fn cancel(client: &ServerClient, id: &str, reason: &str) -> Result<Value, Failure> {
    let url = one(client.url(&["api", "v1", "schedules"], &[("reason", reason.to_owned())]), id)?;
    Ok(client.send(Method::DELETE, url, RequestBody::None, &[]).await?.body)
}

/// The address of one schedule, whose name is one segment there, slashes and all.
fn one(mut url: reqwest::Url, id: &str) -> Result<reqwest::Url, Failure> {
    let segments = url.path_segments_mut();
    segments.map_err(|()| Failure::usage("invalid --url: expected the address of a server"))?.push(id);
    Ok(url)
}

async fn list(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let list = Value::from(client.all(&["api", "v1", "schedules"], &[]).await?);
    output.data(&list, || {
        let row = |schedule: &Value| {
            let [id, author, reason] = ["id", "author", "reason"].map(|key| text(schedule, key));
            [id, when(schedule), what(schedule), author, reason]
        };
        let rows = list.as_array().into_iter().flatten().map(row);
        table(&["ID", "WHEN", "WHAT", "AUTHOR", "REASON"], rows)
    })?;
    if list.as_array().is_some_and(Vec::is_empty) {
        eprint_status("no schedules");
    }
    Ok(())
}

/// When it is due, or why not any more.
fn when(schedule: &Value) -> String {
    match schedule.get("refused").filter(|refused| refused.is_object()) {
        None => text(schedule, "next_at"),
        Some(refused) => {
            let problems = refused.get("problems").and_then(Value::as_array).into_iter().flatten();
            let reported: Vec<_> = problems.map(|problem| text(problem, "message")).collect();
            format!("refused {}: {}", text(refused, "at"), reported.join("; "))
        }
    }
}

fn what(schedule: &Value) -> String {
    match (text(schedule, "what").as_str(), schedule.get("repeat")) {
        ("reload", Some(Value::Bool(true))) => "reload, repeated".to_owned(),
        ("reload", _) => "reload".to_owned(),
        _ => changes(schedule),
    }
}
