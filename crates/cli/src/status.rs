//! `status`, `replicas` and `reload`: what is wanted, what is served, what was refused.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, eprint_status, printable, table, text};
use super::scheduling::LaterArgs;
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

/// The flags of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Show every replica of the log, as `midflight replicas` does.
    #[arg(long)]
    all: bool,
}

pub(super) async fn status(client: &ServerClient, output: &Output, args: &StatusArgs) -> Result<(), Failure> {
    if args.all {
        return replicas(client, output).await;
    }
    let status = client.get(&["api", "v1", "status"], &[]).await?.body;
    output.data(&status, || {
        let mut rows: Vec<[String; 2]> = [
            ("replica", "replica_id"),
            ("version", "version"),
            ("started", "started_at"),
            ("desired revision", "desired_revision"),
            ("served revision", "served_revision"),
            ("served since", "served_since"),
            ("log last checked", "last_checked_at"),
            ("log available", "store_available"),
        ]
        .map(|(label, key)| [label.to_owned(), text(&status, key)])
        .into();
        if let Some(diverged) = status.get("log_diverged").and_then(Value::as_str) {
            rows.push(["log diverged".to_owned(), diverged.to_owned()]);
        }
        rows.push(["last refused".to_owned(), refused(&status)]);
        for left_out in status.get("quarantined").and_then(Value::as_array).into_iter().flatten() {
            let message = format!("revision {}: {}", text(left_out, "revision"), problems(left_out));
            rows.push(["quarantined here".to_owned(), message]);
        }
        let directories = status.get("directories").and_then(Value::as_array).into_iter().flatten();
        for directory in directories.filter(|directory| has_problems(directory)) {
            rows.push([format!("directory {}", text(directory, "name")), problems(directory)]);
        }
        table(&["", ""], rows).trim_start().to_owned()
    })
}

fn refused(status: &Value) -> String {
    match status.get("last_refused").filter(|refused| refused.is_object()) {
        None => "nothing".to_owned(),
        Some(refused) => {
            format!("{} ({}): {}", text(refused, "at"), text(refused, "outcome"), problems(refused))
        }
    }
}

/// Whether anything is wrong with a part of the server.
pub(super) fn has_problems(of: &Value) -> bool {
    of.get("problems").and_then(Value::as_array).is_some_and(|problems| !problems.is_empty())
}

/// The problems of an answer in one line.
pub(super) fn problems(answer: &Value) -> String {
    let problems = answer.get("problems").and_then(Value::as_array).into_iter().flatten();
    let problems = problems.map(|problem| {
        let parts = [text(problem, "document"), text(problem, "path"), text(problem, "message")];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    });
    problems.collect::<Vec<_>>().join("; ")
}

pub(super) async fn replicas(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let answer = client.get(&["api", "v1", "replicas"], &[]).await?.body;
    let replicas = answer.get("items").cloned().unwrap_or_default();
    output.data(&replicas, || {
        let keys = ["id", "address", "version", "applied_revision", "lag_ms", "last_seen"];
        let rows = replicas.as_array().into_iter().flatten().map(|replica| {
            keys.iter().map(|key| text(replica, key)).chain([not_well(replica)]).collect::<Vec<_>>()
        });
        table(&["REPLICA", "ADDRESS", "VERSION", "REVISION", "LAG_MS", "LAST_SEEN", "STATUS"], rows)
    })
}

/// What a replica does not serve, and what else is wrong with it.
fn not_well(replica: &Value) -> String {
    let nacks = replica.get("quarantined").and_then(Value::as_array).into_iter().flatten();
    let nacks = nacks.map(|nack| format!("refuses {}: {}", text(nack, "revision"), text(nack, "reason")));
    let differs = replica.get("inputs_differ").and_then(Value::as_array).into_iter().flatten();
    let differs = differs.filter_map(Value::as_str).map(|name| format!("{name} differs from other replicas"));
    let degraded = Some(text(replica, "degraded")).filter(|degraded| !degraded.is_empty());
    nacks.chain(differs).chain(degraded).collect::<Vec<_>>().join("; ")
}

/// Confirms the loss of a watched directory and prints the state of the directory afterwards.
async fn confirm_loss(client: &ServerClient, output: &Output, dir: &str) -> Result<(), Failure> {
    let url = client.url(&["api", "v1", "directories", "confirm-loss"], &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(json!({ "dir": dir })), &[]).await?.body;
    let line =
        format!("{dir}: {} documents, revision {}\n", text(&answer, "documents"), text(&answer, "revision"));
    output.data(&answer, || line)?;
    if answer.get("blocked").and_then(Value::as_bool) == Some(true) {
        eprint_status(&printable(&problems(&answer)));
        return Err(Failure::failed("the directory is not followed; current documents kept"));
    }
    Ok(())
}

/// What is served after a reload, and what the replicas did where there are several.
fn reloaded(answer: &Value) -> String {
    let mut lines = format!(
        "{}: revision {} is served ({} ms)\n",
        text(answer, "outcome"),
        text(answer, "revision"),
        text(answer, "reload_time_ms")
    );
    let replicas = answer.get("replicas").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for replica in replicas.iter().filter(|_| replicas.len() > 1) {
        let reason = replica.get("reason").and_then(Value::as_str).map(|why| format!(": {}", printable(why)));
        let (id, done) = (text(replica, "replica_id"), text(replica, "done"));
        lines += &format!("  {id}  {done}{}\n", reason.unwrap_or_default());
    }
    lines
}

pub(super) async fn reload(client: &ServerClient, output: &Output, args: &ReloadArgs) -> Result<(), Failure> {
    if let Some(dir) = &args.confirm_loss {
        return confirm_loss(client, output, dir).await;
    }
    let mut query = args.later.query();
    if args.repeat {
        query.push(("repeat", "true".to_owned()));
    }
    if !query.is_empty() {
        query.push(("reason", args.reason.clone()));
    }
    let url = client.url(&["api", "v1", "reload"], &query);
    let names = (!args.names.is_empty()).then_some(&args.names);
    let body = RequestBody::Json(json!({ "force": args.force, "kind": args.kind, "names": names }));
    let answer = client.send(Method::POST, url, body, &[]).await?.body;
    if text(&answer, "outcome") == "scheduled" {
        return tell(output, &answer);
    }
    output.data(&answer, || reloaded(&answer))?;
    if text(&answer, "status") == "success" {
        return Ok(());
    }
    let listed = |key: &str| answer.get(key).and_then(Value::as_array).into_iter().flatten();
    for refused in answer.get("reload").into_iter().chain(listed("directories")).chain(listed("sources")) {
        let problems = problems(refused);
        if !problems.is_empty() {
            eprint_status(&printable(&problems));
        }
    }
    Err(Failure::failed("reload failed; keeping current revision"))
}
