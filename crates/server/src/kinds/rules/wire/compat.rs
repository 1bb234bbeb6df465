//! The shapes of the compatibility API: status, reload, validation, monitoring.

use midflight_live::Loaded;
use midflight_rules::RulesSnapshot;
use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::reload::ReloadAnswer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// What is served, in the format of the compatibility API.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RegistryAnswer {
    /// How many rules.
    pub(crate) rule_count: usize,
    /// How many rulesets.
    pub(crate) ruleset_count: usize,
    /// How many conditions.
    pub(crate) condition_count: usize,
    /// The revision that is served.
    pub(crate) version: u64,
    /// When the last reload ended; null before the first.
    pub(crate) last_reload: Option<String>,
}

impl RegistryAnswer {
    pub(crate) fn new(rules: &Loaded<RulesSnapshot>, last_reload: Option<String>) -> Self {
        Self {
            rule_count: rules.rule_count(),
            ruleset_count: rules.ruleset_count(),
            condition_count: rules.condition_count(),
            version: rules.revision().get(),
            last_reload,
        }
    }
}

/// What to reload. A reload always serves one whole position of the log, so what is named here must exist and is
/// echoed, but does not narrow the reload.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReloadBody {
    /// A ruleset, as text or as a number.
    pub(crate) ruleset_id: Option<Value>,
    /// A rule, as text or as a number.
    pub(crate) rule_id: Option<Value>,
    /// Compile everything again, whether or not it changed.
    pub(crate) force: bool,
    /// Validate the whole log first, and reload nothing when it is not valid; default: true. With false what is invalid
    /// is left out of what is served and the rest is reloaded; it never goes live either way.
    pub(crate) validate: bool,
}

impl Default for ReloadBody {
    fn default() -> Self {
        Self { ruleset_id: None, rule_id: None, force: false, validate: true }
    }
}

/// How the log is to be looked at.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MonitoringBody {
    /// How often, in seconds, from 1 to 86,400. Default: `HOT_RELOAD_INTERVAL_SECONDS`.
    pub(crate) interval_seconds: Option<u64>,
}

/// What a reload was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FilteredBy {
    /// As it was sent.
    pub(crate) ruleset_id: Value,
    /// As it was sent.
    pub(crate) rule_id: Value,
}

/// The result of a reload, in the format of the compatibility API.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReloadDone {
    /// `success` or `failed`.
    pub(crate) status: &'static str,
    /// When it ended.
    pub(crate) timestamp: String,
    /// How long it took.
    pub(crate) reload_time_ms: f64,
    /// How many rules are served now.
    pub(crate) rules_loaded: usize,
    /// How many rulesets are served now.
    pub(crate) rulesets_loaded: usize,
    /// How many reloads there were.
    pub(crate) reload_count: u64,
    /// What it was asked for.
    pub(crate) filtered_by: FilteredBy,
    /// How it ended, as `success` or `unchanged`.
    pub(crate) outcome: String,
    /// The revision that is served now.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
    /// The reload, with its phases.
    pub(crate) reload: ReloadAnswer,
}

/// An invalid rule, ruleset or condition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvalidRule {
    /// The document's name within the kind, as `loans/R1`.
    pub(crate) rule_id: String,
    /// What is wrong.
    pub(crate) error: String,
    /// Where in its body.
    pub(crate) path: String,
}

/// Whether all that the log holds is valid.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ValidationAnswer {
    /// Whether it is.
    pub(crate) valid: bool,
    /// How many rules were looked at.
    pub(crate) total_rules: usize,
    /// The rest of them.
    pub(crate) valid_rules: usize,
    /// How many of them `errors` names.
    pub(crate) invalid_rules: usize,
    /// What is wrong, the first hundred: of rules, rulesets, conditions and checks.
    pub(crate) errors: Vec<InvalidRule>,
    /// The revision that was looked at.
    pub(crate) revision: u64,
}

/// Whether the log is looked at from time to time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MonitoringAnswer {
    /// `started` or `stopped`.
    pub(crate) status: &'static str,
    /// Whether it is.
    pub(crate) monitoring_active: bool,
    /// How often.
    pub(crate) reload_interval_seconds: u64,
}
