//! The sidecar's own log: a line on stderr for each event, as text or as JSON.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFormat {
    Text,
    Json,
}

static MANNER: OnceLock<(Level, LineFormat)> = OnceLock::new();

/// Sets how lines are written; by default as text, down to `info`.
pub(crate) fn init(level: Level, format: LineFormat) {
    MANNER.get_or_init(|| (level, format));
}

/// What belongs to a line, by name.
pub(crate) type LogFields<'a> = &'a [(&'a str, &'a dyn Display)];

pub(crate) fn error(message: &str, fields: LogFields<'_>) {
    say(Level::Error, message, fields);
}

pub(crate) fn warn(message: &str, fields: LogFields<'_>) {
    say(Level::Warn, message, fields);
}

pub(crate) fn info(message: &str, fields: LogFields<'_>) {
    say(Level::Info, message, fields);
}

pub(crate) fn debug(message: &str, fields: LogFields<'_>) {
    say(Level::Debug, message, fields);
}

fn say(level: Level, message: &str, fields: LogFields<'_>) {
    let (most, format) = MANNER.get().copied().unwrap_or((Level::Info, LineFormat::Text));
    if level > most {
        return;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = stamp(since.as_secs(), since.subsec_millis());
    let line = match format {
        LineFormat::Text => text(&at, level, message, fields),
        LineFormat::Json => json(&at, level, message, fields),
    };
    // With stderr closed there is nothing left to report to.
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}

fn text(at: &str, level: Level, message: &str, fields: LogFields<'_>) -> String {
    let mut line = format!("{at} {:5} {}", level.name().to_uppercase(), printable(message));
    for (name, value) in fields {
        let value = value.to_string();
        let is_plain =
            !value.is_empty() && !value.contains([' ', '"', '=']) && !value.contains(char::is_control);
        line.push_str(&if is_plain { format!(" {name}={value}") } else { format!(" {name}={value:?}") });
    }
    line.push('\n');
    line
}

/// What an app or a server answered may be in a message, and must not make lines of its own.
fn printable(message: &str) -> String {
    message.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn json(at: &str, level: Level, message: &str, fields: LogFields<'_>) -> String {
    let mut line = Map::new();
    line.insert("timestamp".into(), at.into());
    line.insert("level".into(), level.name().into());
    line.insert("message".into(), message.into());
    for (name, value) in fields {
        line.insert((*name).into(), value.to_string().into());
    }
    format!("{}\n", Value::Object(line))
}

/// RFC 3339 in UTC. The civil date is computed as by Howard Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`.
fn stamp(seconds: u64, millis: u32) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months are counted from March, so that the leap day is the last of a year.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_the_calendars() {
        for (seconds, output) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_763_737_138, "2025-11-21T14:58:58.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            assert_eq!(stamp(seconds, 7), output);
        }
    }

    #[test]
    fn a_line_is_one_line_with_any_content() {
        let line =
            text("now", Level::Warn, "odd\nanswer", &[("body", &"a\nb"), ("hash", &"ab12"), ("none", &"")]);
        assert_eq!(line, "now WARN  odd answer body=\"a\\nb\" hash=ab12 none=\"\"\n");
        let line = json("now", Level::Info, "it \"holds\"", &[("file", &"/a b")]);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "it \"holds\"");
        assert_eq!(read["file"], "/a b");
        assert_eq!(line.matches('\n').count(), 1);
    }
}
