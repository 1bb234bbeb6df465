//! Scheduled writes: their parameters, and the schedule that is made of them.

use jiff::{SignedDuration, Timestamp};
use midflight_core::{Change, DocumentId, Precondition};
use midflight_engine::{Schedule, ScheduledAction, WindowText, schedule_id};
use midflight_wire::schedules::PlannedAnswer;

use crate::code::Code;
use crate::problem::ApiError;
use crate::wire::stamp;

/// When to run a change, by the parameters of an address.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleParams<'a> {
    pub(crate) not_before: Option<&'a str>,
    pub(crate) window: Option<&'a str>,
    pub(crate) time_zone: Option<&'a str>,
    pub(crate) window_ms: Option<u64>,
    pub(crate) schedule_id: Option<&'a str>,
}

/// How far in the past the time of a schedule may be: clocks differ, and a request takes its time.
const PAST_MAX: SignedDuration = SignedDuration::from_secs(60);

/// A schedule that is to be put.
#[derive(Debug)]
pub(crate) struct PlannedSchedule {
    id: DocumentId,
    schedule: Schedule,
}

impl ScheduleParams<'_> {
    /// Whether any parameter is given.
    pub fn is_said(&self) -> bool {
        let texts = [self.not_before, self.window, self.time_zone, self.schedule_id];
        texts.iter().any(Option::is_some) || self.window_ms.is_some()
    }

    /// The schedule of something.
    ///
    /// # Errors
    /// 400 with all that is wrong with the parameters.
    pub(crate) fn plan(self, what: ScheduledAction) -> Result<PlannedSchedule, ApiError> {
        if self.window.is_none() && (self.time_zone.is_some() || self.window_ms.is_some()) {
            let detail = "time_zone and window_ms need window; add it, as 0 3 * * *";
            return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
        }
        let (time_zone, length_ms) = (self.time_zone, self.window_ms);
        let window = self.window.map(|cron| WindowText { cron, time_zone, length_ms });
        let schedule = Schedule::new(what, self.not_before, window).map_err(|problems| {
            ApiError::new(Code::INVALID_PARAMETER, format!("it cannot be scheduled: {problems}"))
                .with(&problems)
        })?;
        let made_up;
        let name = match self.schedule_id {
            Some(name) => name,
            None => {
                made_up = uuid::Uuid::now_v7().to_string();
                &made_up
            }
        };
        let planned = PlannedSchedule { id: schedule_id(name)?, schedule };
        match planned.id.name.is_check() || planned.next_at().is_none() {
            true => Err(ApiError::new(
                Code::INVALID_PARAMETER,
                "that time never occurs, or the name belongs to \
                                                            a check",
            )),
            false => Ok(planned),
        }
    }
}

impl PlannedSchedule {
    /// The change that puts the schedule, where there is none of its name.
    pub(crate) fn put(&self) -> Change {
        Change::put(self.id.clone(), self.schedule.to_body()).when(Precondition::Absent)
    }

    /// Refuses a time in the past, which would be due at once. With a window it is no mistake: the time is
    /// that of the next opening then.
    pub(crate) fn check_is_ahead(&self) -> Result<(), ApiError> {
        let when = &self.schedule.when;
        let is_past = |at: &Timestamp| Timestamp::now().duration_since(*at) > PAST_MAX;
        match when.not_before().filter(|at| when.window().is_none() && is_past(at)) {
            Some(at) => {
                let detail = format!(
                    "not_before {at} is in the past: give a future time, or leave it out to make the change now"
                );
                Err(ApiError::new(Code::INVALID_PARAMETER, detail))
            }
            None => Ok(()),
        }
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.schedule.when.next_at(Timestamp::now(), None)
    }

    pub(crate) fn answer(&self) -> PlannedAnswer {
        PlannedAnswer { id: self.id.name.to_string(), next_at: self.next_at().map(stamp) }
    }
}
