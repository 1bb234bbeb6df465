//! The kind `webhooks`: which events of a server are sent where, as documents.
//!
//! ```yaml
//! kind: webhooks
//! name: operations
//! body:
//!   url: https://hooks.example.com/midflight
//!   secret: ${env:MIDFLIGHT_HOOK_SECRET}
//!   events: [revision.live, reload.failed]
//!   documents: [rules/pricing/*]
//! ```
//!
//! Requests are signed as the Standard Webhooks specification (1.0.0, `v1`) defines. The secret is a reference: what it
//! refers to is read by the process that sends, and is never in the log.

mod event;
mod kind;
mod read;
mod schema;
mod signature;
mod webhook;

pub use event::{EVENT_ID_PREFIX, WebhookEvent, WebhookEventType};
pub use kind::{WebhookSet, Webhooks};
pub use signature::SigningKey;
pub use webhook::Webhook;

/// The name of the kind.
pub const WEBHOOKS: &str = "webhooks";
/// How many webhooks there may be. 100: each event is compared with all.
pub const WEBHOOKS_MAX: usize = 100;
/// How many patterns and words a filter may have.
pub const FILTER_ITEMS_MAX: usize = 100;
/// The bounds of `timeout_ms`.
pub const TIMEOUT_MS: (u64, u64) = (100, 30_000);
/// The bounds of `attempts_max`.
pub const ATTEMPTS: (u64, u64) = (1, 20);
/// The bounds of `retry_ms`.
pub const RETRY_MS: (u64, u64) = (100, 3_600_000);
/// The longest pause before an attempt, in ms. 6 h.
pub const PAUSE_MS_MAX: u64 = 6 * 3_600_000;
