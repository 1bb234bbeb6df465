//! The shapes of the compatibility API: what is served, and reloads.

use midflight_core::ReloadEvent;
use midflight_http::monitoring_status::{ended_at, failure, word};
use midflight_http::wire::stamp;
use midflight_live::Loaded;
use midflight_rules::RulesSnapshot;
use midflight_wire::rules::{RegistryAnswer, RulesReloadItem};

/// What is served.
pub(crate) fn registry_answer(rules: &Loaded<RulesSnapshot>, last_reload: Option<String>) -> RegistryAnswer {
    RegistryAnswer {
        rule_count: rules.rule_count(),
        ruleset_count: rules.ruleset_count(),
        condition_count: rules.condition_count(),
        version: rules.revision().get(),
        last_reload,
    }
}

/// A reload, in short.
pub(crate) fn rules_reload_item(event: &ReloadEvent) -> RulesReloadItem {
    RulesReloadItem {
        reload_count: event.id.0,
        last_reload_time: stamp(ended_at(event)),
        status: word(event.outcome),
        error: failure(event),
    }
}
