//! What the server's events and health have for the rules.

use midflight_core::{DocumentId, Effect, KindName};
use midflight_engine::{EngineStatus, Kind, ReloadReport};
use midflight_live::Live;
use midflight_rules::{Rules, RulesSnapshot};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::RulesApp;
use super::wire::RegistryAnswer;
use super::{conditions, execute, hot_reload, items, rulesets, scope, validate};
use crate::app::App;
use crate::events::event::Event;
use crate::kind::{KindApi, KindHealth, Members, describe, members_of};
use crate::monitoring_status::last_reload_time;
use crate::sorts::DocumentSorts;

/// The server side of the rules.
pub(crate) struct RulesApi {
    rules: Live<RulesSnapshot>,
}

/// Members of `rules_reloaded` and `rules_reload_failed`.
#[derive(Debug, Serialize)]
struct RulesSummary {
    rules_loaded: usize,
    rulesets_loaded: usize,
}

/// A check of the health.
#[derive(Debug, Serialize, ToSchema)]
struct RulesChecks {
    /// There is at least one rule.
    registry_has_rules: bool,
}

/// A member of the health, and of the state of hot reloading.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RulesHealth {
    /// What is served.
    registry: RegistryAnswer,
}

impl RulesHealth {
    pub(super) fn new(rules: &Live<RulesSnapshot>, status: &EngineStatus) -> Self {
        Self { registry: RegistryAnswer::new(&rules.load(), last_reload_time(status)) }
    }
}

impl RulesApi {
    pub(crate) fn new(rules: Live<RulesSnapshot>) -> Self {
        Self { rules }
    }
}

impl KindApi for RulesApi {
    fn kind(&self) -> KindName {
        Rules.name()
    }

    fn routes(&self, app: &App) -> OpenApiRouter<App> {
        routes().with_state(RulesApp::new(app.clone(), self.rules.clone()))
    }

    fn summary(&self) -> Members {
        let rules = self.rules.load();
        let summary =
            RulesSummary { rules_loaded: rules.rule_count(), rulesets_loaded: rules.ruleset_count() };
        members_of(&summary).unwrap_or_default()
    }

    /// `registry_cleared` when the last rule was removed.
    fn events(&self, report: &ReloadReport, sorts: &DocumentSorts) -> Vec<Event> {
        let kind = self.kind();
        let is_rule = |id: &DocumentId| id.kind == kind && sorts.of(id).word == "rule";
        let mut changes = report.changes.iter();
        let is_removed = changes.any(|(id, effect)| *effect == Effect::Remove && is_rule(id));
        if !is_removed || self.rules.load().rule_count() > 0 {
            return Vec::new();
        }
        vec![Event::new("registry_cleared", json!({ "revision": report.event.to.get() }))]
    }

    fn health(&self, status: &EngineStatus) -> KindHealth {
        let health = RulesHealth::new(&self.rules, status);
        let checks = RulesChecks { registry_has_rules: health.registry.rule_count > 0 };
        KindHealth {
            checks: members_of(&checks).unwrap_or_default(),
            degraded: Vec::new(),
            members: members_of(&health).unwrap_or_default(),
        }
    }

    fn document(&self, document: &mut OpenApi) {
        describe::<RulesChecks>(document, "Checks");
        describe::<RulesHealth>(document, "HotReloadHealth");
        describe::<RulesHealth>(document, "HotReloadStatus");
    }
}

/// The routes of the rules.
fn routes() -> OpenApiRouter<RulesApp> {
    OpenApiRouter::new()
        .routes(routes!(rulesets::list_rulesets))
        .routes(routes!(rulesets::get_ruleset, rulesets::put_ruleset, rulesets::delete_ruleset))
        .routes(routes!(items::list_rules))
        .routes(routes!(items::get_rule, items::put_rule, items::delete_rule))
        .routes(routes!(conditions::list_conditions))
        .routes(routes!(conditions::get_condition, conditions::put_condition, conditions::delete_condition))
        .routes(routes!(execute::execute))
        .routes(routes!(execute::execute_ruleset))
        .routes(routes!(execute::batch))
        .routes(routes!(hot_reload::status))
        .routes(routes!(hot_reload::history))
        .routes(routes!(hot_reload::start_monitoring))
        .routes(routes!(hot_reload::stop_monitoring))
        .routes(routes!(scope::reload))
        .routes(routes!(scope::reload_rule))
        .routes(routes!(scope::reload_ruleset))
        .routes(routes!(validate::validate))
}
