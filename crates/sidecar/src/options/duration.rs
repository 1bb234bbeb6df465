//! Durations as people write them: `200ms`, `5s`, `5m`, `1h`.

use std::time::Duration;

/// The longest duration that may be asked for. A longer one is a slip.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// Reads a whole number with its unit.
///
/// # Errors
/// What is wrong and what would be right.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("is a whole number with its unit: 200ms, 5s, 1m or 1h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "begins with a whole number: 200ms, 5s, 1m or 1h")?;
    let duration = number.checked_mul(unit_ms).map(Duration::from_millis);
    match duration {
        Some(duration) if duration.is_zero() => Err("is 1ms at least".into()),
        Some(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err("is 24h at most".into()),
    }
}

/// Writes a duration as [`parse`] reads it.
pub(crate) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, ms) in
            [("1ms", 1), ("200ms", 200), ("5s", 5000), ("1m", 60_000), ("90s", 90_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(show(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn an_invalid_duration_is_reported_with_the_format() {
        for (text, cure) in [
            ("5", "whole number with its unit"),
            ("s", "begins with a whole number"),
            ("", "whole number with its unit"),
            ("5 s", "whole number with its unit"),
            ("-5s", "whole number with its unit"),
            ("1.5s", "whole number with its unit"),
            ("5S", "whole number with its unit"),
            ("0s", "1ms at least"),
            ("25h", "24h at most"),
            ("99999999999999999999s", "begins with a whole number"),
            ("9999999999999999999h", "24h at most"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(cure), "{text}: {error}");
        }
    }
}
