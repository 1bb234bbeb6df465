//! How much a cache keeps, and for how long.

use std::time::Duration;

use midflight_core::Problems;
use serde::{Deserialize, Serialize};

use crate::SettingsSource;
use crate::bounds::{DAY_MS, within};

/// The settings of a [`Cache`](crate::Cache).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// For how long an entry is given out, in milliseconds; 300,000, from 1 to a day.
    pub ttl_ms: u64,
    /// How many entries are kept; 10,000, from 1 to 100,000,000.
    pub entries_max: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { ttl_ms: 300_000, entries_max: 10_000 }
    }
}

impl CacheSettings {
    /// Everything that cannot be in these settings.
    ///
    /// A kind can ask this when it validates, so that such settings are refused before anything is prepared.
    ///
    /// # Errors
    /// All of it, each with its place and its cure.
    pub fn check(&self, place: &SettingsSource<Self>) -> Result<(), Problems> {
        let mut problems = Problems::default();
        within(&mut problems, place, "ttl_ms", &self.ttl_ms, &(1..=DAY_MS));
        within(&mut problems, place, "entries_max", &self.entries_max, &(1..=100_000_000));
        problems.or(())
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }
}
