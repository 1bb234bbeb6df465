//! `doctor`: looks at everything that can be wrong, one thing after the other, and says what to do.

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_store::{RevisionLog as _, SqliteOptions, SqliteStore, Store as _, StoreError};
use reqwest::Method;
use serde_json::{Value, json};

use super::Global;
use super::client::{Body, Client};
use super::fail::Failure;
use super::output::{Output, table, text};
use super::status::{has_problems, problems};

/// The flags of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Look at the log in this data folder as well; no server may have it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What was found out about one thing.
struct Finding {
    what: &'static str,
    verdict: Verdict,
    told: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Worth knowing, and may be meant so.
    Note,
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "wrong",
        }
    }
}

fn finding(what: &'static str, verdict: Verdict, told: impl Into<String>) -> Finding {
    Finding { what, verdict, told: told.into() }
}

pub(super) async fn run(global: &Global, output: &Output, args: &DoctorArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    match Client::new(&global.url, global.token.clone(), global.ca_file.as_deref()) {
        Err(failure) => findings.push(finding("address", Verdict::Bad, failure.text())),
        Ok(client) => server(&client, &mut findings).await,
    }
    if let Some(dir) = &args.data_dir {
        findings.push(data(dir).await);
    }
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let list: Vec<_> = findings
        .iter()
        .map(|one| json!({ "what": one.what, "verdict": one.verdict.word(), "told": one.told }))
        .collect();
    output.data(&Value::from(list), || {
        let row = |one: &Finding| [one.verdict.word().to_owned(), one.what.to_owned(), one.told.clone()];
        table(&["", "", ""], findings.iter().map(row)).trim_start().to_owned()
    })?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing is wrong")),
        bad => Err(Failure::failed(format!("{bad} things are wrong"))),
    }
}

async fn server(client: &Client, findings: &mut Vec<Finding>) {
    let status = match client.get(&["api", "v1", "status"], &[]).await {
        Ok(status) => status.body,
        Err(failure) if matches!(failure.code(), Some("unauthenticated" | "forbidden")) => {
            findings.push(finding("server", Verdict::Good, format!("{} answers", client.base())));
            return findings.push(finding("token", Verdict::Bad, failure.text()));
        }
        Err(failure) => return findings.push(finding("server", Verdict::Bad, failure.text())),
    };
    let version = text(&status, "version");
    let (own, told) = (env!("CARGO_PKG_VERSION"), format!("{} answers, version {version}", client.base()));
    let same = version == own;
    findings.push(if same {
        finding("server", Verdict::Good, told)
    } else {
        finding("server", Verdict::Note, format!("{told}; this program is {own}"))
    });
    findings.push(match client.get(&["health", "ready"], &[]).await {
        Ok(_) => finding("health", Verdict::Good, "ready"),
        Err(failure) => finding("health", Verdict::Bad, failure.text()),
    });
    findings.push(revision(&status));
    findings.push(match status.get("last_refused").filter(|refused| refused.is_object()) {
        None => finding("refused", Verdict::Good, "nothing was refused"),
        Some(refused) => {
            finding("refused", Verdict::Note, format!("at {}: {}", text(refused, "at"), problems(refused)))
        }
    });
    findings.extend(directories(&status));
    findings.push(token(client).await);
}

/// How each watched directory stands to the log.
fn directories(status: &Value) -> impl Iterator<Item = Finding> {
    status.get("directories").and_then(Value::as_array).into_iter().flatten().map(|directory| {
        let (name, dir) = (text(directory, "name"), text(directory, "dir"));
        let (verdict, told) = match directory.get("blocked").and_then(Value::as_bool) {
            Some(true) => (Verdict::Bad, format!("is not followed: {}", problems(directory))),
            _ if has_problems(directory) => (Verdict::Note, problems(directory)),
            _ => (Verdict::Good, format!("{} documents are in the log", text(directory, "documents"))),
        };
        finding("directory", verdict, format!("{name} ({dir}): {told}"))
    })
}

fn revision(status: &Value) -> Finding {
    let (wanted, served) = (text(status, "desired_revision"), text(status, "served_revision"));
    let left_out = status.get("quarantined").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if status.get("store_available").and_then(Value::as_bool) == Some(false) {
        finding("log", Verdict::Bad, format!("log unavailable; serving revision {served}"))
    } else if let Some(first) = left_out.first() {
        let told = format!("revision {} is left out: {}", text(first, "revision"), problems(first));
        finding(
            "log",
            Verdict::Bad,
            format!("{told}; put a revision on top that mends it, or restore the one before"),
        )
    } else if wanted != served {
        finding("log", Verdict::Note, format!("revision {served} is served, {wanted} is wanted"))
    } else {
        finding("log", Verdict::Good, format!("revision {served} is wanted and served"))
    }
}

async fn token(client: &Client) -> Finding {
    if !client.has_token() {
        return finding(
            "token",
            Verdict::Note,
            "none; reads go without where they are open, changes need one",
        );
    }
    // An edit of nothing, and only tried: it comes as far as the token and no further.
    let url = client.url(&["api", "v1", "apply"], &[("dry_run", "true".to_owned())]);
    match client.send(Method::POST, url, Body::Json(json!({ "changes": [] })), &[]).await {
        Err(failure) if matches!(failure.code(), Some("unauthenticated" | "forbidden")) => {
            finding("token", Verdict::Bad, failure.text())
        }
        _ => finding("token", Verdict::Good, "known, and may change things"),
    }
}

async fn data(dir: &Path) -> Finding {
    let path = dir.join("midflight.db");
    let shown = path.display();
    if !path.exists() {
        return finding("data", Verdict::Note, format!("there is no log at {shown} yet"));
    }
    let store = match SqliteStore::open(SqliteOptions::new(&path)).await {
        Ok(store) => store,
        Err(StoreError::InUse(_)) => {
            return finding("data", Verdict::Good, format!("a server has {shown}; stop it to look inside"));
        }
        Err(error) => return finding("data", Verdict::Bad, error.to_string()),
    };
    let found = match store.diagnose().await {
        Ok(problems) if problems.is_empty() => {
            let head =
                store.head().await.map_or_else(|error| error.to_string(), |head| head.number.to_string());
            finding("data", Verdict::Good, format!("{shown} is sound, at revision {head}"))
        }
        Ok(problems) => finding("data", Verdict::Bad, format!("{shown}: {}", problems.join("; "))),
        Err(error) => finding("data", Verdict::Bad, error.to_string()),
    };
    store.close().await;
    found
}
