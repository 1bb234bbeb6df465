//! Reloads in the shape of the rule engine.

use midflight_core::ReloadEvent;
use midflight_wire::reload::ReloadAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use midflight_http::monitoring_status::{ended_at, failure, word};
use midflight_http::wire::stamp;

/// A reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RulesReloadItem {
    /// Its number on this replica, which is how many there were then.
    pub(crate) reload_count: u64,
    /// When it ended.
    pub(crate) last_reload_time: String,
    /// `success`, or how it ended.
    pub(crate) status: String,
    /// Why it did not end well; null where it did.
    pub(crate) error: Option<String>,
}

impl From<&ReloadEvent> for RulesReloadItem {
    fn from(event: &ReloadEvent) -> Self {
        Self {
            reload_count: event.id.0,
            last_reload_time: stamp(ended_at(event)),
            status: word(event.outcome),
            error: failure(event),
        }
    }
}

/// A page of reloads, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RulesReloadHistory {
    /// How many it could have.
    pub(crate) limit: usize,
    /// How many it has.
    pub(crate) count: usize,
    /// The reloads, in short.
    pub(crate) history: Vec<RulesReloadItem>,
    /// The same reloads, with all that is known of them.
    pub(crate) items: Vec<ReloadAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
}
