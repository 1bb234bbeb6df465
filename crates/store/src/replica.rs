//! What a replica says of itself, for everybody who follows the same log.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{Digest, RevisionNumber};

/// What a replica says of itself. The store keeps the last that each said; whoever says it keeps it small.
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
    /// The digest of that revision, which tells whose history it is of; none from a program of before.
    pub applied_digest: Option<Digest>,
    /// Whether it stopped following, since the log is not the one that it had followed.
    pub diverged: bool,
    /// The revisions that did not hold there, each with the reason.
    pub refused: Vec<(RevisionNumber, String)>,
    /// Why it serves something older than the log, or cannot say how old; none when all is well.
    pub degraded: Option<String>,
    /// What it reads beside the log: the digest of each variable (`env:NAME`) and file (`file:PATH`) to which a document refers
    /// that it serves. The digests are keyed with the key of the log ([`crate::FleetStore::hint_key`]): they can be compared
    /// with those of other replicas, and say nothing else.
    pub inputs: BTreeMap<String, Digest>,
}

/// A replica, and how long ago it was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenReplica {
    /// What it said last.
    pub replica: Replica,
    /// How long ago it said so, by the store's clock, so replicas need not agree on the time. Zero when that clock was
    /// set back since.
    pub age: Duration,
}
