//! `doctor`: checks everything that can be wrong, one thing after the other, with what to do about it.

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_store::{RevisionLog as _, SqliteOptions, SqliteStore, Store as _, StoreError};
use reqwest::Method;
use serde_json::{Value, json};

use super::Global;
use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, table, text};
use super::status::{has_problems, problems};

/// The flags of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Also check the log in this data folder; no server may be using it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The result of one check.
struct Finding {
    what: &'static str,
    verdict: FindingVerdict,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FindingVerdict {
    Good,
    /// A note: it may be intended.
    Note,
    Bad,
}

impl FindingVerdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "wrong",
        }
    }
}

fn finding(what: &'static str, verdict: FindingVerdict, detail: impl Into<String>) -> Finding {
    Finding { what, verdict, detail: detail.into() }
}

pub(super) async fn run(global: &Global, output: &Output, args: &DoctorArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let client = global.target();
    let client = client.and_then(|target| ServerClient::new(&target.url, target.token, &global.tls));
    match client {
        Err(failure) => findings.push(finding("address", FindingVerdict::Bad, failure.text())),
        Ok(client) => server(&client, &mut findings).await,
    }
    if let Some(dir) = &args.data_dir {
        findings.push(data(dir).await);
    }
    let bad = findings.iter().filter(|finding| finding.verdict == FindingVerdict::Bad).count();
    let list: Vec<_> = findings
        .iter()
        .map(|one| json!({ "what": one.what, "verdict": one.verdict.word(), "told": one.detail }))
        .collect();
    output.data(&Value::from(list), || {
        let row = |one: &Finding| [one.verdict.word().to_owned(), one.what.to_owned(), one.detail.clone()];
        table(&["", "", ""], findings.iter().map(row)).trim_start().to_owned()
    })?;
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed("one problem found")),
        bad => Err(Failure::failed(format!("{bad} problems found"))),
    }
}

async fn server(client: &ServerClient, findings: &mut Vec<Finding>) {
    let status = match client.get(&["api", "v1", "status"], &[]).await {
        Ok(status) => status.body,
        Err(failure) if matches!(failure.code(), Some("unauthenticated" | "forbidden")) => {
            findings.push(finding("server", FindingVerdict::Good, format!("{} answers", client.base())));
            return findings.push(finding("token", FindingVerdict::Bad, failure.text()));
        }
        Err(failure) => return findings.push(finding("server", FindingVerdict::Bad, failure.text())),
    };
    let version = text(&status, "version");
    let (own, detail) = (env!("CARGO_PKG_VERSION"), format!("{} responds, version {version}", client.base()));
    let same = version == own;
    findings.push(if same {
        finding("server", FindingVerdict::Good, detail)
    } else {
        finding("server", FindingVerdict::Note, format!("{detail}; this program is {own}"))
    });
    findings.push(match client.get(&["health", "ready"], &[]).await {
        Ok(_) => finding("health", FindingVerdict::Good, "ready"),
        Err(failure) => finding("health", FindingVerdict::Bad, failure.text()),
    });
    findings.push(revision(&status));
    findings.push(match status.get("last_refused").filter(|refused| refused.is_object()) {
        None => finding("refused", FindingVerdict::Good, "nothing refused"),
        Some(refused) => finding(
            "refused",
            FindingVerdict::Note,
            format!("at {}: {}", text(refused, "at"), problems(refused)),
        ),
    });
    findings.extend(directories(&status));
    findings.push(token(client).await);
}

/// The state of each watched directory.
fn directories(status: &Value) -> impl Iterator<Item = Finding> {
    status.get("directories").and_then(Value::as_array).into_iter().flatten().map(|directory| {
        let (name, dir) = (text(directory, "name"), text(directory, "dir"));
        let (verdict, detail) = match directory.get("blocked").and_then(Value::as_bool) {
            Some(true) => (FindingVerdict::Bad, format!("is not followed: {}", problems(directory))),
            _ if has_problems(directory) => (FindingVerdict::Note, problems(directory)),
            _ => (FindingVerdict::Good, format!("{} documents are in the log", text(directory, "documents"))),
        };
        finding("directory", verdict, format!("{name} ({dir}): {detail}"))
    })
}

fn revision(status: &Value) -> Finding {
    let (wanted, served) = (text(status, "desired_revision"), text(status, "served_revision"));
    let left_out = status.get("quarantined").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if status.get("store_available").and_then(Value::as_bool) == Some(false) {
        finding("log", FindingVerdict::Bad, format!("log unavailable; serving revision {served}"))
    } else if let Some(first) = left_out.first() {
        let detail = format!("revision {} is quarantined: {}", text(first, "revision"), problems(first));
        finding(
            "log",
            FindingVerdict::Bad,
            format!("{detail}; fix it with a new revision, or restore an earlier one"),
        )
    } else if wanted != served {
        finding("log", FindingVerdict::Note, format!("revision {served} is served, {wanted} is desired"))
    } else {
        finding("log", FindingVerdict::Good, format!("revision {served} is desired and served"))
    }
}

async fn token(client: &ServerClient) -> Finding {
    if !client.has_token() {
        return finding(
            "token",
            FindingVerdict::Note,
            "none; reads may be allowed without one, changes need one",
        );
    }
    // An edit of nothing, and only tried: it comes as far as the token and no further.
    let url = client.url(&["api", "v1", "apply"], &[("dry_run", "true".to_owned())]);
    match client.send(Method::POST, url, RequestBody::Json(json!({ "changes": [] })), &[]).await {
        Err(failure) if matches!(failure.code(), Some("unauthenticated" | "forbidden")) => {
            finding("token", FindingVerdict::Bad, failure.text())
        }
        _ => finding("token", FindingVerdict::Good, "valid, and may make changes"),
    }
}

async fn data(dir: &Path) -> Finding {
    let path = dir.join("midflight.db");
    let shown = path.display();
    if !path.exists() {
        return finding("data", FindingVerdict::Note, format!("no log at {shown} yet"));
    }
    let store = match SqliteStore::open(SqliteOptions::new(&path)).await {
        Ok(store) => store,
        Err(StoreError::InUse(_)) => {
            return finding(
                "data",
                FindingVerdict::Good,
                format!(
                    "{shown} is in use by a server; stop it to check \
                                                           the log"
                ),
            );
        }
        Err(error) => return finding("data", FindingVerdict::Bad, error.to_string()),
    };
    let found = match store.diagnose().await {
        Ok(problems) if problems.is_empty() => {
            let head =
                store.head().await.map_or_else(|error| error.to_string(), |head| head.number.to_string());
            finding("data", FindingVerdict::Good, format!("{shown} is intact, at revision {head}"))
        }
        Ok(problems) => finding("data", FindingVerdict::Bad, format!("{shown}: {}", problems.join("; "))),
        Err(error) => finding("data", FindingVerdict::Bad, error.to_string()),
    };
    store.close().await;
    found
}
