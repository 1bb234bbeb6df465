//! Reloads of one module on this replica.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::DocumentName;
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::params::InPath;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_module_host::ReloadOptions;
use midflight_modules::Manifest;
use midflight_wire::modules::{ModuleReloadAnswer, ModuleReloadBody};
use midflight_wire::problem::ProblemBody;
use serde_json::Value;

use super::app::ModulesApp;
use super::failures::of_reload;
use super::names::{module_name, unknown};
use super::wire::{Served, module_reload_answer, module_reload_answer_of_dry_run};

/// Reloads a module on this replica from the manifest that is served, or tries a manifest on a copy of the live state.
/// An edit of the manifest reloads it on every replica by itself; this is for a module that is behind, or to see what
/// would happen.
#[utoipa::path(post, path = "/api/v1/modules/{name}/reload", tag = "modules",
    params(("name" = String, Path, description = "The module")),
    request_body(content = Option<ModuleReloadBody>),
    responses((status = 200, body = ModuleReloadAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_module(
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody<ModuleReloadBody>,
) -> Result<Json<ModuleReloadAnswer>, ApiError> {
    let name = module_name(&name)?;
    let ModuleReloadBody { dry_run, force, manifest } = body.unwrap_or_default();
    app.settled(&name).await;
    let host = &app.parts.runtime.host;
    if dry_run {
        let manifest = match manifest {
            Some(body) => given(&name, body)?,
            None => served_manifest(&app, &name)?,
        };
        let report = host.dry_run(manifest).await.map_err(|failure| of_reload(&failure))?;
        return Ok(Json(module_reload_answer_of_dry_run(&report, served(&app, &name))));
    }
    if manifest.is_some() {
        let detail = "manifest requires dry_run; put a manifest with PUT /api/v1/modules/{name}";
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let options = ReloadOptions::default().if_idle().because("asked for");
    let options = if force { options.forced() } else { options };
    let report = host.reload(served_manifest(&app, &name)?, options).await;
    let report = report.map_err(|failure| of_reload(&failure))?;
    Ok(Json(module_reload_answer(&report, served(&app, &name))))
}

/// A manifest that a request brings.
fn given(name: &DocumentName, body: Value) -> Result<Arc<Manifest>, ApiError> {
    Manifest::read(name, &Arc::new(body)).map(Arc::new).map_err(|problems| {
        let detail = format!("invalid manifest of {name}; nothing was tried");
        ApiError::new(Code::INVALID_DOCUMENT, detail).with(&problems)
    })
}

/// The manifest of the served revision.
pub(super) fn served_manifest(app: &ModulesApp, name: &DocumentName) -> Result<Arc<Manifest>, ApiError> {
    let modules = app.parts.modules.load();
    modules.manifest(name).map(Arc::clone).ok_or_else(|| unknown(name))
}

/// What an answer says beside the report of a reload.
pub(super) fn served(app: &ModulesApp, name: &DocumentName) -> Served {
    let modules = app.parts.modules.load();
    let live = app.parts.runtime.host.live(name);
    let behind = match (live, modules.manifest(name)) {
        (Some(live), Some(wanted)) => live.manifest.digest != wanted.digest,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    Served {
        behind,
        revision: modules.revision().get(),
        quarantined: quarantined_revisions(modules.quarantined()),
    }
}
