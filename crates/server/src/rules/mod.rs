//! The rules over HTTP: rulesets, rules and conditions as documents, execution, and the seed's hot-reload endpoints.

mod api;
mod conditions;
mod execute;
mod hot_reload;
mod items;
mod rulesets;
mod scope;
mod validate;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use api::RulesApi;

/// The routes of the rules.
pub(crate) fn routes() -> OpenApiRouter<App> {
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
