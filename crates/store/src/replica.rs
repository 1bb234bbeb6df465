//! A replica's report, for all that follow the same log.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{Digest, RevisionNumber};

/// A replica's report. The store keeps the last report of each; the reporter keeps it small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its name, which no other replica has.
    pub id: String,
    /// Where it answers, as a URL or `host:port`; empty when it does not.
    pub address: String,
    /// What else is to be known of it: its zone, its role.
    pub labels: BTreeMap<String, String>,
    /// The version of its program.
    pub version: String,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
    /// The newest revision that it serves and verified.
    pub applied: RevisionNumber,
    /// The digest of that revision, which identifies its history; none from an earlier version.
    pub applied_digest: Option<Digest>,
    /// Whether it stopped following, since the log is not the one that it had followed.
    pub diverged: bool,
    /// The revisions that did not hold there, each with the reason.
    pub refused: Vec<(RevisionNumber, String)>,
    /// Why it serves something older than the log, or does not know how old; none when all is well.
    pub degraded: Option<String>,
    /// What it reads beside the log: the digest of each variable (`env:NAME`) and file (`file:PATH`) to which a
    /// document refers that it serves. The digests are keyed with the key of the log ([`crate::FleetStore::hint_key`]):
    /// they can be compared with those of other replicas, and reveal nothing else.
    pub inputs: BTreeMap<String, Digest>,
}

/// A replica, and the time since its last report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenReplica {
    /// Its last report.
    pub replica: Replica,
    /// The age of that report, by the store's clock, so replicas need not agree on the time. Zero when that clock was
    /// set back since.
    pub age: Duration,
}
