//! When a schedule is due: a pure function of its body and of the time.
//!
//! A window opens at the times of its cron expression by the clock on the wall of its time zone, and stays open for its
//! length. Where the clock is put forward over such a time, the window opens at the first moment after; where the clock
//! is put back and the time comes twice, it opens at the first of the two alone.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

/// The shortest and the longest a window is open, in milliseconds: a minute, so that it is not missed, and a week.
pub(super) const LENGTH_MS: (u64, u64) = (60_000, 7 * 86_400_000);
/// Default length of a window, in milliseconds: an hour.
pub(super) const LENGTH_MS_DEFAULT: u64 = 3_600_000;

/// When something is to be done: from a moment on, within a window, or both.
#[derive(Debug, Clone)]
pub struct When {
    pub(super) not_before: Option<Timestamp>,
    pub(super) window: Option<Window>,
}

/// Times at which something may be done, again and again.
#[derive(Debug, Clone)]
pub struct Window {
    pub(super) cron: Cron,
    pub(super) time_zone: TimeZone,
    pub(super) time_zone_name: String,
    pub(super) length: SignedDuration,
}

impl When {
    /// The moment before which nothing is done.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// The window outside which nothing is done.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// The first moment from `now` on at which it may be done; `now` itself when it may be done at once. None when no
    /// such moment comes within the calendar.
    ///
    /// `last` is when it was done before, for what is done at every opening: an opening that was used is not used
    /// again. A `last` that is still to come, since the clock was put back, counts for nothing.
    #[must_use]
    pub fn next_at(&self, now: Timestamp, last: Option<Timestamp>) -> Option<Timestamp> {
        let from = self.not_before.map_or(now, |not_before| not_before.max(now));
        let Some(window) = &self.window else { return Some(from) };
        let still_open = from.checked_sub(window.length).unwrap_or(Timestamp::MIN);
        let last = last.filter(|last| *last <= now);
        let opening = window.opens_after(last.map_or(still_open, |last| last.max(still_open)))?;
        Some(opening.max(from))
    }
}

impl Window {
    /// The cron expression of its openings.
    #[must_use]
    pub fn cron(&self) -> &str {
        self.cron.text()
    }

