//! The shapes of the compatibility API: status, reload, history, validation, monitoring.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::QuarantinedRevisions;
use crate::reload::ReloadAnswer;

/// What is served, in the format of the compatibility API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistryAnswer {
    /// How many rules.
    pub rule_count: usize,
    /// How many rulesets.
    pub ruleset_count: usize,
    /// How many conditions.
    pub condition_count: usize,
    /// The revision that is served.
    pub version: u64,
    /// When the last reload ended; null before the first.
    pub last_reload: Option<String>,
}

/// What to reload. A reload always serves one whole position of the log, so what is named here must exist and is
/// echoed, but does not narrow the reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReloadBody {
    /// A ruleset, as text or as a number.
    pub ruleset_id: Option<Value>,
    /// A rule, as text or as a number.
    pub rule_id: Option<Value>,
    /// Compile everything again, whether or not it changed.
    pub force: bool,
    /// Validate the whole log first, and reload nothing when it is not valid; default: true. With false what is invalid
    /// is left out of what is served and the rest is reloaded; it never goes live either way.
    pub validate: bool,
}

impl Default for ReloadBody {
    fn default() -> Self {
        Self { ruleset_id: None, rule_id: None, force: false, validate: true }
    }
}

/// How the log is to be looked at.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
pub struct MonitoringBody {
    /// How often, in seconds, from 1 to 86,400. Default: `HOT_RELOAD_INTERVAL_SECONDS`.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 86_400),
        param(minimum = 1, maximum = 86_400)
    )]
    pub interval_seconds: Option<u64>,
}

/// What a reload was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilteredBy {
    /// As it was sent.
    pub ruleset_id: Value,
    /// As it was sent.
    pub rule_id: Value,
}

/// The result of a reload, in the format of the compatibility API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadDone {
    /// `success` or `failed`.
    pub status: Cow<'static, str>,
    /// When it ended.
    pub timestamp: String,
    /// How long it took.
    pub reload_time_ms: f64,
    /// How many rules are served now.
    pub rules_loaded: usize,
    /// How many rulesets are served now.
    pub rulesets_loaded: usize,
    /// How many reloads there were.
    pub reload_count: u64,
    /// What it was asked for.
    pub filtered_by: FilteredBy,
    /// How it ended, as `success` or `unchanged`.
    pub outcome: String,
    /// The revision that is served now.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// The reload, with its phases.
    pub reload: ReloadAnswer,
}

/// An invalid rule, ruleset or condition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvalidRule {
    /// The document's name within the kind, as `loans/R1`.
    pub rule_id: String,
    /// What is wrong.
    pub error: String,
    /// Where in its body.
    pub path: String,
}

/// Whether all that the log holds is valid.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidationAnswer {
    /// Whether it is.
    pub valid: bool,
    /// How many rules were looked at.
    pub total_rules: usize,
    /// The rest of them.
    pub valid_rules: usize,
    /// How many of them `errors` names.
    pub invalid_rules: usize,
    /// What is wrong, the first hundred: of rules, rulesets, conditions and checks.
    pub errors: Vec<InvalidRule>,
    /// The revision that was looked at.
    pub revision: u64,
}

/// Whether the log is looked at from time to time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonitoringAnswer {
    /// `started` or `stopped`.
    pub status: Cow<'static, str>,
    /// Whether it is.
    pub monitoring_active: bool,
    /// How often.
    pub reload_interval_seconds: u64,
}

/// A reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesReloadItem {
    /// Its number on this replica, which is how many there were then.
    pub reload_count: u64,
    /// When it ended.
    pub last_reload_time: String,
    /// `success`, or how it ended.
    pub status: String,
    /// Why it did not end well; null where it did.
    pub error: Option<String>,
}

/// A page of reloads, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesReloadHistory {
    /// How many it could have.
    pub limit: usize,
    /// How many it has.
    pub count: usize,
    /// The reloads, in short.
    pub history: Vec<RulesReloadItem>,
    /// The same reloads, with all that is known of them.
    pub items: Vec<ReloadAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A check of the health.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesChecks {
    /// There is at least one rule. Absent without rules on a server that serves documents of other kinds, schedules and
    /// its own config among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_has_rules: Option<bool>,
}

/// A member of the health, and of the state of hot reloading.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesHealth {
    /// What is served.
    pub registry: RegistryAnswer,
}
