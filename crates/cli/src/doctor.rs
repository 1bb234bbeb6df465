//! `doctor`: checks everything that can be wrong, one thing after the other, with what to do about it.

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_client::wire::directories::DirectoryAnswer;
use midflight_client::wire::edits::ApplyRequest;
use midflight_client::wire::replicas::ReplicaAnswer;
use midflight_client::wire::status::StatusAnswer;
use midflight_client::{Client, ClientError, WriteOptions};
use midflight_store::{RevisionLog as _, SqliteOptions, SqliteStore, Store as _, StoreError};
use serde::Serialize;

use super::columns::TableColumn;
use super::connection::Global;
use super::fail::Failure;
use super::output::Output;
use super::status::{directory_problems, faults, problems};

/// The flags of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Also check the log in this data folder; no server may be using it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: FindingVerdict,
    #[serde(rename = "told")]
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum FindingVerdict {
    #[serde(rename = "ok")]
    Good,
    /// It may be intended.
    #[serde(rename = "note")]
    Note,
    #[serde(rename = "wrong")]
    Bad,
}

const FINDINGS: &[TableColumn<Finding>] = &[
    TableColumn::new("", |finding| {
        let word = match finding.verdict {
            FindingVerdict::Good => "ok",
            FindingVerdict::Note => "note",
            FindingVerdict::Bad => "wrong",
        };
        word.to_owned()
    }),
    TableColumn::new("", |finding| finding.what.to_owned()),
    TableColumn::new("", |finding| finding.detail.clone()),
];

fn good(what: &'static str, detail: impl Into<String>) -> Finding {
    Finding { what, verdict: FindingVerdict::Good, detail: detail.into() }
}

fn note(what: &'static str, detail: impl Into<String>) -> Finding {
    Finding { what, verdict: FindingVerdict::Note, detail: detail.into() }
}

fn bad(what: &'static str, detail: impl Into<String>) -> Finding {
    Finding { what, verdict: FindingVerdict::Bad, detail: detail.into() }
}

fn failed(what: &'static str, error: ClientError) -> Finding {
    bad(what, Failure::from(error).text())
}

pub(super) async fn run(global: &Global, output: &Output, args: &DoctorArgs) -> Result<(), Failure> {
    let mut findings = Vec::new();
    match global.client() {
        Err(failure) => findings.push(bad("address", failure.text())),
        Ok(client) => server(&client, &mut findings).await,
    }
    if let Some(dir) = &args.data_dir {
        findings.push(data(dir).await);
    }
    output.list(&findings, &findings, FINDINGS, |finding| finding.what.to_owned())?;
    match findings.iter().filter(|finding| finding.verdict == FindingVerdict::Bad).count() {
        0 => Ok(()),
        1 => Err(Failure::failed("one problem found")),
        bad => Err(Failure::failed(format!("{bad} problems found"))),
    }
}

async fn server(client: &Client, findings: &mut Vec<Finding>) {
    let status = match client.status().await {
        Ok(status) => status,
        Err(error) if matches!(error.code(), Some("unauthenticated" | "forbidden")) => {
            findings.push(good("server", format!("{} answers", client.address())));
            return findings.push(failed("token", error));
        }
        Err(error) => return findings.push(failed("server", error)),
    };
    let own = env!("CARGO_PKG_VERSION");
    let detail = format!("{} responds, version {}", client.address(), status.version);
    findings.push(match status.version == own {
        true => good("server", detail),
        false => note("server", format!("{detail}; this program is {own}")),
    });
    findings.push(match client.ready().await {
        Ok(ready) if ready.degraded.is_empty() => good("health", "ready"),
        Ok(ready) => note("health", format!("ready, but degraded: {}", ready.degraded.join("; "))),
        Err(error) => failed("health", error),
    });
    findings.push(revision(&status));
    findings.push(match &status.last_refused {
        None => good("refused", "nothing refused"),
        Some(refused) => note("refused", format!("at {}: {}", refused.at, problems(&refused.problems))),
    });
    findings.extend(status.directories.iter().map(directory));
    findings.extend(fleet(client, &status).await);
    findings.push(token(client).await);
}

fn directory(directory: &DirectoryAnswer) -> Finding {
    let problems = directory_problems(&directory.problems);
    let named = |detail: &str| format!("{} ({}): {detail}", directory.name, directory.dir);
    match (directory.blocked, directory.problems.is_empty()) {
        (true, _) => bad("directory", named(&format!("is not followed: {problems}"))),
        (false, false) => note("directory", named(&problems)),
        (false, true) => {
            good("directory", named(&format!("{} documents are in the log", directory.documents)))
        }
    }
}

fn revision(status: &StatusAnswer) -> Finding {
    let (desired, served) = (status.desired_revision, status.served_revision);
    if !status.store_available {
        return bad("log", format!("log unavailable; serving revision {served}"));
    }
    if let Some(diverged) = &status.log_diverged {
        return bad(
            "log",
            format!("the log has diverged: {diverged}; restore the log, or run `midflight log adopt`"),
        );
    }
    if let Some(first) = status.quarantined.first() {
        let detail = format!("revision {} is quarantined: {}", first.revision, problems(&first.problems));
        return bad("log", format!("{detail}; fix it with a new revision, or restore an earlier one"));
    }
    match desired == served {
        true => good("log", format!("revision {served} is desired and served")),
        false => note("log", format!("revision {served} is served, {desired} is desired")),
    }
}