    /// The IANA name of the time zone in which the expression is read.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.time_zone_name
    }

    /// How long it stays open, in milliseconds.
    #[must_use]
    pub fn length_ms(&self) -> u64 {
        u64::try_from(self.length.as_millis()).unwrap_or(LENGTH_MS.1)
    }

    /// The first opening after a moment.
    fn opens_after(&self, moment: Timestamp) -> Option<Timestamp> {
        // By the clock on the wall: times it shows before this one came before it, or come for the second time.
        let on_the_wall = self.time_zone.to_datetime(moment);
        self.cron
            .from(on_the_wall)
            .filter_map(|time| self.first_moment(time))
            .find(|opening| *opening > moment)
    }

    /// The first moment at which the clock on the wall shows a time, or a later one if it skips that.
    fn first_moment(&self, time: DateTime) -> Option<Timestamp> {
        let moments = self.time_zone.to_ambiguous_timestamp(time);
        match moments.offset() {
            AmbiguousOffset::Gap { .. } => {
                let before = moments.earlier().ok()?;
                self.time_zone.following(before).next().map(|skip| skip.timestamp())
            }
            _ => moments.earlier().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(not_before: &str, cron: &str, zone: &str, minutes: i64) -> When {
        let window = (!cron.is_empty()).then(|| Window {
            cron: Cron::parse(cron).unwrap(),
            time_zone: TimeZone::get(zone).unwrap(),
            time_zone_name: zone.to_owned(),
            length: SignedDuration::from_mins(minutes),
        });
        When { not_before: (!not_before.is_empty()).then(|| not_before.parse().unwrap()), window }
    }

    #[track_caller]
    fn check(when: &When, now: &str, expected: &str) {
        let next = when.next_at(now.parse().unwrap(), None).unwrap();
        assert_eq!(next.to_string(), expected, "from {now}");
    }

    #[test]
    fn what_has_no_window_is_due_from_its_moment_on() {
        let later = when("2026-03-01T10:00:00Z", "", "", 0);
        check(&later, "2026-01-01T00:00:00Z", "2026-03-01T10:00:00Z");
        check(&later, "2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.5Z");
        check(&later, "2036-01-01T00:00:00Z", "2036-01-01T00:00:00Z");
    }

    #[test]
    fn a_window_is_open_for_its_length_and_not_at_its_end() {
        let nightly = when("", "0 3 * * *", "UTC", 60);
        check(&nightly, "2026-01-01T02:59:59Z", "2026-01-01T03:00:00Z");
        check(&nightly, "2026-01-01T03:00:00Z", "2026-01-01T03:00:00Z");
        check(&nightly, "2026-01-01T03:59:59.999Z", "2026-01-01T03:59:59.999Z");
        check(&nightly, "2026-01-01T04:00:00Z", "2026-01-02T03:00:00Z");
        let both = when("2026-01-05T03:30:00Z", "0 3 * * *", "UTC", 60);
        check(&both, "2026-01-01T03:10:00Z", "2026-01-05T03:30:00Z");
        let after = when("2026-01-05T04:30:00Z", "0 3 * * *", "UTC", 60);
        check(&after, "2026-01-01T03:10:00Z", "2026-01-06T03:00:00Z");
        // A window of a week that opens every day is always open.
        check(&when("", "0 3 * * *", "UTC", 7 * 1440), "2026-01-01T02:00:00Z", "2026-01-01T02:00:00Z");
        check(&when("", "0 0 29 2 *", "UTC", 60), "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_window_keeps_the_time_on_the_wall_over_the_year() {
        let rome = when("", "0 3 * * *", "Europe/Rome", 60);
        check(&rome, "2026-01-10T00:00:00Z", "2026-01-10T02:00:00Z");
        check(&rome, "2026-07-10T00:00:00Z", "2026-07-10T01:00:00Z");
        let new_york = when("", "30 22 * * 1-5", "America/New_York", 60);
        check(&new_york, "2026-03-06T12:00:00Z", "2026-03-07T03:30:00Z");
        check(&new_york, "2026-03-09T12:00:00Z", "2026-03-10T02:30:00Z");
        let lord_howe = when("", "0 12 * * *", "Australia/Lord_Howe", 60);
        check(&lord_howe, "2026-01-10T00:00:00Z", "2026-01-10T01:00:00Z");
        check(&lord_howe, "2026-07-10T00:00:00Z", "2026-07-10T01:30:00Z");
    }

    #[test]
    fn a_time_that_the_clock_skips_counts_right_after() {
        // Rome goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
        let rome = when("", "30 2 * * *", "Europe/Rome", 60);
        check(&rome, "2026-03-28T02:30:00Z", "2026-03-29T01:00:00Z");
        check(&rome, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z");
        check(&rome, "2026-03-29T01:59:00Z", "2026-03-29T01:59:00Z");
        check(&rome, "2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z");
        check(&when("", "0 2 * * *", "Europe/Rome", 60), "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
        check(&when("", "0 3 * * *", "Europe/Rome", 60), "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
        // New York on 8 March 2026 at 07:00 UTC; Lord Howe skips half an hour, from 02:00, on 4 October at 15:30 UTC.
        check(
            &when("", "30 2 * * *", "America/New_York", 60),
            "2026-03-08T00:00:00Z",
            "2026-03-08T07:00:00Z",
        );
        let lord_howe = when("", "15 2 * * *", "Australia/Lord_Howe", 60);
        check(&lord_howe, "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z");
    }

    #[test]
    fn a_time_that_occurs_twice_counts_once() {
        // Rome goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC: 02:30 is 00:30 and 01:30 UTC.
        let rome = when("", "30 2 * * *", "Europe/Rome", 30);
        check(&rome, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z");
        check(&rome, "2026-10-25T01:00:00Z", "2026-10-26T01:30:00Z");
        check(&rome, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z");
        // Of the second hour from 02:00, every quarter was there before.
        let quarters = when("", "*/15 2 * * *", "Europe/Rome", 1);
        check(&quarters, "2026-10-25T00:46:00Z", "2026-10-26T01:00:00Z");
        check(
            &when("", "30 1 * * *", "America/New_York", 60),
            "2026-11-01T00:00:00Z",
            "2026-11-01T05:30:00Z",
        );
        let lord_howe = when("", "45 1 * * *", "Australia/Lord_Howe", 10);
        check(&lord_howe, "2026-04-04T12:00:00Z", "2026-04-04T14:45:00Z");
        check(&lord_howe, "2026-04-04T15:15:00Z", "2026-04-05T15:15:00Z");
    }

    #[test]
    fn an_opening_that_was_used_is_not_used_again() {
        let nightly = when("", "0 3 * * *", "UTC", 60);
        let next = |now: &str, last: &str| {
            nightly.next_at(now.parse().unwrap(), Some(last.parse().unwrap())).unwrap().to_string()
        };
        assert_eq!(next("2026-01-01T03:10:00Z", "2026-01-01T03:00:00Z"), "2026-01-02T03:00:00Z");
        assert_eq!(next("2026-01-01T03:10:00Z", "2025-12-31T03:00:00Z"), "2026-01-01T03:10:00Z");
        assert_eq!(next("2026-01-01T03:10:00Z", "2026-06-01T03:00:00Z"), "2026-01-01T03:10:00Z", "put back");
        assert_eq!(next("2026-01-04T05:00:00Z", "2026-01-01T03:00:00Z"), "2026-01-05T03:00:00Z", "missed");
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        let nightly = when("", "0 3 * * *", "Europe/Rome", 10_080);
        assert!(nightly.next_at(Timestamp::MIN, None).is_some());
        assert_eq!(when("", "0 3 1 1 *", "UTC", 60).next_at(Timestamp::MAX, None), None);
        assert_eq!(when("", "", "", 0).next_at(Timestamp::MAX, None), Some(Timestamp::MAX));
    }

    #[test]
    fn the_time_zones_come_along_where_the_system_has_none() {
        let bundled = jiff::tz::TimeZoneDatabase::bundled();
        for zone in ["Europe/Rome", "America/New_York", "Australia/Lord_Howe"] {
            assert!(bundled.get(zone).is_ok(), "{zone}");
        }
    }
}
