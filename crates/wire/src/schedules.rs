//! Schedules: edits and reloads that wait for their time.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schedule that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedAnswer {
    /// Its name, in `/api/v1/schedules`.
    pub id: String,
    /// When it is due.
    pub next_at: Option<String>,
}

/// A scheduled change; the new body is in the document of the schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduledChange {
    /// `put` or `delete`.
    pub op: Cow<'static, str>,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// Times outside which nothing is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WindowAnswer {
    /// When it opens: minute, hour, day, month, weekday.
    pub cron: String,
    /// The time zone in which that is read.
    pub time_zone: String,
    /// How long it stays open.
    pub length_ms: u64,
}

/// What waits for its time, or was refused at it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleAnswer {
    /// Its name.
    pub id: String,
    /// Who scheduled it, and is the author of what it does.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it was scheduled, or was refused.
    pub created_at: String,
    /// `edit` or `reload`.
    pub what: Cow<'static, str>,
    /// What the edit changes.
    pub changes: Vec<ScheduledChange>,
    /// Whether the reload is done each time the window opens.
    pub repeat: bool,
    /// The moment before which nothing is done.
    pub not_before: Option<String>,
    /// The window outside which nothing is done.
    pub window: Option<WindowAnswer>,
    /// When it is due; null when it was refused, or its time cannot come any more.
    pub next_at: Option<String>,
    /// The result of its run, `{at, outcome, problems}`; it is not tried again then.
    pub refused: Option<Value>,
}

/// A page of schedules, ordered by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleList {
    /// The schedules.
    pub items: Vec<ScheduleAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
