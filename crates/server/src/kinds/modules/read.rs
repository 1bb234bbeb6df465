//! Modules as they run on this replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_http::params::{self, InPath, PageParams, Params};
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::wire::quarantined_revisions;
use midflight_modules::{Manifest, ModuleLimits};
use midflight_wire::modules::{ModuleAnswer, ModuleItem, ModuleList, ModuleReloadList};
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ModulesApp;
use super::names::{module_name, unknown};
use super::status::{look, look_at_all};
use super::wire::{module_reload_item, parked_answer};

/// The manifest of a module, which is its document.
pub(super) const MANIFEST: Resource = Resource {
    path: "/api/v1/modules/{name}",
    variables: &[("name", "The module")],
    id: |values| params::document("modules", values.first().copied().unwrap_or_default()),
    tag: "modules",
    kind: "modules",
    noun: "module",
    get: None,
    put: Some("Puts the manifest of a module: every replica loads or reloads it, with its state."),
    patch: None,
    delete: Some("Deletes the manifest of a module: every replica records its state and unloads it."),
    conflicts: false,
};

/// The modules, as each runs on this replica.
#[utoipa::path(get, path = "/api/v1/modules", tag = "modules", params(PageParams),
    responses((status = 200, body = ModuleList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_modules(
    State(app): State<ModulesApp>,
    Params(page): Params<PageParams>,
) -> Result<Json<ModuleList>, ApiError> {
    let limit = page.limit()? as usize;
    let runtime = &app.parts.runtime;
    let modules = app.parts.modules.load();
    let seen = look_at_all(&runtime.host, &runtime.history, &modules);
    let after = seen.iter().filter(|seen| page.text().is_none_or(|cursor| seen.name.as_str() > cursor));
    let mut items: Vec<ModuleItem> = after.take(limit + 1).map(|seen| seen.item(&runtime.host)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Json(ModuleList {
        next_cursor: items.last().filter(|_| more).map(|last| last.name.clone()),
        items,
        revision: modules.revision().get(),
        quarantined: quarantined_revisions(modules.quarantined()),
    }))
}

/// A module as it runs on this replica, with its manifest, its limits, and where it can go back to.
#[utoipa::path(get, path = "/api/v1/modules/{name}", tag = "modules",
    params(("name" = String, Path, description = "The module")),
    responses((status = 200, body = ModuleAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_module(
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
) -> Result<Json<ModuleAnswer>, ApiError> {
    let name = module_name(&name)?;
    app.settled(&name).await;
    let runtime = &app.parts.runtime;
    // Before the snapshot is loaded, which is not held across a wait.
    let past = runtime.host.history(&name).await.unwrap_or_default();
    let modules = app.parts.modules.load();
    let seen = look(&runtime.host, &runtime.history, &modules, &name).ok_or_else(|| unknown(&name))?;
    let live = seen.status.live.as_ref().map(|live| Arc::clone(&live.manifest));
    let limits = live.as_ref().or(seen.wanted.as_ref()).map(|manifest| limits(&manifest.limits));
    let version = |body: &serde_json::Value| {
        body.get("version").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let generations = past.generations.iter().map(|(number, record)| (*number, version(&record.body)));
    Ok(Json(ModuleAnswer {
        module: seen.item(&runtime.host),
        manifest: live.as_deref().map(|manifest: &Manifest| (*manifest.body).clone()),
        limits: limits.unwrap_or_default(),
        retained_generation: seen.status.retained,
        generations: generations.collect(),
        parked: seen.status.parked.iter().map(parked_answer).collect(),
        last_reload: runtime.history.last(&name).as_ref().map(module_reload_item),
        revision: modules.revision().get(),
        quarantined: quarantined_revisions(modules.quarantined()),
    }))
}

/// How many reloads to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReloadsParams {
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
}

/// The last reloads of a module on this replica, newest first: at most 100, and none from before it started.
#[utoipa::path(get, path = "/api/v1/modules/{name}/reloads", tag = "modules",
    params(("name" = String, Path, description = "The module"), ReloadsParams),
    responses((status = 200, body = ModuleReloadList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_module_reloads(
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
    Params(params): Params<ReloadsParams>,
) -> Result<Json<ModuleReloadList>, ApiError> {
    let name = module_name(&name)?;
    let limit = params::limit(params.limit)? as usize;
    app.settled(&name).await;
    let past = app.parts.runtime.history.of(&name, limit);
    let is_known = app.parts.modules.load().manifest(&name).is_some();
    if past.is_empty() && !is_known {
        return Err(unknown(&name));
    }
    Ok(Json(ModuleReloadList { items: past.iter().map(module_reload_item).collect() }))
}

/// Limits by the names that a manifest has for them.
fn limits(limits: &ModuleLimits) -> BTreeMap<String, u64> {
    limits.iter().map(|(name, limit)| (name.to_owned(), limit)).collect()
}
