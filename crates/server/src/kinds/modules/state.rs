//! The state of a module out and in.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use midflight_http::body::{BodyBytes, receive};
use midflight_http::code::Code;
use midflight_http::long_answer::of_bytes;
use midflight_http::params::{InPath, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_module_host::StateSnapshot;
use midflight_wire::modules::ModuleReloadAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ModulesApp;
use super::failures::{of_reload, of_state};
use super::names::{module_name, unknown};
use super::reload::{served, served_manifest};
use super::rollback::reason_of;
use super::wire::module_reload_answer;

const SCHEMA: HeaderName = HeaderName::from_static("midflight-state-schema");
const DIGEST: HeaderName = HeaderName::from_static("midflight-state-digest");
const VERSION: HeaderName = HeaderName::from_static("midflight-module-version");
const GENERATION: HeaderName = HeaderName::from_static("midflight-generation");

/// The state of a module on this replica, as it saves it between two messages: its bytes, and in the headers
/// `Midflight-State-Schema`, `Midflight-State-Digest` (SHA-256 of schema and bytes), `Midflight-Module-Version` and
/// `Midflight-Generation`.
#[utoipa::path(get, path = "/api/v1/modules/{name}/state", tag = "modules",
    params(("name" = String, Path, description = "The module")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = "default", body = ProblemBody)))]
pub(super) async fn export_state(
    State(app): State<ModulesApp>,
    principal: Principal,
    InPath(name): InPath<String>,
) -> Result<Response, ApiError> {
    let name = module_name(&name)?;
    app.settled(&name).await;
    let host = &app.parts.runtime.host;
    let live = host.live(&name).ok_or_else(|| unknown(&name))?;
    let state = host.export_state(&name).await.map_err(|refusal| of_state(&name, &refusal))?;
    let state = state.ok_or_else(|| {
        ApiError::new(Code::NOT_FOUND, format!("the module {name} has no state: its schema is 0"))
    })?;
    // How large it is only the module knows, so it is counted once it is there; twice, as hashing it copies it.
    let room = app.answers.take(&principal, state.bytes.len().saturating_mul(2)).await?;
    let (hashed, schema) = (Arc::clone(&state), state.schema);
    let digest = tokio::task::spawn_blocking(move || hashed.digest()).await;
    let digest = digest.map_err(|error| ApiError::internal(&error))?;
    let text = |text: String| HeaderValue::from_str(&text).map_err(|error| ApiError::internal(&error));
    let described = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (SCHEMA, text(schema.to_string())?),
        (DIGEST, text(digest.to_string())?),
        (VERSION, text(live.manifest.version.clone())?),
        (GENERATION, text(live.generation.to_string())?),
    ];
    Ok((described, of_bytes(Bytes::from_owner(StateBytes(state)), room)).into_response())
}

/// The bytes of a state, which are sent without a copy.
struct StateBytes(Arc<StateSnapshot>);

impl AsRef<[u8]> for StateBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// Why a state is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportParams {
    /// The reason, which the history keeps.
    reason: Option<String>,
}

/// Loads a state into the version that runs, on this replica, through all phases of a reload: it is migrated, checked,
/// and refused when the module does not accept it. It undoes what was acknowledged since the state was saved. At most
/// `module_state_bytes_max` and the manifest's `state_bytes_max`.
#[utoipa::path(put, path = "/api/v1/modules/{name}/state", tag = "modules",
    params(("name" = String, Path, description = "The module"), ImportParams,
        ("Midflight-State-Schema" = u32, Header, description = "The schema of the state")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ModuleReloadAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn import_state(
    principal: Principal,
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
    Params(params): Params<ImportParams>,
    request: Request,
) -> Result<Json<ModuleReloadAnswer>, ApiError> {
    let name = module_name(&name)?;
    let reason = reason_of(&principal, params.reason.as_deref())?;
    let schema = schema_of(&request)?;
    app.settled(&name).await;
    let host = &app.parts.runtime.host;
    let manifest = match host.live(&name) {
        Some(live) => Arc::clone(&live.manifest),
        None => served_manifest(&app, &name)?,
    };
    let of_module = usize::try_from(manifest.limits.state_bytes_max).unwrap_or(usize::MAX);
    let of_server = app.parts.runtime.limits.module_state_bytes_max;
    let (max, bound) = match of_module < of_server {
        true => (of_module, "state_bytes_max of the manifest"),
        false => (of_server, "module_state_bytes_max"),
    };
    if let Some(occupied) = request.extensions().get::<BodyBytes>() {
        occupied.count_as_import();
    }
    let bytes = receive(request, max, bound, app.limits.receive_ms_max).await?;
    let state = StateSnapshot { schema, bytes: bytes.to_vec() };
    let report = host.import_state(&name, state, &reason).await.map_err(|failure| of_reload(&failure))?;
    Ok(Json(module_reload_answer(&report, served(&app, &name))))
}

fn schema_of(request: &Request) -> Result<u32, ApiError> {
    let value = request.headers().get(&SCHEMA);
    let schema = value.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    schema.ok_or_else(|| {
        let detail = "send the header `Midflight-State-Schema: N`, with the schema that the export told";
        ApiError::new(Code::INVALID_HEADER, detail)
    })
}
