//! `watch`: revisions as they go live, over lost connections too; none missed, none twice.

use std::time::Duration;

use clap::Args;
use midflight_core::KindName;
use serde_json::Value;

use super::client::ServerClient;
use super::fail::Failure;
use super::history::changes;
use super::output::{Output, OutputFormat, eprint_status, printable, text};
use super::sse::SseReader;

/// How long to wait before the first try to connect again, and at most before later ones.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// The longest event, in bytes: a revision may name every document there is.
const EVENT_BYTES_MAX: usize = 256 << 20;

/// The flags of `watch`.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Begin after this revision; by default with the next one.
    #[arg(long, value_name = "REVISION")]
    since: Option<u64>,
    /// Only revisions that change a document of this kind.
    #[arg(long)]
    kind: Option<KindName>,
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: &WatchArgs) -> Result<(), Failure> {
    let mut last = match args.since {
        Some(since) => since,
        None => {
            let status = client.get(&["api", "v1", "status"], &[]).await?.body;
            status.get("served_revision").and_then(Value::as_u64).unwrap_or_default()
        }
    };
    let kind = args.kind.as_ref().map(ToString::to_string).unwrap_or_default();
    let url = client.url(&["api", "v1", "watch"], &[("kind", kind)]);
    let mut wait = RETRY_FIRST;
    let mut connected_before = false;
    loop {
        match client.open(url.clone(), &[("last-event-id", last.to_string())]).await {
            Ok(mut response) => {
                if connected_before {
                    eprint_status("reconnected");
                }
                (wait, connected_before) = (RETRY_FIRST, true);
                let mut events = SseReader::new(EVENT_BYTES_MAX);
                while let Ok(Some(chunk)) = response.chunk().await {
                    for event in events.take(&chunk)? {
                        last = event.id.unwrap_or(last);
                        match event.name.as_str() {
                            "revision" => show(output, &event.data)?,
                            // The numbers are those of other revisions from here on.
                            "log_adopted" => {
                                let message = "the server now follows another log; start again with: watch \
                                               --since 0";
                                return Err(Failure::failed(message));
                            }
                            _ => {}
                        }
                    }
                }
            }
            Err(Failure::Refused(problem)) if problem.status < 500 => {
                if let Some(first) = problem.first_revision {
                    eprint_status(&format!(
                        "the log begins at revision {first}: watch --since {}",
                        first.saturating_sub(1)
                    ));
                }
                return Err(Failure::Refused(problem));
            }
            Err(failure) if !connected_before => return Err(failure),
            Err(_) => {}
        }
        if wait == RETRY_FIRST {
            eprint_status(&format!("disconnected after revision {last}; reconnecting"));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

fn show(output: &Output, data: &str) -> Result<(), Failure> {
    let revision: Value = serde_json::from_str(data)
        .map_err(|error| Failure::failed(format!("the server sent an invalid revision: {error}")))?;
    match output.format() {
        OutputFormat::Json => output.line(&revision.to_string()),
        OutputFormat::Yaml => {
            output.line("---")?;
            output.data(&revision, String::new)
        }
        OutputFormat::Table => {
            let [number, when, author, reason] =
                ["number", "created_at", "author", "reason"].map(|key| printable(&text(&revision, key)));
            let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
            let is_live = revision.get("quarantined").and_then(Value::as_bool) != Some(true);
            let mark = if is_live { "" } else { "  [quarantined: not live on this replica]" };
            let changes = printable(&changes(&revision));
            output.line(&format!("{number}  {when}  {author}: {changes}{reason}{mark}"))
        }
    }
}
