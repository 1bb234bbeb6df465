//! The rules of a ruleset.

use axum::Json;
use axum::extract::State;
use midflight_core::DocumentId;
use midflight_engine::{Kind as _, Work};
use midflight_http::code::Code;
use midflight_http::compute::{PoolShare, TimeLimit};
use midflight_http::params::{InPath, PageParams, Params, document};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Live;
use midflight_rules::{Rules, RulesSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::RuleList;

use super::app::RulesApp;
use super::wire::rule_info_answer;

/// The rules of a ruleset that are served, in the order they execute in, all statuses. The cursor is a position, so a
/// page that is read after an edit may shift; each page has its revision.
#[utoipa::path(get, path = "/api/v1/rulesets/{ruleset}/rules", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"), PageParams),
    responses((status = 200, body = RuleList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_rules(
    State(app): State<RulesApp>,
    principal: Principal,
    InPath(ruleset): InPath<String>,
    Params(page): Params<PageParams>,
) -> Result<Json<RuleList>, ApiError> {
    let (limit, skip) = (page.limit()? as usize, page.number()?.unwrap_or(0) as usize);
    let rules = app.parts.rules.clone();
    // All rules of the ruleset are put in order for each page: that takes milliseconds of many thousands.
    let time = TimeLimit { ms_max: app.parts.limits.execute_ms_max, name: "execute_ms_max" };
    let list = move |_: &Work| list(&rules, ruleset, skip, limit);
    app.compute.run(PoolShare::from(&principal), time, list).await?.map(Json)
}

fn list(
    rules: &Live<RulesSnapshot>,
    ruleset: String,
    skip: usize,
    limit: usize,
) -> Result<RuleList, ApiError> {
    let snapshot = rules.load();
    let unknown = || ApiError::new(Code::NOT_FOUND, format!("unknown ruleset {ruleset:?}"));
    let rules = snapshot.rules(&ruleset).ok_or_else(unknown)?;
    let total = rules.len();
    let items: Vec<_> = rules.into_iter().skip(skip).take(limit).map(rule_info_answer).collect();
    let end = skip.saturating_add(items.len());
    Ok(RuleList {
        items,
        next_cursor: (end < total).then(|| end.to_string()),
        ruleset,
        revision: snapshot.revision().get(),
        quarantined: quarantined_revisions(snapshot.quarantined()),
    })
}

/// A rule.
pub(super) const RULE: Resource = Resource {
    path: "/api/v1/rulesets/{ruleset}/rules/{rule_id}",
    variables: &[("ruleset", "The ruleset"), ("rule_id", "The rule")],
    id: |values| id(values, ""),
    kind: "rules",
    tag: "rules",
    noun: "rule",
    get: Some("A rule's document."),
    put: Some("Puts a rule: the next execution after the answer uses it."),
    patch: None,
    delete: Some("Deletes a rule."),
    conflicts: false,
};

/// The document of these ids in a folder. An escaped slash in an address must not reach another sort of document.
pub(super) fn id(ids: &[&str], folder: &str) -> Result<DocumentId, ApiError> {
    if let Some(id) = ids.iter().find(|id| id.contains('/')) {
        return Err(ApiError::new(Code::INVALID_NAME, format!("invalid id {id:?}: it has a slash")));
    }
    document(Rules.name().as_str(), &format!("{folder}{}", ids.join("/")))
}
