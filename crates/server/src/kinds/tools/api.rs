//! The server side of the tools.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use midflight_core::{Diff, KindName, Problems};
use midflight_engine::Kind;
use midflight_http::app::AppState;
use midflight_http::code::Code;
use midflight_http::kind::{KindApi, Members, describe, members_of};
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::principal::Permission::{Edit, Execute, Operate, Read};
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;
use midflight_mcp::McpMeter;
use midflight_tools::Tools;
use midflight_wire::tools::LintMembers;
use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use super::app::{ToolsApp, ToolsParts};
use super::metrics::ToolsMetrics;
use super::named_reloads::NamedReloads;
use super::telemetry::Telemetry;
use super::{
    agents, capabilities, create, delete, diff, evaluate, export, figures, health, history, import, lint,
    list, read, reload, rollback, search, select, telemetry, update, validate, versions,
};
use crate::kinds::context::KindContext;

/// Another tool has the name, or the tool has the version.
pub(super) const DUPLICATE_TOOL: Code = Code::new(
    "duplicate_tool",
    StatusCode::CONFLICT,
    "Duplicate tool",
    include_str!("../../../../../docs/errors/duplicate_tool.md"),
);
/// A version that is not served cannot be deleted by itself.
pub(super) const TOOL_VERSION_KEPT: Code = Code::new(
    "tool_version_kept",
    StatusCode::CONFLICT,
    "Version stays in the log",
    include_str!("../../../../../docs/errors/tool_version_kept.md"),
);

/// Adds the tools to a server.
pub(crate) fn setup(context: &Arc<KindContext>) -> KindSetup {
    let context = Arc::clone(context);
    KindSetup::new(move |builder| {
        let slot = builder.kind(Tools);
        let context = Arc::clone(&context);
        Box::new(move |started| {
            let tools = started.engine.live(slot);
            let metrics = ToolsMetrics::new(started.metrics);
            let telemetry = Telemetry::start(started.engine, &tools, &context.replica_id);
            let named_reloads = NamedReloads::default();
            let (limits, agents) = (context.tools, context.agents.get()?.clone());
            Some(Arc::new(ToolsApi {
                parts: ToolsParts {
                    tools,
                    metrics,
                    named_reloads,
                    telemetry,
                    limits,
                    agents,
                    meter: Arc::default(),
                },
            }))
        })
    })
}

/// The server side of the tools.
pub(super) struct ToolsApi {
    parts: ToolsParts,
}

/// Members of `tools_reloaded` and `tools_reload_failed`.
#[derive(Debug, Serialize)]
struct ToolsSummary {
    tools_loaded: usize,
    tools_offered: usize,
}

#[async_trait]
impl KindApi for ToolsApi {
    fn kind(&self) -> KindName {
        Tools.name()
    }

    fn routes(&self, app: &AppState) -> Routes<AppState> {
        let own = routes().with_state(ToolsApp::new(app.clone(), self.parts.clone()));
        own.merge(agents::routes(app, &self.parts))
    }

    fn summary(&self) -> Members {
        let tools = self.parts.tools.load();
        let summary = ToolsSummary { tools_loaded: tools.tool_count(), tools_offered: tools.offered_count() };
        members_of(&summary).unwrap_or_default()
    }

    fn effects(&self, diff: &Diff) -> Members {
        let warnings = lint::of_edit(&self.parts.tools.load(), diff);
        members_of(&LintMembers { warnings }).unwrap_or_default()
    }

    fn refusal(&self, problems: &Problems) -> Option<Code> {
        let is_duplicate = problems.iter().all(|problem| problem.code == midflight_tools::DUPLICATE_TOOL);
        is_duplicate.then_some(DUPLICATE_TOOL)
    }

    fn codes(&self) -> &'static [Code] {
        &[DUPLICATE_TOOL, TOOL_VERSION_KEPT]
    }

    fn metrics(&self, _: &MetricsRegistry) {
        let figures = self.parts.meter.get().map(McpMeter::read);
        self.parts.metrics.refresh(&self.parts.tools.load(), figures.as_ref());
    }

    fn document(&self, document: &mut OpenApi) {
        describe::<LintMembers>(document, "WriteAnswer");
    }

    /// Writes what was observed into the store, as long as it takes it.
    async fn stop(&self) {
        self.parts.telemetry.stop().await;
    }
}

/// The routes of the tools.
fn routes() -> Routes<ToolsApp> {
    Routes::new()
        .at(Read, routes!(health::health))
        .of(Read, Reach::All("tools", ""), routes!(list::list_tools))
        .of(Edit, Reach::Each, routes!(create::create_tool))
        .of(Read, Reach::Document("tools", "{name}"), routes!(read::get_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(update::update_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(delete::delete_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(update::enable_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(update::disable_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(update::deprecate_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(rollback::rollback_tool))
        .of(Edit, Reach::Document("tools", "{name}"), routes!(validate::validate_tool))
        .of(Read, Reach::Document("tools", "{name}"), routes!(versions::list_versions))
        .of(Read, Reach::Document("tools", "{name}"), routes!(diff::diff_tool))
        .of(Read, Reach::All("tools", ""), routes!(search::search_tools))
        .of(Read, Reach::All("tools", ""), routes!(list::of_platform))
        .of(Read, Reach::All("tools", ""), routes!(list::of_category))
        .of(Read, Reach::All("tools", ""), routes!(capabilities::list_capabilities))
        .of(Read, Reach::All("tools", ""), routes!(capabilities::tools_of_capability))
        .of(Edit, Reach::Each, routes!(import::import_tools))
        .of(Read, Reach::All("tools", ""), routes!(export::export_tools))
        .at(Operate, routes!(reload::reload_tools))
        .at(Read, routes!(history::reload_history))
        .at(Read, routes!(history::reload_statistics))
        .of(Read, Reach::All("tools", ""), routes!(figures::metrics))
        .of(Read, Reach::All("tools", ""), routes!(figures::prometheus))
        .of(Read, Reach::All("tools", ""), routes!(figures::performance))
        .of(Execute, Reach::All("tools", ""), routes!(select::select_tools))
        .of(Execute, Reach::Nothing, routes!(evaluate::evaluate))
        .of(Read, Reach::All("tools", ""), routes!(lint::lint_tools))
        .of(Edit, Reach::All("tools", ""), routes!(telemetry::observe))
        .of(Read, Reach::All("tools", ""), routes!(telemetry::get_telemetry))
}
