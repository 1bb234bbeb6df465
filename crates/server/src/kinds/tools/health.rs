//! The health of the catalogue, in the shape of the compatibility API.

use axum::Json;
use axum::extract::State;
use midflight_http::wire::quarantined_revisions;
use midflight_wire::tools::ToolsHealth;

use super::app::ToolsApp;

/// Whether the catalogue answers, and whether the log does: always 200. While the log is unavailable the status is
/// `unhealthy`, and the tools are served all the same; probes that route requests should ask `/health/ready`.
#[utoipa::path(get, path = "/api/v1/tools/health", tag = "tools", responses((status = 200, body = ToolsHealth)))]
pub(super) async fn health(State(app): State<ToolsApp>) -> Json<ToolsHealth> {
    let tools = app.parts.tools.load();
    let status = app.engine.status();
    let is_available = status.store.available;
    let error = match (is_available, &status.diverged) {
        (false, _) => Some("log unavailable; keeping the current revision".to_owned()),
        (true, Some(diverged)) => Some(format!("log_diverged: {diverged}")),
        (true, None) => None,
    };
    Json(ToolsHealth {
        status: if error.is_none() { "healthy" } else { "unhealthy" }.into(),
        service: "tool-catalog".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        tool_count: tools.tool_count(),
        database: if is_available { "connected" } else { "unavailable" }.into(),
        error,
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
    })
}
