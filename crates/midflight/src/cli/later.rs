//! The flags that say when something is to be done, if not now.

use clap::Args;
use jiff::SignedDuration;

/// When to make a change, if not now.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Later")]
pub(super) struct LaterArgs {
    /// Make it from this time on, as 2026-01-31T03:00:00Z; it must hold now as well.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Make it when this window is open: a cron expression of its openings, as "0 3 * * *".
    #[arg(long, value_name = "CRON")]
    window: Option<String>,
    /// The time zone that the window is read in, as Europe/Rome; UTC unless said.
    #[arg(long, requires = "window", value_name = "ZONE")]
    time_zone: Option<String>,
    /// How long the window stays open, as 30m or 2h; an hour unless said.
    #[arg(long, requires = "window", value_parser = milliseconds, value_name = "LENGTH")]
    window_length: Option<u64>,
}

/// A length as people write it, in milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    let length: SignedDuration = text.parse().map_err(|_| "write a length as 30m or 2h".to_owned())?;
    u64::try_from(length.as_millis()).map_err(|_| "a length is not negative".to_owned())
}

impl LaterArgs {
    /// The same in an address; nothing when it is to be done now.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let said = [
            ("not_before", self.not_before.clone()),
            ("window", self.window.clone()),
            ("time_zone", self.time_zone.clone()),
            ("window_ms", self.window_length.map(|length| length.to_string())),
        ];
        said.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
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
