//! The recent past of the metrics over HTTP.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use midflight_wire::metrics::MetricsHistoryAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::long_answer::json;
use crate::metrics::scrape::check_enabled;
use crate::params::{self, Params};
use crate::principal::Permission::Read;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;

/// The route.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Read, Reach::Nothing, routes!(metrics_history))
}

/// Which samples.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MetricsHistoryParams {
    /// Only samples after this time, as the last of `times` in the answer before; all that are kept without.
    since: Option<String>,
}

/// Samples of this replica's metrics in the last hour, oldest first: rates, latencies, times of reloads and their
/// phases, the lag. They are kept in memory: a start begins with none. 404 where the config disables metrics.
#[utoipa::path(get, path = "/api/v1/metrics/history", tag = "health", params(MetricsHistoryParams),
    responses((status = 200, body = MetricsHistoryAnswer), (status = "default", body = ProblemBody)))]
async fn metrics_history(
    State(app): State<AppState>,
    principal: Principal,
    Params(params): Params<MetricsHistoryParams>,
) -> Result<Response, ApiError> {
    check_enabled(&(app.scrape)())?;
    let since: Option<Timestamp> = params::time("since", params.since.as_deref())?;
    let bytes = app.history.bytes_max();
    let room = app.answers.take(&principal, bytes).await?;
    let made = app.clone();
    json(bytes as u64, room, move || made.history.answer(since)).await
}
