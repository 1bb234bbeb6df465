//! Messages to modules.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_core::{DocumentName, JsonPointer};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Loaded;
use midflight_module_host::ModuleReply;
use midflight_modules::ModulesSnapshot;
use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::modules::{CallAnswer, CallBody};
use midflight_wire::problem::ProblemBody;
use serde_json::value::RawValue;

use super::app::ModulesApp;
use super::codes::MODULE_UNAVAILABLE;
use super::failures::of_call;
use super::names::{module_name, unknown};

/// Refuses callers without a token: unlike other executions, a call may change what is answered next.
pub(super) struct KnownCaller;

impl<S: Send + Sync> FromRequestParts<S> for KnownCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Principal::from_request_parts(parts, state).await?.is_anonymous() {
            false => Ok(Self),
            true => {
                let detail = "a call may change the state of the module: send the header `Authorization: Bearer mf_...`";
                Err(ApiError::new(Code::UNAUTHENTICATED, detail))
            }
        }
    }
}

/// Sends a message to a module, and returns its reply. Messages wait while the module is reloaded; none is lost.
/// 503 when its mailbox is full, 422 for a failure of the module's own, 504 when the message ran out of its time on two
/// instances. The message is worked on also when the caller goes.
#[utoipa::path(post, path = "/api/v1/modules/{name}/call", tag = "modules", security(("token" = [])),
    params(("name" = String, Path, description = "The module")),
    request_body = CallBody,
    responses((status = 200, body = CallAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn call_module(
    _: KnownCaller,
    State(app): State<ModulesApp>,
    InPath(name): InPath<String>,
    JsonBody(body): JsonBody<CallBody>,
) -> Result<Json<CallAnswer>, ApiError> {
    let name = module_name(&name)?;
    let payload = payload(body.payload, body.payload_base64)?;
    app.settled(&name).await;
    let before = {
        let modules = app.parts.modules.load();
        // A module that is deleted still answers what it has accepted, and nothing new.
        if modules.manifest(&name).is_none() {
            return Err(unknown(&name));
        }
        CallBasis::of(&modules)
    };
    let Some(handle) = app.parts.runtime.host.handle(&name) else { return Err(not_here(&app, &name)) };
    let reply = handle.try_call(body.operation, payload).await.map_err(|error| of_call(&error))?;
    Ok(Json(answer(&app, &name, reply, before)))
}

/// The error for a module that does not answer: one that the log has is unavailable here, another is unknown.
fn not_here(app: &ModulesApp, name: &DocumentName) -> ApiError {
    if app.parts.modules.load().manifest(name).is_none() {
        return unknown(name);
    }
    let last = app.parts.runtime.history.last(name);
    let why = last.and_then(|past| past.record.result.as_ref().err().map(ToString::to_string));
    let why = why.unwrap_or_else(|| "it is being loaded; try again in a moment".to_owned());
    ApiError::new(MODULE_UNAVAILABLE, format!("the module {name} does not run on this replica: {why}"))
}

fn payload(json: Option<Box<RawValue>>, base64: Option<String>) -> Result<Vec<u8>, ApiError> {
    match (json, base64) {
        (Some(_), Some(_)) => {
            Err(ApiError::new(Code::INVALID_BODY, "give payload or payload_base64, not both"))
        }
        (Some(json), None) => Ok(String::from(Box::<str>::from(json)).into_bytes()),
        (None, Some(text)) => STANDARD.decode(&text).map_err(|error| {
            let place = JsonPointer::root().key("payload_base64");
            let detail = format!("payload_base64 is not base64: {error}");
            ApiError::new(Code::INVALID_BODY, detail).at(&place, error.to_string())
        }),
        (None, None) => Ok(Vec::new()),
    }
}

/// What an answer is of: a revision, and what is left out of that one.
struct CallBasis {
    revision: u64,
    quarantined: QuarantinedRevisions,
}

impl CallBasis {
    fn of(modules: &Loaded<ModulesSnapshot>) -> Self {
        let quarantined = quarantined_revisions(modules.quarantined());
        Self { revision: modules.revision().get(), quarantined }
    }
}

/// The answer, with a revision at which the version that answered is the one of the manifest: the newest one when the
/// module still runs the manifest that it serves, else the one from before the call.
fn answer(app: &ModulesApp, name: &DocumentName, reply: ModuleReply, before: CallBasis) -> CallAnswer {
    let ModuleReply { result, live } = reply;
    let modules = app.parts.modules.load();
    let is_current = modules.manifest(name).is_some_and(|manifest| manifest.digest == live.manifest.digest);
    let CallBasis { revision, quarantined } = if is_current { CallBasis::of(&modules) } else { before };
    let (result, result_base64) = match serde_json::from_slice::<&RawValue>(&result) {
        Ok(json) => (Some(json.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(&result))),
    };
    CallAnswer {
        result,
        result_base64,
        module_version: live.manifest.version.clone(),
        generation: live.generation,
        revision,
        quarantined,
    }
}
