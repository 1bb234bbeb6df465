//! Times on the wire: RFC 3339 UTC with `Z`, and milliseconds with their fraction.

use std::time::Duration;

use jiff::Timestamp;

/// RFC 3339 to the microsecond, UTC.
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Milliseconds with their fraction, to the microsecond.
pub fn ms(duration: Duration) -> f64 {
    // Rounded, since the last digits of a f64 are no measurement.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
