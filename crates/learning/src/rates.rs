//! Rates per minute, one for each profile, which may change at any time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// How many profiles are remembered before deleted ones are forgotten.
const PROFILES_MAX: usize = 1_000;

/// Counts what happens in each profile against its rate. A minute's worth may come at once; then it comes back evenly.
#[derive(Default)]
pub(crate) struct Rates {
    profiles: Mutex<HashMap<Arc<str>, Rate>>,
}

struct Rate {
    per_minute: u32,
    /// None where nothing is allowed.
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Rate {
    fn new(per_minute: u32) -> Self {
        let limiter = NonZeroU32::new(per_minute).map(|n| RateLimiter::direct(Quota::per_minute(n)));
        Self { per_minute, limiter }
    }
}

impl Rates {
    /// Whether one more is within the rate, and counts it if so. `is_known` tests which profiles still exist.
    pub(crate) fn allow(&self, profile: &Arc<str>, per_minute: u32, is_known: impl Fn(&str) -> bool) -> bool {
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if profiles.len() >= PROFILES_MAX && !profiles.contains_key(profile) {
            profiles.retain(|name, _| is_known(name));
        }
        let rate = profiles.entry(Arc::clone(profile)).or_insert_with(|| Rate::new(per_minute));
        if rate.per_minute != per_minute {
            *rate = Rate::new(per_minute);
        }
        rate.limiter.as_ref().is_some_and(|limiter| limiter.check().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_is_allowed_and_no_more() {
        let rates = Rates::default();
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let allowed = |profile: &Arc<str>, per_minute: u32, times: usize| {
            (0..times).filter(|_| rates.allow(profile, per_minute, |_| true)).count()
        };
        assert_eq!(allowed(&one, 3, 10), 3);
        assert_eq!(allowed(&other, 2, 10), 2, "each profile has its own");
        assert_eq!(allowed(&one, 5, 10), 5, "a rate that changes begins again");
        assert_eq!(allowed(&one, 0, 10), 0);
    }

    #[test]
    fn deleted_profiles_are_forgotten() {
        let rates = Rates::default();
        for n in 0..PROFILES_MAX * 2 {
            rates.allow(&n.to_string().into(), 1, |_| false);
        }
        assert!(rates.profiles.lock().unwrap().len() <= PROFILES_MAX);
    }
}
