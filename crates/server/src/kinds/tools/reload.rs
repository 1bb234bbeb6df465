//! The compatibility endpoint for reloads: this replica and all others look at the log, and report whether they serve
//! it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use midflight_engine::ReloadScope;
use midflight_http::body::OptionalJsonBody;
use midflight_http::log::documents::absent;
use midflight_http::monitoring_status::failure;
use midflight_http::params::Params;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::reload::{FleetReload, everywhere};
use midflight_http::wire::{ms, quarantined_revisions, stamp};
use midflight_wire::problem::ProblemBody;
use midflight_wire::replicas::Ack;
use midflight_wire::tools::{ReloadToolsBody, ReloadedTools};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::names::document_of;

/// What to reload.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolReloadParams {
    /// A tool, which must exist. What is new in the log is compiled, and costs what it changed: a replica never serves
    /// a mix of two revisions.
    tool_name: Option<String>,
    /// Ignored: who triggers a reload is the authenticated caller.
    #[serde(rename = "triggered_by")]
    _triggered_by: Option<String>,
    /// Compiles everything again, changed or not.
    #[serde(default)]
    force: bool,
}

/// Makes every replica look at the log, and reports whether they serve it. The answer is 200 also where `success` is
/// false.
#[utoipa::path(post, path = "/api/v1/tools/reload", tag = "tools", params(ToolReloadParams),
    request_body(content = Option<ReloadToolsBody>),
    responses((status = 200, body = ReloadedTools), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_tools(
    principal: Principal,
    State(app): State<ToolsApp>,
    Params(params): Params<ToolReloadParams>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadToolsBody>,
) -> Result<Response, ApiError> {
    let tool_name = params.tool_name.or(body.unwrap_or_default().tool_name);
    if let Some(name) = &tool_name {
        let id = document_of(&app.parts.tools.snapshot(), name, &principal)?;
        let head = app.engine.store().document_head(&id).await?;
        head.filter(|head| !head.deleted).ok_or_else(|| absent(&id))?;
    }
    let scope = if params.force { ReloadScope::Everything } else { ReloadScope::New };
    let FleetReload { event, replicas } = everywhere(&app, &principal, scope).await?;
    if let Some(name) = &tool_name {
        app.parts.named_reloads.add(event.id.0, name);
    }
    let replicas: Vec<Ack> = replicas.into_iter().map(Ack::from).collect();
    let success = replicas.iter().all(|replica| replica.ack);
    let error_message = failure(&event).or_else(|| {
        let first = replicas.iter().find(|replica| !replica.ack)?;
        Some(format!("{}: {}", first.replica_id, first.reason.as_deref().unwrap_or("it does not serve it")))
    });
    let world = app.engine.world();
    let answer = ReloadedTools {
        success,
        trigger: event.trigger.to_string(),
        tool_name,
        triggered_by: event.triggered_by.clone(),
        timestamp: stamp(event.started_at),
        duration_ms: whole_ms(event.took),
        error_message,
        took_ms: ms(event.took),
        outcome: event.outcome.to_string(),
        documents_changed: event.documents_changed,
        replicas,
        revision: world.revision().get(),
        quarantined: quarantined_revisions(world.quarantined()),
    };
    Ok(Json(answer).into_response())
}

/// Whole ms, rounded up: the times of the compatibility API are integers, and one of 0 would mean that nothing was done.
pub(super) fn whole_ms(took: Duration) -> u64 {
    u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_whole_ms() {
        let times = [0, 1, 999, 1_000, 1_001].map(|us| whole_ms(Duration::from_micros(us)));
        assert_eq!(times, [0, 1, 1, 1, 2]);
    }
}
