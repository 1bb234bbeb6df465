//! Deliveries over HTTP: what was sent to which webhook, and what is to be sent again.

use axum::Json;
use axum::extract::State;
use midflight_core::{DocumentName, clip};
use midflight_http::app::AppState;
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::params::{Params, limit, number_cursor};
use midflight_http::principal::Permission::{Operate, Read};
use midflight_http::problem::ApiError;
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::wire::stamp;
use midflight_store::{Delivery, DeliveryQuery, DeliveryState, ResendQuery};
use midflight_webhooks::WEBHOOKS;
use midflight_wire::problem::ProblemBody;
use midflight_wire::webhooks::{DeliveryAnswer, DeliveryList, ResendAnswer, ResendRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

/// The routes of deliveries.
pub(super) fn routes() -> Routes<AppState> {
    Routes::new().of(Read, Reach::All(WEBHOOKS, ""), routes!(list_deliveries)).of(
        Operate,
        Reach::All(WEBHOOKS, ""),
        routes!(resend),
    )
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryParams {
    /// Only to this webhook.
    webhook: Option<String>,
    /// Only those in this state: `waiting`, `delivered` or `dead`.
    #[param(pattern = "^(waiting|delivered|dead)$")]
    state: Option<String>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

fn delivery_answer(delivery: Delivery) -> DeliveryAnswer {
    let is_waiting = delivery.state == DeliveryState::Waiting;
    DeliveryAnswer {
        number: delivery.number,
        id: delivery.new.id,
        webhook: delivery.new.webhook.to_string(),
        event: delivery.new.event,
        state: delivery.state.as_str().to_owned(),
        attempts: delivery.attempts,
        created_at: stamp(delivery.created_at),
        due_at: is_waiting.then(|| stamp(delivery.due_at)),
        ended_at: delivery.ended_at.map(stamp),
        error: delivery.error,
    }
}

fn webhook_name(text: &str) -> Result<DocumentName, ApiError> {
    DocumentName::new(text)
        .map_err(|error| ApiError::new(Code::INVALID_PARAMETER, format!("invalid webhook: {error}")))
}

/// What is sent to webhooks, what was sent, and what could not be sent (`state=dead`), newest first. What was delivered
/// is listed for a week, and dead letters for 30 days.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "webhooks", params(DeliveryParams),
    responses((status = 200, body = DeliveryList), (status = "default", body = ProblemBody)))]
async fn list_deliveries(
    State(app): State<AppState>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<DeliveryList>, ApiError> {
    let known = |word: &str| {
        DeliveryState::of_word(word).ok_or_else(|| {
            let detail = format!("invalid state {:?}: expected waiting, delivered or dead", clip(word));
            ApiError::new(Code::INVALID_PARAMETER, detail)
        })
    };
    let query = DeliveryQuery {
        webhook: params.webhook.as_deref().map(webhook_name).transpose()?,
        state: params.state.as_deref().map(known).transpose()?,
        before: number_cursor(params.cursor.as_deref())?,
        limit: limit(params.limit)?,
    };
    let page = app.engine.store().deliveries(query).await?;
    Ok(Json(DeliveryList {
        items: page.items.into_iter().map(delivery_answer).collect(),
        next_cursor: page.next.map(|number| number.to_string()),
    }))
}

/// Sends events again: one that was delivered or is a dead letter, or all dead letters of a webhook. They are tried as
/// often as new ones.
#[utoipa::path(post, path = "/api/v1/deliveries/resend", tag = "webhooks", request_body = ResendRequest,
    responses((status = 200, body = ResendAnswer), (status = "default", body = ProblemBody)))]
async fn resend(
    State(app): State<AppState>,
    JsonBody(request): JsonBody<ResendRequest>,
) -> Result<Json<ResendAnswer>, ApiError> {
    let which = match (request.number, request.webhook) {
        (Some(number), None) => ResendQuery::One(number),
        (None, Some(webhook)) => ResendQuery::DeadOf(webhook_name(&webhook)?),
        _ => {
            let detail = "write number or webhook: a delivery, or the webhook whose dead letters are meant";
            return Err(ApiError::new(Code::INVALID_BODY, detail));
        }
    };
    let resent = app.engine.store().resend_deliveries(&which).await?;
    match (which, resent) {
        (ResendQuery::One(number), 0) => {
            let detail = format!("no delivery {number} that ended; list them with GET /api/v1/deliveries");
            Err(ApiError::new(Code::NOT_FOUND, detail))
        }
        _ => Ok(Json(ResendAnswer { resent })),
    }
}
