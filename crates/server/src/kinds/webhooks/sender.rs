//! Sends deliveries.
//!
//! Any replica may send any delivery: it claims it for a while, and no other replica gets it meanwhile. So each is sent
//! by one replica, and by another one when that crashes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_outbound::{OutboundClient, OutboundRefused, reason};
use midflight_store::{AttemptEnd, Delivery, StoreError};
use midflight_webhooks::{PAUSE_MS_MAX, Webhook, WebhookSet};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use reqwest::{Method, Response, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::metrics::WebhooksMetrics;

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_millis(500);
/// How many requests there are at the same time. 16: receivers are few.
const REQUESTS_MAX: usize = 16;
/// How long a delivery is claimed: longer than any attempt (`timeout_ms`) and the write of its result take.
const LEASE: Duration = Duration::from_secs(90);
/// The `User-Agent` of requests.
const AGENT: &str = concat!("midflight/", env!("CARGO_PKG_VERSION"));

/// Sends what is due.
pub(super) struct DeliverySender {
    parts: Arc<DeliverySenderParts>,
}

struct DeliverySenderParts {
    engine: Engine,
    webhooks: Live<WebhookSet>,
    client: OutboundClient,
    metrics: WebhooksMetrics,
}

impl DeliverySender {
    pub(super) fn new(
        engine: Engine,
        webhooks: Live<WebhookSet>,
        client: OutboundClient,
        metrics: WebhooksMetrics,
    ) -> Self {
        Self { parts: Arc::new(DeliverySenderParts { engine, webhooks, client, metrics }) }
    }

    /// Sends until the server stops, then waits for the requests that are under way.
    pub(super) async fn run(self, stopping: CancellationToken) {
        let mut requests = JoinSet::new();
        // Those of webhooks that were deleted are still to be ended.
        let mut may_wait = true;
        while !stopping.is_cancelled() {
            while requests.try_join_next().is_some() {}
            let is_wanted = may_wait || self.parts.webhooks.load().active().next().is_some();
            let room = REQUESTS_MAX - requests.len();
            if is_wanted && room > 0 {
                let claimed = tokio::select! {
                    claimed = self.claim(room) => claimed,
                    () = stopping.cancelled() => break,
                };
                match claimed {
                    Ok(claimed) => {
                        may_wait = !claimed.is_empty();
                        for delivery in claimed {
                            let parts = Arc::clone(&self.parts);
                            requests.spawn(async move { parts.deliver(delivery).await });
                        }
                    }
                    Err(error) => tracing::debug!(%error, "cannot read the deliveries of webhooks"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                Some(_) = requests.join_next(), if !requests.is_empty() && may_wait => {}
                () = stopping.cancelled() => {}
            }
        }
        while requests.join_next().await.is_some() {}
    }

    async fn claim(&self, room: usize) -> Result<Vec<Delivery>, StoreError> {
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        self.parts.engine.store().claim_deliveries(room, LEASE).await
    }
}

impl DeliverySenderParts {
    /// Makes one attempt and keeps what came of it.
    async fn deliver(&self, delivery: Delivery) {
        let webhook = self.webhooks.load().get(&delivery.new.webhook).cloned();
        let end = match webhook {
            None => AttemptEnd::Dead { error: "the webhook was deleted".to_owned() },
            Some(webhook) if !webhook.is_active => {
                AttemptEnd::Dead { error: "the webhook is not active".to_owned() }
            }
            Some(webhook) => {
                let result = self.send(&webhook, &delivery).await;
                self.metrics.attempted(result.is_ok());
                end_of(result, &webhook, delivery.attempts)
            }
        };
        let (number, webhook) = (delivery.number, &delivery.new.webhook);
        match &end {
            AttemptEnd::Delivered => tracing::debug!(%webhook, number, "event delivered"),
            AttemptEnd::Again { after, error } => {
                tracing::debug!(%webhook, number, error, ?after, "event not delivered; trying again");
            }
            AttemptEnd::Dead { error } => {
                tracing::warn!(%webhook, number, error, "event not delivered; it is a dead letter now");
            }
        }
        // Without the result it is sent again once the claim is over: at least once.
        if let Err(error) = self.engine.store().end_attempt(number, delivery.attempts, &end).await {
            tracing::warn!(%webhook, number, %error, "cannot store the result of a delivery; it may be sent again");
        }
    }

    async fn send(&self, webhook: &Webhook, delivery: &Delivery) -> Result<(), SendFailure> {
        let body = delivery.new.payload.clone();
        let sent = Timestamp::now().as_second().to_string();
        let signature = webhook.key.signature(&delivery.new.id, &sent, body.as_bytes());
        let request = self.client.request(Method::POST, webhook.url.clone())?;
        let request = request
            .timeout(Duration::from_millis(webhook.timeout_ms))
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", &delivery.new.id)
            .header("webhook-timestamp", sent)
            .header("webhook-signature", signature)
            .body(body);
        let response = request.send().await.map_err(|error| match OutboundRefused::of(&error) {
            Some(refused) => SendFailure::from(refused.clone()),
            None if error.is_timeout() => {
                let timeout_ms = webhook.timeout_ms;
                SendFailure::new(format!("no answer within {timeout_ms} ms (timeout_ms)"))
            }
            None => SendFailure::new(reason(error)),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        Err(SendFailure {
            error: format!("the receiver answered {status}"),
            // It does not want this event, nor will it (410).
            is_final: status == StatusCode::GONE,
            after: retry_after(&response),
        })
    }
}

/// Why an event was not taken.
struct SendFailure {
    error: String,
    is_final: bool,
    /// How long the receiver asks to wait.
    after: Option<Duration>,
}

impl SendFailure {
    fn new(error: String) -> Self {
        Self { error, is_final: false, after: None }
    }
}

impl From<OutboundRefused> for SendFailure {
    fn from(refused: OutboundRefused) -> Self {
        Self::new(refused.to_string())
    }
}

/// What comes of an attempt, which was the `attempts`th.
fn end_of(result: Result<(), SendFailure>, webhook: &Webhook, attempts: u32) -> AttemptEnd {
    match result {
        Ok(()) => AttemptEnd::Delivered,
        Err(failure) if failure.is_final || attempts >= webhook.attempts_max => {
            AttemptEnd::Dead { error: failure.error }
        }
        Err(failure) => {
            let pause = Duration::from_millis(webhook.pause_ms(attempts));
            let longest = Duration::from_millis(PAUSE_MS_MAX);
            let after = failure.after.map_or(pause, |after| after.max(pause).min(longest));
            AttemptEnd::Again { after, error: failure.error }
        }
    }
}

/// How long the receiver asks to wait, in seconds (RFC 9110, 10.2.3); a date is ignored.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
