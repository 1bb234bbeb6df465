//! How many writes and reloads a caller may send in a second, so that one cannot keep all others from theirs.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::code::Code;
use crate::limits::HttpLimits;
use crate::principal::{Permission, Principal, TokenId};
use crate::problem::ApiError;
use crate::signed_request::SenderAddress;

/// How many callers are counted by themselves. 10,000, as many as there may be tokens; the others share one rate.
const CALLERS_MAX: usize = 10_000;
/// How many seconds' worth may come at once.
const BURST_SECONDS: u32 = 2;

/// Whose requests are counted: the holder of a token, who signed them, or all others together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum RateKey {
    Principal(TokenId),
    Signer(Arc<str>),
    Unverified(SenderAddress),
    Others,
}

impl RateKey {
    fn of(principal: &Principal) -> Self {
        principal.token_id().map_or(Self::Others, Self::Principal)
    }
}

/// The rates of all callers.
#[derive(Debug)]
pub(crate) struct PrincipalRates {
    writes: Option<PrincipalRate>,
    reloads: Option<PrincipalRate>,
    /// Of sessions that are begun and ended.
    sessions: Option<PrincipalRate>,
    /// Of signed requests that were not verified. Apart, so that many addresses do not take the places of callers.
    unverified: Option<PrincipalRate>,
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
            sessions: PrincipalRate::new(limits.sessions_per_second_max, "sessions_per_second_max"),
            unverified: PrincipalRate::new(limits.reloads_per_second_max, "reloads_per_second_max"),
        }
    }

    /// Counts a request that needs a permission. One that is signed is counted when it was verified, and not before:
    /// anyone could have sent it.
    ///
    /// # Errors
    /// 429 past the rate of its sender, with the time after which the next one is accepted.
    pub(crate) fn count(&self, principal: &Principal, permission: Permission) -> Result<(), ApiError> {
        let rate = match permission {
            Permission::Edit | Permission::Admin => &self.writes,
            Permission::Operate => &self.reloads,
            Permission::Open | Permission::Read | Permission::Execute | Permission::Signed => return Ok(()),
        };
        rate.as_ref().map_or(Ok(()), |rate| rate.count(RateKey::of(principal), principal.name()))
    }

    /// Counts a log-in or a log-out of the holder of a token. Its route is open, so nothing else counts it.
    ///
    /// # Errors
    /// 429 past the rate of the token.
    pub(crate) fn count_session(&self, principal: &Principal) -> Result<(), ApiError> {
        let rate = self.sessions.as_ref();
        rate.map_or(Ok(()), |rate| rate.count(RateKey::of(principal), principal.name()))
    }

    /// Counts a request whose signature was verified.
    ///
    /// # Errors
    /// 429 past the rate of its signer.
    pub(crate) fn count_signed(&self, signer: &Arc<str>) -> Result<(), ApiError> {
        let key = RateKey::Signer(Arc::clone(signer));
        self.reloads.as_ref().map_or(Ok(()), |rate| rate.count(key, signer))
    }

    /// Counts a request that should be signed and was not verified.
    ///
    /// # Errors
    /// 429 past the rate of such requests from its address.
    pub(crate) fn count_unverified(&self, from: SenderAddress) -> Result<(), ApiError> {
        let key = RateKey::Unverified(from);
        self.unverified.as_ref().map_or(Ok(()), |rate| rate.count(key, &from.name()))
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

    fn count(&self, mut key: RateKey, name: &str) -> Result<(), ApiError> {
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
                "{name:?} sent more than {} a second ({}); try again after Retry-After",
                self.per_second, self.name
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
        assert_eq!((0..40).filter(|_| rates.count_session(&principal("anna")).is_ok()).count(), 20);
        rates.count_session(&principal("otto")).unwrap();
        let unlimited = HttpLimits { writes_per_second_max: 0, ..limits };
        let rates = PrincipalRates::new(&unlimited);
        assert!((0..10_000).all(|_| rates.count(&principal("anna"), Permission::Edit).is_ok()));
    }

    #[test]
    fn what_is_signed_is_counted_for_its_signer_and_what_is_not_verified_apart() {
        let limits = HttpLimits { reloads_per_second_max: 1, ..HttpLimits::default() };
        let rates = PrincipalRates::new(&limits);
        let from = SenderAddress::of(&axum::http::Extensions::new());
        let accepted = |count: &dyn Fn() -> Result<(), ApiError>| (0..20).filter(|_| count().is_ok()).count();
        assert_eq!(accepted(&|| rates.count_unverified(from)), 2);
        assert_eq!(accepted(&|| rates.count(&Principal::anonymous(), Permission::Signed)), 20);
        for signer in ["webhook:git", "webhook:crm"] {
            assert_eq!(accepted(&|| rates.count_signed(&signer.into())), 2, "{signer}");
        }
        let refused = rates.count_signed(&"webhook:git".into()).unwrap_err();
        assert!(refused.body().detail.starts_with("\"webhook:git\" sent more than 1 a second"));
    }

    #[test]
    fn callers_past_the_bound_share_one_rate() {
        let rate = PrincipalRate::new(1, "test_max").unwrap();
        for nth in 0..2 * CALLERS_MAX {
            let id = TokenId::of(&blake3::hash(nth.to_string().as_bytes()));
            rate.count(RateKey::Principal(id), "").ok();
        }
        assert!(rate.limiter.len() <= CALLERS_MAX + 1, "{}", rate.limiter.len());
    }
}
