//! What the handlers of the tools share.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRef;
use midflight_http::app::AppState;
use midflight_live::Live;
use midflight_mcp::McpMeter;
use midflight_tools::ToolsSnapshot;

use super::agents::AgentSettings;
use super::limits::ToolsLimits;
use super::metrics::ToolsMetrics;
use super::named_reloads::NamedReloads;
use super::telemetry::Telemetry;

/// What the server side of the tools is made of.
#[derive(Clone)]
pub(super) struct ToolsParts {
    pub(super) tools: Live<ToolsSnapshot>,
    pub(super) metrics: ToolsMetrics,
    pub(super) named_reloads: NamedReloads,
    pub(super) telemetry: Telemetry,
    pub(super) limits: ToolsLimits,
    pub(super) agents: AgentSettings,
    /// What the endpoint of agents counts, once it is mounted.
    pub(super) meter: Arc<OnceLock<McpMeter>>,
}

/// What the handlers of the tools share: what every handler does, and the tools.
#[derive(Clone)]
pub(crate) struct ToolsApp {
    app: AppState,
    pub(super) parts: ToolsParts,
}

impl ToolsApp {
    pub(super) fn new(app: AppState, parts: ToolsParts) -> Self {
        Self { app, parts }
    }
}

impl std::ops::Deref for ToolsApp {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRef<ToolsApp> for AppState {
    fn from_ref(app: &ToolsApp) -> Self {
        app.app.clone()
    }
}
