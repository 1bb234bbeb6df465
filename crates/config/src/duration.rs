//! Durations as people write them: `200ms`, `30s`, `5m`, `1h`.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that is written with its unit, as `30s`.
///
/// ```
/// use midflight_config::DurationText;
///
/// assert_eq!("30s".parse::<DurationText>().unwrap().ms(), 30_000);
/// assert!("30".parse::<DurationText>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationText {
    ms: u64,
}

impl DurationText {
    /// In milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.ms
    }
}

impl FromStr for DurationText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "invalid duration {text:?}: expected a whole number with its unit: 200ms, 30s, 5m \
                        or 1h"
            )
        };
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let ms = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        Ok(Self { ms })
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, unit_ms) = units
            .into_iter()
            .find(|(_, unit_ms)| self.ms > 0 && self.ms.is_multiple_of(*unit_ms))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.ms / unit_ms)
    }
}

impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, ms) in
            [("0ms", 0), ("200ms", 200), ("5s", 5_000), ("90s", 90_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            let duration: DurationText = text.parse().unwrap();
            assert_eq!((duration.ms(), duration.to_string()), (ms, text.to_owned()));
        }
        for text in ["", "30", "s", "1.5s", "-1s", "30 s", "1d", "99999999999999999999s", "9999999999999999h"]
        {
            let message = text.parse::<DurationText>().unwrap_err();
            assert!(message.contains("expected a whole number with its unit"), "{message}");
        }
    }
}
