//! What is counted of the tools, in the shapes of the compatibility API.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use midflight_http::metrics::scrape::exposition;
use midflight_http::problem::ApiError;
use midflight_http::wire::{ms, quarantined_revisions, statistics_answer, store_answer};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{
    PerformanceStats, ReloadTimes, StoreFigures, TableFigures, ToolFigures, ToolsMetricsAnswer,
};

use super::app::ToolsApp;
use super::history::is_of_tools;
use super::metrics::PREFIX;

/// What the catalogue has, and what was asked of it since this replica started.
#[utoipa::path(get, path = "/api/v1/tools/metrics", tag = "tools",
    responses((status = 200, body = ToolsMetricsAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn metrics(State(app): State<ToolsApp>) -> Json<ToolsMetricsAnswer> {
    let tools = app.parts.tools.load();
    Json(ToolsMetricsAnswer {
        tools: ToolFigures {
            total: tools.tool_count(),
            offered: tools.offered_count(),
            patterns: tools.pattern_count(),
            capabilities: tools.capabilities().count(),
            platforms: counts(tools.platforms()),
            categories: counts(tools.categories()),
        },
        requests: app.parts.metrics.counts(),
        reloads: statistics_answer(&app.engine.history().statistics(is_of_tools)),
        digest: tools.digest().to_string(),
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
        desired_revision: app.engine.status().desired.get(),
    })
}

fn counts<'n>(of: impl Iterator<Item = (&'n str, usize)>) -> BTreeMap<String, usize> {
    of.map(|(name, count)| (name.to_owned(), count)).collect()
}

/// The metrics of tools in Prometheus' text format; those of everything are at `/metrics`.
#[utoipa::path(get, path = "/api/v1/tools/metrics/prometheus", tag = "tools",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn prometheus(State(app): State<ToolsApp>) -> Result<Response, ApiError> {
    exposition(&app, PREFIX)
}

/// What answers requests for tools, and how large it is.
#[utoipa::path(get, path = "/api/v1/tools/performance/stats", tag = "tools",
    responses((status = 200, body = PerformanceStats), (status = "default", body = ProblemBody)))]
pub(super) async fn performance(State(app): State<ToolsApp>) -> Json<PerformanceStats> {
    let status = app.engine.status();
    let documents = app.engine.store().document_count().await.ok();
    let tools = app.parts.tools.load();
    let reloads = app.engine.history().statistics(is_of_tools);
    Json(PerformanceStats {
        pool: StoreFigures { store: store_answer(&status.store), from_copy: status.from_copy },
        cache: TableFigures {
            tools: tools.tool_count(),
            capabilities: tools.capabilities().count(),
            patterns: tools.pattern_count(),
            documents,
        },
        reloads: ReloadTimes {
            p50_ms: reloads.p50.map(ms),
            p95_ms: reloads.p95.map(ms),
            p99_ms: reloads.p99.map(ms),
        },
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
    })
}
