//! Rulesets: list, read, put, and delete with all their rules.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use midflight_core::{Change, Precondition};
use midflight_http::conflict::ComputedEdit;
use midflight_http::log::collect::every;
use midflight_http::log::documents::absent;
use midflight_http::params::{InPath, PageParams, Params, precondition};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::wire::quarantined_revisions;
use midflight_http::write::{WriteParams, answer};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::RulesetList;

use super::app::RulesApp;
use super::items::id;
use super::wire::ruleset_info_answer;

/// The rulesets that are served, by id, with their counts.
#[utoipa::path(get, path = "/api/v1/rulesets", tag = "rules", params(PageParams),
    responses((status = 200, body = RulesetList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_rulesets(
    State(app): State<RulesApp>,
    Params(page): Params<PageParams>,
) -> Result<Json<RulesetList>, ApiError> {
    let limit = page.limit()? as usize;
    let rules = app.parts.rules.load();
    let after = rules.rulesets().filter(|ruleset| page.text().is_none_or(|cursor| ruleset.id > cursor));
    let mut items: Vec<_> = after.take(limit + 1).map(ruleset_info_answer).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Json(RulesetList {
        next_cursor: items.last().filter(|_| more).map(|last| last.ruleset.clone()),
        items,
        revision: rules.revision().get(),
        quarantined: quarantined_revisions(rules.quarantined()),
    }))
}

/// A ruleset. It is deleted with its rules, by [`delete_ruleset`].
pub(super) const RULESET: Resource = Resource {
    path: "/api/v1/rulesets/{ruleset}",
    variables: &[("ruleset", "The ruleset")],
    id: |values| id(values, ""),
    kind: "rules",
    tag: "rules",
    noun: "ruleset",
    get: Some("A ruleset's document."),
    put: Some("Puts a ruleset; its rules stay."),
    patch: None,
    delete: None,
    conflicts: false,
};

/// Deletes a ruleset and all its rules as one revision.
#[utoipa::path(delete, path = "/api/v1/rulesets/{ruleset}", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn delete_ruleset(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath(ruleset): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = id(&[&ruleset], "")?;
    principal.check_sees(&id)?;
    let asked = precondition(&headers)?;
    if let Some(submitted) = params.repeated(&app, &principal).await? {
        return Ok(answer(&app, &params, submitted).await);
    }
    let mut computed = ComputedEdit::new("the deletion");
    loop {
        let head = computed.head(&app).await?;
        let now = app.engine.store().document_at(&id, head).await?;
        let is_there = now.is_some_and(|document| document.body.is_some());
        if !is_there && asked == Precondition::None {
            return Err(absent(&id));
        }
        let mut changes = vec![Change::delete(id.clone()).when(asked)];
        if is_there {
            let rules = every(&app, &app.parts.kind, &format!("{ruleset}/"), head).await?;
            let unchanged = Precondition::UnchangedSince(head);
            changes.extend(rules.into_iter().map(|rule| Change::delete(rule).when(unchanged)));
        }
        let edit = params.edit(&principal, changes);
        if let Some(submitted) = computed.submit(&app, &params, head, edit).await? {
            return Ok(answer(&app, &params, submitted).await);
        }
    }
}
