//! The reloads of this replica that were about tools, or about all that the log has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::{Open, ReloadEvent, RevisionNumber, Trigger, clip};
use midflight_engine::Kind as _;
use midflight_http::code::Code;
use midflight_http::monitoring_status::failure;
use midflight_http::params::Params;
use midflight_http::problem::ApiError;
use midflight_http::wire::{ms, stamp};
use midflight_store::{ListedRevision, RevisionQuery};
use midflight_tools::Tools;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{ReloadHistory, ReloadHistoryItem, ReloadStatistics};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::reload::whole_ms;

/// How many reloads are listed unless asked, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 100;
/// How many revisions are read for the reasons of reloads.
const REVISIONS_MAX: u32 = 500;

/// Which reloads to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// How many at most, from 1 to 100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Only those that ran for this reason, as `manual`, `api_update`, `periodic`, `webhook`, `startup`.
    trigger: Option<String>,
}

/// Whether a reload was about tools: it changed some, or was a look at all that the log has.
pub(super) fn is_of_tools(event: &ReloadEvent) -> bool {
    event.kinds.is_empty() || event.kinds.contains(&Tools.name())
}

/// The reloads of this replica that were about tools, newest first.
#[utoipa::path(get, path = "/api/v1/tools/reload/history", tag = "tools", params(HistoryParams),
    responses((status = 200, body = ReloadHistory), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_history(
    State(app): State<ToolsApp>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<ReloadHistory>, ApiError> {
    let limit = params.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("invalid limit {limit}: expected 1 to {LIMIT_MAX}");
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let trigger = params.trigger.as_deref().map(known_trigger).transpose()?;
    let wanted = |event: &ReloadEvent| {
        is_of_tools(event) && trigger.is_none_or(|trigger| event.trigger == Open::Known(trigger))
    };
    let events = app.engine.history().select(limit, wanted);
    let revisions = revisions(&app, &events).await;
    let history: Vec<_> = events.iter().map(|event| item(&app, event, &revisions)).collect();
    Ok(Json(ReloadHistory { total: history.len(), history }))
}

fn known_trigger(word: &str) -> Result<Trigger, ApiError> {
    Trigger::ALL.iter().copied().find(|trigger| trigger.as_str() == word).ok_or_else(|| {
        let known: Vec<_> = Trigger::ALL.iter().map(|trigger| trigger.as_str()).collect();
        let detail = format!("invalid trigger {:?}: expected one of {}", clip(word), known.join(", "));
        ApiError::new(Code::INVALID_PARAMETER, detail)
    })
}

/// The revisions of the reloads, as far as the log has them. While it is unavailable reloads are listed without
/// reasons.
async fn revisions(app: &ToolsApp, events: &[Arc<ReloadEvent>]) -> HashMap<RevisionNumber, ListedRevision> {
    let changed = events.iter().filter(|event| event.documents_changed > 0 && event.outcome.is_live());
    let Some(newest) = changed.map(|event| event.to).max() else { return HashMap::new() };
    let query = RevisionQuery {
        kind: Some(Tools.name()),
        before: Some(newest.next()),
        limit: REVISIONS_MAX,
        changes_max: Some(2),
    };
    match app.engine.store().revisions(query).await {
        Ok(page) => page.items.into_iter().map(|listed| (listed.revision.number, listed)).collect(),
        Err(error) => {
            tracing::debug!(%error, "cannot read the reasons of reloads");
            HashMap::new()
        }
    }
}

fn item(
    app: &ToolsApp,
    event: &ReloadEvent,
    revisions: &HashMap<RevisionNumber, ListedRevision>,
) -> ReloadHistoryItem {
    let is_made = event.documents_changed > 0 && event.outcome.is_live();
    let revision = revisions.get(&event.to).filter(|_| is_made).map(|listed| &listed.revision);
    let only = revision.and_then(|revision| match &*revision.changes {
        [only] if only.id.kind == Tools.name() => Some(only.id.name.as_str()),
        _ => None,
    });
    let tools = app.parts.tools.load();
    let named = |id: &str| tools.tool(id).map_or_else(|| id.to_owned(), |tool| tool.tool_name().to_owned());
    ReloadHistoryItem {
        id: event.id.0,
        trigger: event.trigger.to_string(),
        tool_name: app.parts.named_reloads.of(event.id.0).or_else(|| only.map(named)),
        triggered_by: (!event.triggered_by.is_empty()).then(|| event.triggered_by.clone()),
        reason: revision.map(|revision| revision.reason.clone()).filter(|reason| !reason.is_empty()),
        timestamp: stamp(event.started_at),
        success: event.outcome.is_live(),
        error_message: failure(event),
        duration_ms: whole_ms(event.took),
        took_ms: ms(event.took),
        outcome: event.outcome.to_string(),
        to: event.to.get(),
        documents_changed: event.documents_changed,
    }
}

/// What the reloads of this replica that were about tools add up to, of those that are kept.
#[utoipa::path(get, path = "/api/v1/tools/reload/statistics", tag = "tools",
    responses((status = 200, body = ReloadStatistics), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_statistics(State(app): State<ToolsApp>) -> Json<ReloadStatistics> {
    let statistics = app.engine.history().statistics(is_of_tools);
    let refresh = app.engine.status().refresh;
    let live = statistics.by_outcome.iter().filter(|(outcome, _)| outcome.is_live());
    let successful: usize = live.map(|(_, count)| count).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    let share = successful as f64 / statistics.total.max(1) as f64;
    Json(ReloadStatistics {
        total_reloads: statistics.total,
        successful_reloads: successful,
        failed_reloads: statistics.total - successful,
        success_rate: share,
        handlers_registered: 1,
        periodic_refresh_enabled: refresh.enabled,
        refresh_interval_seconds: refresh.period.as_secs(),
        by_trigger: counted(&statistics.by_trigger),
        by_outcome: counted(&statistics.by_outcome),
        p50_ms: statistics.p50.map(ms),
        p95_ms: statistics.p95.map(ms),
        p99_ms: statistics.p99.map(ms),
    })
}

fn counted<W: ToString>(counts: &BTreeMap<W, usize>) -> BTreeMap<String, usize> {
    counts.iter().map(|(word, count)| (word.to_string(), *count)).collect()
}
