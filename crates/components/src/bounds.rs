//! The bounds of settings: each refusal names the setting, what it takes and what it was given.

use std::fmt::Display;
use std::ops::RangeInclusive;

use midflight_core::Problems;

use crate::SettingsSource;

/// The longest time that any setting may be, in milliseconds: a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Checks whether `value` is in the bounds of `setting`.
pub(crate) fn within<S, N: PartialOrd + Display>(
    problems: &mut Problems,
    place: &SettingsSource<S>,
    setting: &str,
    value: &N,
    bounds: &RangeInclusive<N>,
) {
    if !bounds.contains(value) {
        let message = format!("invalid {setting} {value}: expected {} to {}", bounds.start(), bounds.end());
        problems.add(place.problem("out_of_bounds", setting, message));
    }
}
