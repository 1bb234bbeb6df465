//! Takes over what another program counted of the patterns.

use axum::Json;
use axum::extract::State;
use midflight_core::JsonPointer;
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::params::document;
use midflight_http::problem::ApiError;
use midflight_patterns::import::UseCount;
use midflight_wire::patterns::{UsageBody, UsageTaken};
use midflight_wire::problem::ProblemBody;

use super::app::PatternsApp;
use super::table::foreign;

/// How many patterns one request may be about.
const ITEMS_MAX: usize = 10_000;

/// Adds what another program counted of the patterns: all of it the first time, and what it grew by since then. So a
/// repeat counts nothing twice. Counts of patterns that are not there are left out.
#[utoipa::path(post, path = "/api/v1/patterns/usage", tag = "patterns", request_body = UsageBody,
    responses((status = 200, body = UsageTaken), (status = "default", body = ProblemBody)))]
pub(super) async fn take_usage(
    State(app): State<PatternsApp>,
    JsonBody(body): JsonBody<UsageBody>,
) -> Result<Json<UsageTaken>, ApiError> {
    if body.items.len() > ITEMS_MAX {
        let detail = format!("{} items are too many: send at most {ITEMS_MAX} at once", body.items.len());
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let mut counts = Vec::with_capacity(body.items.len());
    for (i, item) in body.items.into_iter().enumerate() {
        let place = JsonPointer::root().key("items").index(i).key("id");
        let id = document("patterns", &item.id).map_err(|error| error.at(&place, "is no id of a pattern"))?;
        counts.push(foreign(&UseCount {
            name: id.name,
            times_used: item.times_used,
            times_correct: item.times_correct,
            last_used_at: item.last_used_at,
        }));
    }
    Ok(Json(UsageTaken { patterns: app.parts.classifier.take_counts(&counts).await? }))
}
