//! The replicas that follow the log, and their reports on its revisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The report of a replica on a revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ack {
    /// The replica.
    pub replica_id: String,
    /// Whether the revision is served and verified there.
    pub ack: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A replica that has not reported for seven seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SilentReplica {
    /// The replica.
    pub replica_id: String,
    /// How long ago it reported last.
    pub last_report_ms: f64,
}

/// A revision that a replica does not serve, and why: its nack.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NackAnswer {
    /// The revision.
    pub revision: u64,
    /// Why.
    pub reason: String,
}

/// One replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplicaAnswer {
    /// Its id.
    pub id: String,
    /// Where it answers.
    pub address: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The version of its program.
    pub version: String,
    /// Since when it runs.
    pub started_at: String,
    /// When it last reported. It reports every 500 ms, and within 100 ms of serving another revision.
    pub last_seen: String,
    /// When it last reported, if that is more than 1,000 ms ago: it may be paused, cut off or stopped, and what it
    /// serves is not known. Null while it reports.
    pub silent_since: Option<String>,
    /// How far it had come when it last reported: what it served had everything up to this revision, but for those in
    /// `quarantined`.
    pub applied_revision: u64,
    /// The digest of that revision; null from a program of before.
    pub applied_digest: Option<String>,
    /// Whether it stopped following, since the log is not the one that it followed (`log_diverged`).
    pub log_diverged: bool,
    /// The revisions it does not serve, and why.
    pub quarantined: Vec<NackAnswer>,
    /// The variables (`env:NAME`) and files (`file:PATH`) to which its documents refer and whose contents differ from
    /// most replicas; where no value is the most common, on all of them.
    pub inputs_differ: Vec<String>,
    /// What is wrong with it, as a log that does not answer, or that it reports nothing.
    pub degraded: Option<String>,
    /// For how long a revision had been in the log, when it last reported, that it did not serve then; 0 when it serves
    /// all. Null when that is not known: it has reported nothing since that revision came into the log.
    pub lag_ms: Option<f64>,
}

/// The replicas that follow the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplicaList {
    /// The replicas.
    pub items: Vec<ReplicaAnswer>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}
