//! Deliveries: what was sent to which webhook, and what is to be sent again.

use serde::{Deserialize, Serialize};

/// An event on its way to a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryAnswer {
    /// Its number, which only grows; some are missing.
    pub number: u64,
    /// The id of the event: `webhook-id` of its requests.
    pub id: String,
    /// The webhook.
    pub webhook: String,
    /// What sort of event it is, as `revision.live`.
    pub event: String,
    /// `waiting`, `delivered` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was added.
    pub created_at: String,
    /// When it is tried next; null when it is not.
    pub due_at: Option<String>,
    /// When it was delivered or became a dead letter; null while it waits.
    pub ended_at: Option<String>,
    /// Why the last attempt failed; null if none did.
    pub error: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryList {
    /// The deliveries.
    pub items: Vec<DeliveryAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Which deliveries to send again: one by its number, or the dead letters of a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// The number of one that was delivered or is a dead letter.
    pub number: Option<u64>,
    /// The webhook whose dead letters are meant.
    pub webhook: Option<String>,
}

/// How many deliveries are sent again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResendAnswer {
    /// How many.
    pub resent: u64,
}
