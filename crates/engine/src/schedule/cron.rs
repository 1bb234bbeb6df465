//! Times of day and days of the calendar by a cron expression: five fields, minute to weekday, on a calendar that knows
//! no time zone.

use croner::parser::{CronParser, Seconds, Year};
use croner::time::Weekday;
use jiff::civil::{Date, DateTime};

/// The longest expression, in bytes. It names 60 minutes one by one at the most.
const CRON_BYTES_MAX: usize = 512;
/// How far ahead a day is looked for: 29 February on a Monday comes every 28 years, and past 2100 after 40.
const YEARS_MAX: i16 = 40;

/// A cron expression.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    text: String,
    parsed: croner::Cron,
    months: Vec<u16>,
    hours: Vec<u16>,
    minutes: Vec<u16>,
}

impl Cron {
    /// Reads an expression of five fields: `0 3 * * 1-5`.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > CRON_BYTES_MAX {
            return Err(format!("is longer than {CRON_BYTES_MAX} bytes"));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser.parse(text).map_err(|error| {
            format!(
                "invalid cron expression ({error}): expected minute, hour, day, month and weekday, as \
                     \"0 3 * * 1-5\""
            )
        })?;
        let (months, hours, minutes) = {
            let pattern = &parsed.pattern;
            (pattern.months.values(), pattern.hours.values(), pattern.minutes.values())
        };
        let cron = Self { text: text.to_owned(), parsed, months, hours, minutes };
        // Every year looks like one of these for cron.
        let some_day = Date::constant(2000, 1, 1).to_datetime(jiff::civil::Time::midnight());
        let comes = cron.from(some_day).next().is_some();
        comes.then_some(cron).ok_or_else(|| "never occurs: no month has that day".to_owned())
    }

    /// The expression as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The times from a moment on, itself included if it is one, in order.
    pub(super) fn from(&self, moment: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let (first, time) = (moment.date(), moment.time());
        // A moment within a minute is past that minute's beginning.
        let is_begun = time.second() != 0 || time.subsec_nanosecond() != 0;
        let minute_of_day = |hour: u16, minute: u16| i32::from(hour) * 60 + i32::from(minute);
        let begin = i32::from(time.hour()) * 60 + i32::from(time.minute()) + i32::from(is_begun);
        self.days(first).flat_map(move |day| {
            let times =
                self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
            let open =
                times.filter(move |(hour, minute)| day > first || minute_of_day(*hour, *minute) >= begin);
            open.filter_map(move |(hour, minute)| {
                let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
                Some(day.at(hour, minute, 0, 0))
            })
        })
    }

    /// The days from one on, in order.
    fn days(&self, first: Date) -> impl Iterator<Item = Date> + '_ {
        let months = std::iter::successors(Some(first), move |day| {
            let next = day.first_of_month().checked_add(jiff::Span::new().months(1)).ok()?;
            (next.year() <= first.year().saturating_add(YEARS_MAX)).then_some(next)
        });
        let months =
            months.filter(|day| self.months.iter().any(|month| i16::from(day.month()) == *month as i16));
        months.flat_map(|begin| {
            let days = begin.series(jiff::Span::new().days(1));
            days.take_while(move |day| day.month() == begin.month()).filter(|day| self.is_day(*day))
        })
    }

    fn is_day(&self, day: Date) -> bool {
        let weekday = match day.weekday() {
            jiff::civil::Weekday::Monday => Weekday::Monday,
            jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
            jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
            jiff::civil::Weekday::Thursday => Weekday::Thursday,
            jiff::civil::Weekday::Friday => Weekday::Friday,
            jiff::civil::Weekday::Saturday => Weekday::Saturday,
            jiff::civil::Weekday::Sunday => Weekday::Sunday,
        };
        let (month, of_month) = (day.month().unsigned_abs().into(), day.day().unsigned_abs().into());
        let matched = self.parsed.pattern.day_match(day.year().into(), month, of_month, weekday);
        matched.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cron: &str, from: &str, expected: &[&str]) {
        let cron = Cron::parse(cron).unwrap();
        let found = cron.from(from.parse().unwrap()).take(expected.len()).map(|time| time.to_string());
        assert_eq!(found.map(|time| time[..16].to_owned()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn times_follow_the_fields() {
        check("0 3 * * *", "2026-01-01T03:00:00", &["2026-01-01T03:00", "2026-01-02T03:00"]);
        check("0 3 * * *", "2026-01-01T03:00:00.5", &["2026-01-02T03:00"]);
        check(
            "*/20 1,2 * * *",
            "2026-12-31T01:39",
            &["2026-12-31T01:40", "2026-12-31T02:00", "2026-12-31T02:20"],
        );
        check("30 23 * * MON-FRI", "2026-01-02T23:31", &["2026-01-05T23:30", "2026-01-06T23:30"]);
        check("0 0 29 2 *", "2026-01-01T00:00", &["2028-02-29T00:00", "2032-02-29T00:00"]);
        check("0 0 29 2 *", "2096-03-01T00:00", &["2104-02-29T00:00"]);
        check("0 0 31 * *", "2026-01-31T00:01", &["2026-03-31T00:00", "2026-05-31T00:00"]);
        check("0 0 L * *", "2026-02-01T00:00", &["2026-02-28T00:00"]);
        check("59 23 31 12 *", "2026-12-31T23:59", &["2026-12-31T23:59", "2027-12-31T23:59"]);
    }

    #[test]
    fn invalid_expressions_and_those_that_never_occur_are_refused() {
        for (text, why) in [
            ("", "invalid cron expression"),
            ("0 3 * *", "invalid cron expression"),
            ("0 0 3 * * *", "invalid cron expression"),
            ("60 3 * * *", "invalid cron expression"),
            ("*/0 3 * * *", "invalid cron expression"),
            ("0 0 31 2 *", "never occurs"),
            ("0 0 31 4,6,9,11 *", "never occurs"),
            (&"1,".repeat(CRON_BYTES_MAX), "is longer than 512 bytes"),
        ] {
            let refused = Cron::parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
