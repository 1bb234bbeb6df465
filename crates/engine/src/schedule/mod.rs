//! Schedules: edits and reloads that wait for their time.
//!
//! A schedule is a document of the kind `schedules`, which every engine has, so it survives restarts and is listed,
//! cancelled (deleted), restored and audited like any other. When it is due, the replica that leads makes one edit of
//! what was scheduled and of the deletion of the schedule, on the condition that the schedule is unchanged: either all
//! of that is in the log or nothing is, however many replicas there are and whenever one of them dies.

mod clock;
mod cron;
mod kind;
mod lead;
mod read;
mod run;
mod timetable;
mod when;
mod write;

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{Change, DocumentId, DocumentName, KindName, NameError};
use serde_json::Value;

pub(crate) use kind::{Agenda, Schedules};
pub(crate) use run::Scheduler;
pub use when::{When, Window};

/// The name of the kind.
pub const SCHEDULES: &str = "schedules";
/// How many schedules there may be. 1,000: a person reads the list.
pub(crate) const SCHEDULES_MAX: usize = 1_000;
/// How many documents one schedule may change. 1,000; what is more belongs into several, or into files.
pub(crate) const CHANGES_MAX: usize = 1_000;

/// What is to be done, and when.
///
/// Its body is `{changes: [{op, kind, name, body?, if_version?, if_revision?, if_present?}], take_over?}` or `{reload:
/// true, repeat?}`, with `not_before`, `window: {cron, time_zone?, length_ms?}` or both. Its author and reason are
/// those of the revision in the log that put it: its edit is done in that name.
///
/// ```
/// use midflight_core::Change;
/// use midflight_engine::{Schedule, ScheduledAction, WindowText, schedule_id};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let what = ScheduledAction::Edit { changes: vec![Change::delete("rules/loans/R1".parse()?)], take_over: false };
/// let night = WindowText { cron: "0 3 * * 1-5", time_zone: Some("Europe/Rome"), length_ms: None };
/// let schedule = Schedule::new(what, None, Some(night))?;
/// // The change to be made by an edit now, so that the other one is made at night.
/// let change = Change::put(schedule_id("goodbye-R1")?, schedule.to_body());
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What is to be done.
    pub what: ScheduledAction,
    /// When.
    pub when: When,
    /// Its result, if it was refused: `{at, outcome, problems}`. It is not tried again then, until it is put again
    /// without this.
    pub refused: Option<Arc<Value>>,
}

/// A window as texts, to be read.
#[derive(Debug, Clone, Copy)]
pub struct WindowText<'a> {
    /// When it opens: minute, hour, day, month and weekday, as `0 3 * * 1-5`.
    pub cron: &'a str,
    /// The IANA time zone in which that is read; `UTC` without.
    pub time_zone: Option<&'a str>,
    /// How long it stays open, in milliseconds, from a minute to a week; an hour without.
    pub length_ms: Option<u64>,
}

/// What is to be done at its time.
#[derive(Debug, Clone)]
pub enum ScheduledAction {
    /// An edit, made once.
    Edit {
        /// What it changes; what each is conditional on is looked at when it is due.
        changes: Vec<Change>,
        /// Whether documents of other owners change their owner.
        take_over: bool,
    },
    /// Everything is compiled again on the replica that leads; the others look at the log.
    Reload {
        /// Whether that is done each time the window opens, and the schedule stays. Which opening was the last is
        /// remembered by the leader alone, since a revision for each would bury the log's history; another leader may
        /// so do it again in the same window, which changes nothing that is served.
        repeat: bool,
    },
}

/// A schedule of an engine.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Its document.
    pub id: DocumentId,
    /// Its body.
    pub schedule: Arc<Schedule>,
    /// When it is due; none when it was refused, or its time cannot come any more.
    pub next_at: Option<Timestamp>,
}

impl Scheduled {
    pub(crate) fn new(name: &DocumentName, schedule: &Arc<Schedule>, now: Timestamp) -> Self {
        // Of what repeats, the opening that is now is taken to be used.
        let last = matches!(schedule.what, ScheduledAction::Reload { repeat: true }).then_some(now);
        let next_at = match schedule.refused {
            None => schedule.when.next_at(now, last),
            Some(_) => None,
        };
        Self { id: id_of(name.clone()), schedule: Arc::clone(schedule), next_at }
    }
}

/// The document that keeps a schedule of this name.
///
/// # Errors
/// [`NameError`] when it is no name.
pub fn schedule_id(name: &str) -> Result<DocumentId, NameError> {
    Ok(id_of(DocumentName::new(name)?))
}

fn id_of(name: DocumentName) -> DocumentId {
    DocumentId { kind: kind_name(), name }
}

#[expect(clippy::expect_used, reason = "a constant that tests read")]
fn kind_name() -> KindName {
    KindName::new(SCHEDULES).expect("a kind's name")
}
