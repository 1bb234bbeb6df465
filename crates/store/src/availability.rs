//! Whether a store answers: measured, not taken from the last call.

use std::time::Instant;

/// Whether a store answers, as it was measured last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Whether it answers.
    pub available: bool,
    /// Since when that is so.
    pub since: Instant,
    /// When it last answered anything; none if it never did.
    pub answered_at: Option<Instant>,
    /// Why it counts as unavailable; none while it answers.
    pub error: Option<String>,
}
