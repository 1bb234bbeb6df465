//! The ways back of one module on this replica: the exact return, and the restore of a generation.

use axum::Json;
use axum::extract::State;
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_wire::modules::{ModuleReloadAnswer, ModuleRollbackBody};
use midflight_wire::problem::ProblemBody;

use super::app::ModulesApp;
use super::failures::{of_reload, of_return};
use super::names::module_name;
use super::reload::served;
use super::wire::{module_reload_answer, module_reload_answer_of_dry_run};

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1_024;

/// Lets the instance answer again that the last reload replaced, exactly as it was; or, with a generation and a reason,
/// restores that generation with its recorded state, and says how many acknowledged messages that undoes. It is of this
/// replica: the log keeps its manifest, which a restart loads again. To go back on every replica, put the earlier
/// manifest.
#[utoipa::path(post, path = "/api/v1/modules/{name}/rollback", tag = "modules",
    params(("name" = String, Path, description = "The module")),
    request_body(content = Option<ModuleRollbackBody>),
    responses((status = 200, body = ModuleReloadAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn rollback_module(
    principal: Principal,
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody<ModuleRollbackBody>,
) -> Result<Json<ModuleReloadAnswer>, ApiError> {
    let name = module_name(&name)?;
    let ModuleRollbackBody { generation, reason, dry_run } = body.unwrap_or_default();
    app.settled(&name).await;
    let host = &app.parts.runtime.host;
    let Some(generation) = generation else {
        if dry_run {
            let detail = "dry_run requires a generation; a return is exact, and GET /api/v1/modules/{name} says whether there is one";
            return Err(ApiError::new(Code::INVALID_BODY, detail));
        }
        let report = host.return_to_previous(&name).await.map_err(|refusal| of_return(&name, &refusal))?;
        return Ok(Json(module_reload_answer(&report, served(&app, &name))));
    };
    let reason = reason_of(&principal, reason.as_deref())?;
    if dry_run {
        let report = host.try_restore(&name, generation).await.map_err(|failure| of_reload(&failure))?;
        return Ok(Json(module_reload_answer_of_dry_run(&report, served(&app, &name))));
    }
    let report = host.restore_generation(&name, generation, &reason).await;
    let report = report.map_err(|failure| of_reload(&failure))?;
    Ok(Json(module_reload_answer(&report, served(&app, &name))))
}

/// The reason as the history keeps it, with who gave it.
pub(super) fn reason_of(principal: &Principal, reason: Option<&str>) -> Result<String, ApiError> {
    let reason = reason.unwrap_or_default().trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        let detail =
            format!("give a reason of 1 to {REASON_BYTES_MAX} bytes: this undoes acknowledged messages");
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    Ok(format!("{}: {reason}", principal.name()))
}
