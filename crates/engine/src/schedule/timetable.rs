//! When each schedule is due, worked out once and again only when it or the clock has changed its mind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::DocumentName;

use super::{Agenda, Schedule};

/// The longest time between two looks at the clock: a clock that was set forward is noticed within it.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The schedules that are served, each with its time.
#[derive(Default)]
pub(super) struct Timetable {
    seen: Option<Arc<Agenda>>,
    entries: BTreeMap<DocumentName, TimetableEntry>,
    looked_at: Timestamp,
}

struct TimetableEntry {
    schedule: Arc<Schedule>,
    /// Nothing is due before; none when nothing ever is.
    next_at: Option<Timestamp>,
    /// When it was last done, of what is done again and again.
    last: Option<Timestamp>,
}

impl TimetableEntry {
    fn work_out(&mut self, now: Timestamp) {
        self.next_at = match self.schedule.refused {
            None => self.schedule.when.next_at(now, self.last),
            Some(_) => None,
        };
    }
}

impl Timetable {
    /// Takes in what is served now.
    pub(super) fn see(&mut self, agenda: Arc<Agenda>, now: Timestamp) {
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &agenda)) {
            return;
        }
        let mut before = std::mem::take(&mut self.entries);
        for (name, schedule) in agenda.iter() {
            let entry = match before.remove(name) {
                Some(entry) if Arc::ptr_eq(&entry.schedule, schedule) => entry,
                other => {
                    let last = other.and_then(|entry| entry.last);
                    let mut entry = TimetableEntry { schedule: Arc::clone(schedule), next_at: None, last };
                    entry.work_out(now);
                    entry
                }
            };
            self.entries.insert(name.clone(), entry);
        }
        self.seen = Some(agenda);
    }

    /// Whether anything is to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.entries.values().any(|entry| entry.next_at.is_some())
    }

    /// What is due, the longest due first.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<DocumentName> {
        if now < self.looked_at {
            // The clock was put back, and with it every time that was worked out by it.
            self.entries.values_mut().for_each(|entry| entry.work_out(now));
        }
        self.looked_at = now;
        let mut due = Vec::new();
        for (name, entry) in &mut self.entries {
            let Some(since) = entry.next_at.filter(|next_at| *next_at <= now) else { continue };
            // A window that was open then may have closed meanwhile.
            entry.work_out(now);
            if entry.next_at.is_some_and(|next_at| next_at <= now) {
                entry.next_at = Some(since);
                due.push((since, name.clone()));
            }
        }
        due.sort();
        due.into_iter().map(|(_, name)| name).collect()
    }

    /// How long to wait when everything that was due at `looked_at` was tried.
    pub(super) fn wait(&self, looked_at: Timestamp, now: Timestamp) -> Duration {
        let to_come = self.entries.values().filter_map(|entry| entry.next_at).filter(|at| *at > looked_at);
        let next = to_come.min().map(|at| at.duration_since(now));
        next.map_or(LOOK, |wait| Duration::try_from(wait).unwrap_or_default().min(LOOK))
    }

    /// When a schedule was last done, as far as this replica knows.
    pub(super) fn last(&self, name: &DocumentName) -> Option<Timestamp> {
        self.entries.get(name)?.last
    }

    /// Remembers that it was done, and when it is to be done again.
    pub(super) fn was_run(&mut self, name: &DocumentName, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.last = Some(now);
            entry.work_out(now);
        }
    }

    /// Does not try it again, until it is put again.
    pub(super) fn give_up(&mut self, name: &DocumentName) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.next_at = None;
        }
    }
}