/// The replicas that are not as this one: behind, silent, diverged, with quarantined revisions. One finding for all that
/// are well.
async fn fleet(client: &Client, status: &StatusAnswer) -> Vec<Finding> {
    let replicas = match client.replicas().await {
        Ok(replicas) => replicas,
        // A token of some documents sees no replicas.
        Err(error) if error.code() == Some("forbidden") => {
            return vec![note("fleet", "not checked: the token may not see the replicas")];
        }
        Err(error) => return vec![failed("fleet", error)],
    };
    let (mut findings, mut well) = (Vec::new(), 0);
    for replica in &replicas {
        match replica_finding(replica, status) {
            Some(finding) => findings.push(finding),
            None => well += 1,
        }
    }
    let detail = match (well, replicas.len()) {
        (_, 0) => return findings,
        (1, 1) => format!("the only replica serves revision {}", status.desired_revision),
        (well, all) => format!("{well} of {all} replicas serve revision {}", status.desired_revision),
    };
    findings.insert(0, if well == replicas.len() { good("fleet", detail) } else { note("fleet", detail) });
    findings
}

/// What is wrong with a replica, if anything is.
fn replica_finding(replica: &ReplicaAnswer, status: &StatusAnswer) -> Option<Finding> {
    let faults = faults(replica);
    if !faults.is_empty() {
        return Some(bad("replica", format!("{}: {}", replica.id, faults.join("; "))));
    }
    if let Some(since) = &replica.silent_since {
        let detail = format!("{} has not reported since {since}; check that it runs", replica.id);
        return Some(note("replica", detail));
    }
    let behind = status.desired_revision.saturating_sub(replica.applied_revision);
    (behind > 0).then(|| {
        let detail = format!(
            "{} serves revision {}, {behind} behind; see the status of {}",
            replica.id, replica.applied_revision, replica.address
        );
        note("replica", detail)
    })
}

async fn token(client: &Client) -> Finding {
    if !client.has_token() {
        return note("token", "none; reads may be allowed without one, changes need one");
    }
    // An edit of nothing, and only tried: it comes as far as the token and no further.
    let request = ApplyRequest { changes: Vec::new(), reason: String::new() };
    let options = WriteOptions { dry_run: true, ..WriteOptions::default() };
    match client.apply(&request, &options).await {
        Err(error) if matches!(error.code(), Some("unauthenticated" | "forbidden")) => failed("token", error),
        _ => good("token", "valid, and may make changes"),
    }
}

async fn data(dir: &Path) -> Finding {
    let path = dir.join("midflight.db");
    let shown = path.display();
    if !path.exists() {
        return note("data", format!("no log at {shown} yet"));
    }
    let store = match SqliteStore::open(SqliteOptions::new(&path)).await {
        Ok(store) => store,
        Err(StoreError::InUse(_)) => {
            return good("data", format!("{shown} is in use by a server; stop it to check the log"));
        }
        Err(error) => return bad("data", error.to_string()),
    };
    let found = match store.diagnose().await {
        Ok(problems) if problems.is_empty() => {
            let head =
                store.head().await.map_or_else(|error| error.to_string(), |head| head.number.to_string());
            good("data", format!("{shown} is intact, at revision {head}"))
        }
        Ok(problems) => bad("data", format!("{shown}: {}", problems.join("; "))),
        Err(error) => bad("data", error.to_string()),
    };
    store.close().await;
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding(applied: u64, more: serde_json::Value) -> Option<Finding> {
        let mut replica = json!({"id": "b", "address": "http://b", "labels": {}, "version": "1", "started_at": "t",
            "last_seen": "t", "silent_since": null, "applied_revision": applied, "applied_digest": null,
            "log_diverged": false, "quarantined": [], "inputs_differ": [], "degraded": null, "lag_ms": 1.0});
        replica.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let status = json!({"replica_id": "a", "version": "1", "started_at": "t", "desired_revision": 7,
            "served_revision": 7, "served_since": "t", "last_checked_at": null, "last_refused": null,
            "quarantined": [], "store_available": true, "store": {"available": true, "since_ms": null,
            "last_answer_ms": null}, "log_id": null, "position": null, "digest": null, "log_diverged": null,
            "last_reload": null, "runaways": 0, "blocked_kinds": {}, "kinds": [], "directories": []});
        replica_finding(&serde_json::from_value(replica).unwrap(), &serde_json::from_value(status).unwrap())
    }

    #[test]
    fn a_replica_is_found_when_it_is_not_as_it_should_be() {
        assert!(finding(7, json!({})).is_none());
        let behind = finding(5, json!({})).unwrap();
        assert!(behind.verdict == FindingVerdict::Note && behind.detail.contains("2 behind"), "{behind:?}");
        let silent = finding(7, json!({"silent_since": "2026-01-01T00:00:00Z"})).unwrap();
        assert!(silent.detail.contains("has not reported since 2026"), "{silent:?}");
        for (more, detail) in [
            (json!({"log_diverged": true}), "its log has diverged"),
            (json!({"quarantined": [{"revision": 6, "reason": "x"}]}), "refuses 6: x"),
            (json!({"inputs_differ": ["env:A"]}), "env:A differs"),
        ] {
            let wrong = finding(7, more).unwrap();
            assert!(wrong.verdict == FindingVerdict::Bad && wrong.detail.contains(detail), "{wrong:?}");
        }
    }
}
