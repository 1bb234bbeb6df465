//! How patterns do.

use axum::Json;
use axum::extract::State;
use midflight_http::params::{self, Params};
use midflight_http::problem::ApiError;
use midflight_wire::patterns::PerformanceAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::PatternsApp;
use super::wire::performance_answer;

/// How many to rank.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PerformanceParams {
    /// How many patterns at most; 50 by default, at most 500.
    limit: Option<u32>,
}

/// The best patterns, by the lower bound of their share of positive feedback and then by use, on all replicas together;
/// and the savings of patterns in calls of an LLM.
#[utoipa::path(get, path = "/api/v1/patterns/performance", tag = "patterns", params(PerformanceParams),
    responses((status = 200, body = PerformanceAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn performance(
    State(app): State<PatternsApp>,
    Params(params): Params<PerformanceParams>,
) -> Result<Json<PerformanceAnswer>, ApiError> {
    let limit = params::limit(params.limit)? as usize;
    // So that what was counted here a moment ago is in it.
    app.parts.classifier.flush().await;
    let performance = app.parts.classifier.performance(limit).await?;
    Ok(Json(performance_answer(performance)))
}
