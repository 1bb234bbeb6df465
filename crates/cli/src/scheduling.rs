//! The flags of scheduled changes.

use clap::Args;
use jiff::SignedDuration;
use midflight_client::Later;

/// When to make a change, if not now.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Scheduling")]
pub(super) struct LaterArgs {
    /// Make the change at this time or later, as 2026-01-31T03:00:00Z; it must also be valid now.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Make the change in this window: a cron expression of its starts, as "0 3 * * *".
    #[arg(long, value_name = "CRON")]
    window: Option<String>,
    /// The time zone of the window, as Europe/Rome; UTC by default.
    #[arg(long, requires = "window", value_name = "ZONE")]
    time_zone: Option<String>,
    /// How long the window stays open, as 30m or 2h; an hour by default.
    #[arg(long, requires = "window", value_parser = milliseconds, value_name = "LENGTH")]
    window_length: Option<u64>,
}

/// A length as people write it, in milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    let length: SignedDuration = text.parse().map_err(|_| "expected a duration, as 30m or 2h".to_owned())?;
    u64::try_from(length.as_millis()).map_err(|_| "a duration is not negative".to_owned())
}

impl LaterArgs {
    /// The same for a client.
    pub(super) fn later(&self) -> Later {
        Later {
            not_before: self.not_before.clone(),
            window: self.window.clone(),
            time_zone: self.time_zone.clone(),
            window_ms: self.window_length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, expected) in [
            ("30m", Ok(1_800_000)),
            ("1h 30m", Ok(5_400_000)),
            ("90s", Ok(90_000)),
            ("168h", Ok(604_800_000)),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
        for text in ["", "30", "soon", "-1h"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
