//! How many writes and reloads a caller may send in a second, so that one cannot keep all others from theirs.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::code::Code;
use crate::limits::HttpLimits;
use crate::principal::{Permission, Principal, TokenId};
use crate::problem::ApiError;

/// How many callers are counted by themselves. 10,000, as many as there may be tokens; the others share one rate.
const CALLERS_MAX: usize = 10_000;
/// How many seconds' worth may come at once.
const BURST_SECONDS: u32 = 2;

/// Whose requests are counted: the holder of a token, or all others together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum RateKey {
    Principal(TokenId),
    Others,
}

/// The rates of all callers.
#[derive(Debug)]
pub(crate) struct PrincipalRates {
    writes: Option<PrincipalRate>,
    reloads: Option<PrincipalRate>,
}

/// One rate, of each caller by itself.
#[derive(Debug)]
struct PrincipalRate {
    limiter: DefaultKeyedRateLimiter<RateKey>,
    per_second: NonZeroU32,
    name: &'static str,
}

impl PrincipalRates {
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        Self {
            writes: PrincipalRate::new(limits.writes_per_second_max, "writes_per_second_max"),
            reloads: PrincipalRate::new(limits.reloads_per_second_max, "reloads_per_second_max"),
        }
    }

    /// Counts a request that needs a permission.
    ///
    /// # Errors
    /// 429 past the rate of its sender, with the time after which the next one is accepted.
    pub(crate) fn count(&self, principal: &Principal, permission: Permission) -> Result<(), ApiError> {
        let rate = match permission {
            Permission::Edit | Permission::Admin => &self.writes,
            Permission::Operate | Permission::Signed => &self.reloads,
            Permission::Open | Permission::Read | Permission::Execute => return Ok(()),
        };
        rate.as_ref().map_or(Ok(()), |rate| rate.count(principal))
    }
}

impl PrincipalRate {
    /// None for 0, which is no limit.
    fn new(per_second: u32, name: &'static str) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        let burst = per_second.saturating_mul(NonZeroU32::new(BURST_SECONDS)?);
        let limiter = RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst));
        Some(Self { limiter, per_second, name })
    }

    fn count(&self, principal: &Principal) -> Result<(), ApiError> {
        let mut key = principal.token_id().map_or(RateKey::Others, RateKey::Principal);
        if self.limiter.len() >= CALLERS_MAX {
            // Those whose burst is whole again are as if they were never counted.
            self.limiter.retain_recent();
            if self.limiter.len() >= CALLERS_MAX {
                key = RateKey::Others;
            }
        }
        self.limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let detail = format!(
                "{:?} sent more than {} a second ({}); try again after Retry-After",
                principal.name(),
                self.per_second,
                self.name
            );
            let mut error = ApiError::new(Code::TOO_MANY_REQUESTS, detail);
            error.body_mut().retry_after_seconds = Some(wait.as_secs() + 1);
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Role;

    fn principal(name: &str) -> Principal {
        Principal::with_token(name, Role::Admin.into(), TokenId::of(&blake3::hash(name.as_bytes())))
    }

    #[test]
    fn each_caller_has_a_rate_of_its_own_for_writes_and_one_for_reloads() {
        let limits =
            HttpLimits { writes_per_second_max: 3, reloads_per_second_max: 1, ..HttpLimits::default() };
        let rates = PrincipalRates::new(&limits);
        let accepted = |who: &str, permission, times: usize| {
            (0..times).filter(|_| rates.count(&principal(who), permission).is_ok()).count()
        };
        assert_eq!(accepted("anna", Permission::Edit, 20), 6);
        assert_eq!(accepted("anna", Permission::Operate, 20), 2);
        assert_eq!(accepted("otto", Permission::Admin, 20), 6);
        assert_eq!(accepted("anna", Permission::Read, 20), 20);
        let refused = rates.count(&principal("anna"), Permission::Edit).unwrap_err();
        assert_eq!((refused.code(), refused.body().retry_after_seconds), ("too_many_requests", Some(1)));
        assert!(refused.body().detail.contains("writes_per_second_max"), "{}", refused.body().detail);
        let unlimited = HttpLimits { writes_per_second_max: 0, ..limits };
        let rates = PrincipalRates::new(&unlimited);
        assert!((0..10_000).all(|_| rates.count(&principal("anna"), Permission::Edit).is_ok()));
    }

    #[test]
    fn callers_past_the_bound_share_one_rate() {
        let rate = PrincipalRate::new(1, "test_max").unwrap();
        for nth in 0..2 * CALLERS_MAX {
            rate.count(&principal(&nth.to_string())).ok();
        }
        assert!(rate.limiter.len() <= CALLERS_MAX + 1, "{}", rate.limiter.len());
    }
}
