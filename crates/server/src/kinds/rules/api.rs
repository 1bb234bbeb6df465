//! The server side of the rules.

use std::sync::Arc;

use midflight_core::{DocumentId, Effect, KindName};
use midflight_engine::{EngineStatus, Kind, ReloadReport};
use midflight_http::agent_function::AgentFunction;
use midflight_http::app::AppState;
use midflight_http::events::event::Event;
use midflight_http::kind::{KindApi, KindHealth, Members, describe, members_of};
use midflight_http::monitoring_status::last_reload_time;
use midflight_http::principal::Permission::{Edit, Execute, Operate, Read};
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;
use midflight_http::sorts::DocumentSorts;
use midflight_live::Live;
use midflight_rules::{Rules, RulesSnapshot};
use midflight_wire::rules::{RulesChecks, RulesHealth};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use super::app::{RulesApp, RulesParts};
use super::limits::RulesLimits;
use super::metrics::RulesMetrics;
use super::wire::registry_answer;
use super::{conditions, execute, hot_reload, items, rulesets, scope, validate};

/// Adds the rules to a server.
pub(crate) fn setup(limits: RulesLimits) -> KindSetup {
    KindSetup::new(move |builder| {
        let slot = builder.kind(Rules);
        Box::new(move |started| {
            let (kind, rules) = (Rules.name(), started.engine.live(slot));
            let metrics = RulesMetrics::start(kind.clone(), started.engine, started.metrics);
            Some(Arc::new(RulesApi { parts: RulesParts { kind, rules, metrics, limits } }))
        })
    })
}

/// The server side of the rules.
pub(super) struct RulesApi {
    parts: RulesParts,
}

/// Members of `rules_reloaded` and `rules_reload_failed`.
#[derive(Debug, Serialize)]
struct RulesSummary {
    rules_loaded: usize,
    rulesets_loaded: usize,
}

/// What is served, as the health and the state of hot reloading have it.
pub(super) fn rules_health(rules: &Live<RulesSnapshot>, status: &EngineStatus) -> RulesHealth {
    RulesHealth { registry: registry_answer(&rules.load(), last_reload_time(status)) }
}

impl KindApi for RulesApi {
    fn kind(&self) -> KindName {
        Rules.name()
    }

    fn routes(&self, app: &AppState) -> Routes<AppState> {
        routes().with_state(RulesApp::new(app.clone(), self.parts.clone()))
    }

    fn functions(&self, app: &AppState) -> Vec<AgentFunction> {
        vec![execute::function(RulesApp::new(app.clone(), self.parts.clone()))]
    }

    fn summary(&self) -> Members {
        let rules = self.parts.rules.load();
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
        if !is_removed || self.parts.rules.load().rule_count() > 0 {
            return Vec::new();
        }
        vec![Event::new("registry_cleared", json!({ "revision": report.event.to.get() }))]
    }

    fn health(&self, status: &EngineStatus) -> KindHealth {
        let health = rules_health(&self.parts.rules, status);
        let has_rules = health.registry.rule_count > 0;
        let serves_others = status.kinds.iter().any(|it| it.kind != self.parts.kind && it.documents > 0);
        let checks = RulesChecks { registry_has_rules: (has_rules || !serves_others).then_some(has_rules) };
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
fn routes() -> Routes<RulesApp> {
    Routes::new()
        .of(Read, Reach::All("rules", ""), routes!(rulesets::list_rulesets))
        .merge(rulesets::RULESET.routes())
        .of(Edit, Reach::Each, routes!(rulesets::delete_ruleset))
        .of(Read, Reach::All("rules", "{ruleset}/"), routes!(items::list_rules))
        .merge(items::RULE.routes())
        .of(Read, Reach::All("rules", "conditions/"), routes!(conditions::list_conditions))
        .merge(conditions::CONDITION.routes())
        .of(Execute, Reach::Each, routes!(execute::execute))
        .of(Execute, Reach::Each, routes!(execute::execute_ruleset))
        .of(Execute, Reach::Each, routes!(execute::batch))
        .at(Read, routes!(hot_reload::status))
        .at(Read, routes!(hot_reload::history))
        .at(Operate, routes!(hot_reload::start_monitoring))
        .at(Operate, routes!(hot_reload::stop_monitoring))
        .at(Operate, routes!(scope::reload))
        .at(Operate, routes!(scope::reload_rule))
        .at(Operate, routes!(scope::reload_ruleset))
        .at(Operate, routes!(validate::validate))
}
