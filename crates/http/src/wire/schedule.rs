//! Schedules: what waits for its time.

use midflight_core::Change;
use midflight_engine::{Scheduled, ScheduledAction, Window};
use midflight_store::DocumentVersion;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::time::stamp;

/// A schedule that was made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlannedAnswer {
    /// Its name, in `/api/v1/schedules`.
    pub id: String,
    /// When it is due.
    pub next_at: Option<String>,
}

/// A scheduled change; the new body is in the document of the schedule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduledChange {
    /// `put` or `delete`.
    pub op: &'static str,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl From<&Change> for ScheduledChange {
    fn from(change: &Change) -> Self {
        Self { op: change.op().as_str(), kind: change.id.kind.to_string(), name: change.id.name.to_string() }
    }
}

/// Times outside which nothing is done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WindowAnswer {
    /// When it opens: minute, hour, day, month, weekday.
    pub cron: String,
    /// The time zone in which that is read.
    pub time_zone: String,
    /// How long it stays open.
    pub length_ms: u64,
}

impl From<&Window> for WindowAnswer {
    fn from(window: &Window) -> Self {
        Self {
            cron: window.cron().to_owned(),
            time_zone: window.time_zone().to_owned(),
            length_ms: window.length_ms(),
        }
    }
}

/// What waits for its time, or was refused at it.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    pub what: &'static str,
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

impl ScheduleAnswer {
    pub(crate) fn new(scheduled: &Scheduled, version: &DocumentVersion) -> Self {
        let schedule = &scheduled.schedule;
        let (what, changes, repeat) = match &schedule.what {
            ScheduledAction::Edit { changes, .. } => ("edit", &changes[..], false),
            ScheduledAction::Reload { repeat } => ("reload", &[][..], *repeat),
        };
        Self {
            id: scheduled.id.name.to_string(),
            author: version.author.clone(),
            reason: version.reason.clone(),
            created_at: stamp(version.created_at),
            what,
            changes: changes.iter().map(ScheduledChange::from).collect(),
            repeat,
            not_before: schedule.when.not_before().map(stamp),
            window: schedule.when.window().map(WindowAnswer::from),
            next_at: scheduled.next_at.map(stamp),
            refused: schedule.refused.as_deref().cloned(),
        }
    }
}

/// A page of schedules, ordered by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScheduleList {
    /// The schedules.
    pub items: Vec<ScheduleAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
