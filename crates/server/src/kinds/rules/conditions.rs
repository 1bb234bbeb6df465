//! The catalogue of conditions that rules refer to by name.

use axum::Json;
use axum::extract::State;
use midflight_http::params::{PageParams, Params};
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::wire::quarantined_revisions;
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::{ConditionInfoAnswer, ConditionList};

use super::app::RulesApp;
use super::items::id;

/// The conditions that are served, by id, with the rules that name them.
#[utoipa::path(get, path = "/api/v1/conditions", tag = "rules", params(PageParams),
    responses((status = 200, body = ConditionList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_conditions(
    State(app): State<RulesApp>,
    Params(page): Params<PageParams>,
) -> Result<Json<ConditionList>, ApiError> {
    let limit = page.limit()? as usize;
    let rules = app.parts.rules.load();
    let after = rules.conditions().filter(|id| page.text().is_none_or(|cursor| *id > cursor));
    let info =
        |id: &str| ConditionInfoAnswer { condition_id: id.to_owned(), used_by: rules.users(id).count() };
    let mut items: Vec<_> = after.take(limit + 1).map(info).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Json(ConditionList {
        next_cursor: items.last().filter(|_| more).map(|last| last.condition_id.clone()),
        items,
        revision: rules.revision().get(),
        quarantined: quarantined_revisions(rules.quarantined()),
    }))
}

/// A condition.
pub(super) const CONDITION: Resource = Resource {
    path: "/api/v1/conditions/{condition_id}",
    variables: &[("condition_id", "The condition")],
    id: |values| id(values, "conditions/"),
    kind: "rules",
    tag: "rules",
    noun: "condition",
    get: Some("A condition's document."),
    put: Some("Puts a condition; every rule that refers to it uses it."),
    patch: None,
    delete: Some("Deletes a condition; refused while a rule refers to it."),
    conflicts: false,
};
