//! Schedules: what waits for its time.

use midflight_core::Change;
use midflight_engine::{Scheduled, ScheduledAction, Window};
use midflight_store::DocumentVersion;
use midflight_wire::schedules::{ScheduleAnswer, ScheduledChange, WindowAnswer};

use super::time::stamp;

fn scheduled_change(change: &Change) -> ScheduledChange {
    ScheduledChange {
        op: change.op().as_str().into(),
        kind: change.id.kind.to_string(),
        name: change.id.name.to_string(),
    }
}

fn window_answer(window: &Window) -> WindowAnswer {
    WindowAnswer {
        cron: window.cron().to_owned(),
        time_zone: window.time_zone().to_owned(),
        length_ms: window.length_ms(),
    }
}

/// A schedule, with the version of its document that made it.
pub(crate) fn schedule_answer(scheduled: &Scheduled, version: &DocumentVersion) -> ScheduleAnswer {
    let schedule = &scheduled.schedule;
    let (what, changes, repeat) = match &schedule.what {
        ScheduledAction::Edit { changes, .. } => ("edit", &changes[..], false),
        ScheduledAction::Reload { repeat } => ("reload", &[][..], *repeat),
    };
    ScheduleAnswer {
        id: scheduled.id.name.to_string(),
        author: version.author.clone(),
        reason: version.reason.clone(),
        created_at: stamp(version.created_at),
        what: what.into(),
        changes: changes.iter().map(scheduled_change).collect(),
        repeat,
        not_before: schedule.when.not_before().map(stamp),
        window: schedule.when.window().map(window_answer),
        next_at: scheduled.next_at.map(stamp),
        refused: schedule.refused.as_deref().cloned(),
    }
}
