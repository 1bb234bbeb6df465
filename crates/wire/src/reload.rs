//! Reloads: requests, events, and what they add up to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::directories::DirectoryAnswer;
use crate::log::QuarantinedRevisions;
use crate::problem::ProblemItem;
use crate::replicas::Ack;

/// How long one phase took.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhaseAnswer {
    /// The phase.
    pub phase: String,
    /// How long.
    pub took_ms: f64,
}

/// What a reload did to one component.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComponentAnswer {
    /// The component.
    pub name: String,
    /// `replaced`, `unchanged`, `left_behind`, `refused` or `released`.
    pub state: String,
    /// How long building its replacement took.
    pub took_ms: f64,
}

/// One reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadAnswer {
    /// Its number on this replica.
    pub id: u64,
    /// What asked for it.
    pub trigger: String,
    /// Who asked for it.
    pub triggered_by: String,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub took_ms: f64,
    /// How it ended.
    pub outcome: String,
    /// The revision that was served before.
    pub from: u64,
    /// The revision it was to lead to.
    pub to: u64,
    /// The kinds it was about.
    pub kinds: Vec<String>,
    /// How many documents changed.
    pub documents_changed: usize,
    /// The components that took part.
    pub components: Vec<ComponentAnswer>,
    /// The phases it went through.
    pub phases: Vec<PhaseAnswer>,
    /// What was wrong.
    pub problems: Vec<ProblemItem>,
}

/// A page of reloads, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadList {
    /// The reloads.
    pub items: Vec<ReloadAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Counts and times of the reloads that are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatisticsAnswer {
    /// How many are kept.
    pub total: usize,
    /// How many ended how.
    pub by_outcome: BTreeMap<String, usize>,
    /// How many ran for which reason.
    pub by_trigger: BTreeMap<String, usize>,
    /// The median time of those that changed something; null when there are none.
    pub p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub p99_ms: Option<f64>,
}

/// Scope of a reload.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReloadRequest {
    /// Limits the sources that are read again to those of this kind, which must exist. The whole log is compiled again,
    /// because a replica never serves a mix of two revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Documents of the kind that must exist; at most 500. Requires `kind`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Compiles everything again, changed or not. Implied by `kind`.
    #[serde(default)]
    pub force: bool,
}

/// Result of one replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplicaReload {
    /// Whether it serves the revision.
    #[serde(flatten)]
    pub ack: Ack,
    /// `reloaded`: the replica that received the request; `followed`: it read the log and reported whether it serves
    /// the revision; `missing`: it did not report in time.
    pub done: Cow<'static, str>,
}

/// Result of a reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadedAnswer {
    /// `success` when this replica serves the log and every source is in effect; else `failed`.
    pub status: Cow<'static, str>,
    /// Outcome on this replica.
    pub outcome: String,
    /// Revision served by this replica.
    pub revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub quarantined: QuarantinedRevisions,
    /// Time of the reload on this replica, in ms.
    pub reload_time_ms: f64,
    /// Reload event of this replica.
    pub reload: ReloadAnswer,
    /// Result of each replica.
    pub replicas: Vec<ReplicaReload>,
    /// Watched directories of this replica; they were read before the reload.
    pub directories: Vec<DirectoryAnswer>,
    /// Other sources of this replica, as the config file; they were read before the reload.
    pub sources: Vec<Reread>,
}

/// Result of reading a source of a kind other than the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reread {
    /// The source, as `config/midflight`.
    pub source: String,
    /// Whether its content is in effect.
    pub is_live: bool,
    /// Outcome of the read.
    pub outcome: Cow<'static, str>,
    /// Problems found.
    pub problems: Vec<ProblemItem>,
}
