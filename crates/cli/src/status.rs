//! `status` and `replicas`: what is wanted, what is served, what was refused, here and on each replica.

use clap::Args;
use midflight_client::Client;
use midflight_client::wire::directories::DirectoryProblem;
use midflight_client::wire::problem::ProblemItem;
use midflight_client::wire::replicas::ReplicaAnswer;
use midflight_client::wire::status::StatusAnswer;

use super::columns::{TableColumn, optional, record};
use super::fail::Failure;
use super::output::Output;

const REPLICAS: &[TableColumn<ReplicaAnswer>] = &[
    TableColumn::new("REPLICA", |replica| replica.id.clone()),
    TableColumn::new("ADDRESS", |replica| replica.address.clone()),
    TableColumn::new("VERSION", |replica| replica.version.clone()),
    TableColumn::new("REVISION", |replica| replica.applied_revision.to_string()),
    TableColumn::new("LAG_MS", |replica| optional(replica.lag_ms)),
    TableColumn::new("LAST_SEEN", |replica| replica.last_seen.clone()),
    TableColumn::new("STATUS", |replica| faults(replica).join("; ")),
    TableColumn::wide("STARTED", |replica| replica.started_at.clone()),
    TableColumn::wide("LABELS", |replica| {
        let labels = replica.labels.iter().map(|(name, value)| format!("{name}={value}"));
        labels.collect::<Vec<_>>().join(" ")
    }),
];

/// The flags of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Show every replica of the log, as `midflight replicas` does.
    #[arg(long)]
    all: bool,
}

pub(super) async fn status(client: &Client, output: &Output, args: &StatusArgs) -> Result<(), Failure> {
    if args.all {
        return replicas(client, output).await;
    }
    let status = client.status().await?;
    output.data(&status, || text(&status))
}

fn text(status: &StatusAnswer) -> String {
    let mut rows = vec![
        ("replica".to_owned(), status.replica_id.clone()),
        ("version".to_owned(), status.version.to_string()),
        ("started".to_owned(), status.started_at.clone()),
        ("desired revision".to_owned(), status.desired_revision.to_string()),
        ("served revision".to_owned(), status.served_revision.to_string()),
        ("served since".to_owned(), status.served_since.clone()),
        ("log last checked".to_owned(), optional(status.last_checked_at.as_ref())),
        ("log available".to_owned(), status.store_available.to_string()),
        ("log diverged".to_owned(), optional(status.log_diverged.as_ref())),
        ("last refused".to_owned(), refused(status)),
    ];
    rows.extend(status.quarantined.iter().map(|quarantined| {
        let problems = problems(&quarantined.problems);
        ("quarantined here".to_owned(), format!("revision {}: {problems}", quarantined.revision))
    }));
    let directories = status.directories.iter().filter(|directory| !directory.problems.is_empty());
    rows.extend(
        directories.map(|directory| {
            (format!("directory {}", directory.name), directory_problems(&directory.problems))
        }),
    );
    record(rows.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

fn refused(status: &StatusAnswer) -> String {
    match &status.last_refused {
        None => "nothing".to_owned(),
        Some(refused) => format!("{} ({}): {}", refused.at, refused.outcome, problems(&refused.problems)),
    }
}

/// Problems in one line.
pub(super) fn problems(problems: &[ProblemItem]) -> String {
    let places = problems.iter().map(|it| (it.document.as_deref(), it.path.as_str(), it.message.as_str()));
    one_line(places)
}

/// The problems of a watched directory in one line.
pub(super) fn directory_problems(problems: &[DirectoryProblem]) -> String {
    let places = problems.iter().map(|it| (it.document.as_deref(), it.path.as_str(), it.message.as_str()));
    one_line(places)
}

fn one_line<'a>(problems: impl Iterator<Item = (Option<&'a str>, &'a str, &'a str)>) -> String {
    let one = |(document, path, message): (Option<&str>, &str, &str)| {
        let parts = [document.unwrap_or_default(), path, message];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    problems.map(one).collect::<Vec<_>>().join("; ")
}

pub(super) async fn replicas(client: &Client, output: &Output) -> Result<(), Failure> {
    let replicas = client.replicas().await?;
    output.list(&replicas, replicas.iter().map(|it| &**it), REPLICAS, |replica| replica.id.clone())
}

/// What a replica does not serve, and what else is wrong with it.
pub(super) fn faults(replica: &ReplicaAnswer) -> Vec<String> {
    let diverged = replica.log_diverged.then(|| "its log has diverged".to_owned());
    let nacks = replica.quarantined.iter().map(|nack| format!("refuses {}: {}", nack.revision, nack.reason));
    let differs = replica.inputs_differ.iter().map(|name| format!("{name} differs from other replicas"));
    let degraded = replica.degraded.clone().filter(|degraded| !degraded.is_empty());
    diverged.into_iter().chain(nacks).chain(differs).chain(degraded).collect()
}
