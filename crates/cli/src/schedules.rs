//! `schedules`: what waits for its time, and cancelling it.

use clap::{Args, Subcommand};
use midflight_client::wire::problem::ProblemItem;
use midflight_client::wire::schedules::ScheduleAnswer;
use midflight_client::{Client, WriteOptions};
use serde::Deserialize;

use super::columns::{TableColumn, optional};
use super::fail::Failure;
use super::history::some_changes;
use super::output::{Output, eprint_status};

const SCHEDULES: &[TableColumn<ScheduleAnswer>] = &[
    TableColumn::new("ID", |schedule| schedule.id.clone()),
    TableColumn::new("WHEN", when),
    TableColumn::new("WHAT", what),
    TableColumn::new("AUTHOR", |schedule| schedule.author.clone()),
    TableColumn::new("REASON", |schedule| schedule.reason.clone()),
    TableColumn::wide("CREATED", |schedule| schedule.created_at.clone()),
    TableColumn::wide("WINDOW", |schedule| {
        optional(schedule.window.as_ref().map(|window| format!("{} {}", window.cron, window.time_zone)))
    }),
];

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

pub(super) async fn run(client: &Client, output: &Output, args: SchedulesArgs) -> Result<(), Failure> {
    match args.command {
        None => list(client, output).await,
        Some(SchedulesCommand::Cancel { ids, reason }) => cancel_all(client, output, &ids, &reason).await,
    }
}

/// Cancels one after the other, and prints those that were cancelled also when a later one is refused.
async fn cancel_all(client: &Client, output: &Output, ids: &[String], reason: &str) -> Result<(), Failure> {
    let mut answers = Vec::new();
    let mut ended = Ok(());
    for id in ids {
        let options = WriteOptions { reason: reason.to_owned(), ..WriteOptions::default() };
        match client.cancel_schedule(id, &options).await {
            Ok(answer) => answers.push(answer),
            Err(refused) => {
                ended = Err(refused.into());
                break;
            }
        }
    }
    let cancelled = &ids[..answers.len()];
    let lines = || cancelled.iter().map(|id| format!("schedules/{id} cancelled\n")).collect();
    if !answers.is_empty() {
        output.data(&answers, lines)?;
    }
    ended
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let found = client.schedules().await?;
    output.list(&found, found.iter().map(|it| &**it), SCHEDULES, |schedule| schedule.id.clone())?;
    if found.is_empty() {
        eprint_status("no schedules");
    }
    Ok(())
}

/// What a schedule keeps of a change that was refused at its time.
#[derive(Debug, Deserialize)]
struct RefusedSchedule {
    at: String,
    problems: Vec<ProblemItem>,
}

/// When it is due, or why not any more.
fn when(schedule: &ScheduleAnswer) -> String {
    match schedule.refused.clone().map(serde_json::from_value::<RefusedSchedule>) {
        None => optional(schedule.next_at.as_ref()),
        Some(Err(_)) => "refused".to_owned(),
        Some(Ok(refused)) => {
            let reported: Vec<_> = refused.problems.iter().map(|problem| problem.message.as_str()).collect();
            format!("refused {}: {}", refused.at, reported.join("; "))
        }
    }
}

fn what(schedule: &ScheduleAnswer) -> String {
    match (&*schedule.what, schedule.repeat) {
        ("reload", true) => "reload, repeated".to_owned(),
        ("reload", false) => "reload".to_owned(),
        _ => {
            let changes = schedule.changes.iter().map(|it| (&*it.op, &*it.kind, &*it.name));
            some_changes(changes, schedule.changes.len() as u64)
        }
    }
}
