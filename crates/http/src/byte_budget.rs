//! How many bytes requests may occupy together. Callers without a token have one half of them and the others the other,
//! so that the first cannot keep the second from reading and writing. Of the second half one caller has at most half, so
//! that there is room for the largest request of another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::code::Code;
use crate::principal::{Principal, TokenId};
use crate::problem::ApiError;

/// Up to this many bytes, as they come and as their values need, a body is small: it waits for no larger one.
pub(crate) const SMALL_BYTES_MAX: usize = 64 << 10;

/// Up to this many bytes an answer is short: it is written where it is asked for, and not counted.
pub(crate) const SHORT_BYTES_MAX: usize = 64 << 10;

/// The bytes of one permit.
const UNIT: usize = 1024;
/// How long a request waits for bytes before it is refused: others release theirs within milliseconds, unless their
/// clients do not read.
const WAIT: Duration = Duration::from_secs(2);
/// How many callers are remembered before those that have no bytes are forgotten.
const PRINCIPALS_MAX: usize = 1_024;

/// Bytes that requests share.
#[derive(Debug)]
pub struct ByteBudget {
    anonymous: Arc<Semaphore>,
    known: Arc<Semaphore>,
    /// What each caller with a token may have of `known`, while it has any.
    principals: Mutex<HashMap<TokenId, Arc<Semaphore>>>,
    /// How many permits callers without a token have.
    of_anonymous: u32,
    /// How many of them one caller with a token may have.
    of_one: u32,
    bytes_max: usize,
    name: &'static str,
}

/// Bytes that one request occupies, until it is dropped.
#[derive(Debug, Default)]
pub struct HeldBytes(Option<HeldPermits>);

/// The permits of bytes: those of the half, and those of the caller.
#[derive(Debug)]
struct HeldPermits {
    shared: OwnedSemaphorePermit,
    own: Option<OwnedSemaphorePermit>,
}

impl ByteBudget {
    /// A budget of `bytes_max`, with the name that refusals call it by. A single request may ask for as many as
    /// `one_max`, so the half of callers without a token has that many at least, and the other half twice as many: two
    /// callers have such a request at the same time.
    pub(crate) fn new(bytes_max: usize, one_max: usize, name: &'static str) -> Self {
        let of_anonymous = units((bytes_max / 2).max(one_max));
        let of_one = units((bytes_max / 4).max(one_max));
        Self {
            anonymous: Arc::new(Semaphore::new(of_anonymous as usize)),
            known: Arc::new(Semaphore::new(2 * of_one as usize)),
            principals: Mutex::default(),
            of_anonymous,
            of_one,
            bytes_max,
            name,
        }
    }

    /// Occupies bytes, and waits a moment for them. Who asks for more than there are gets all of them.
    ///
    /// # Errors
    /// `busy` when others still occupy them then.
    pub async fn take(&self, principal: &Principal, bytes: usize) -> Result<HeldBytes, ApiError> {
        self.acquire(principal, units(bytes).min(self.most(principal))).await
    }

    /// Occupies so many bytes in all, of which `held` has some already.
    ///
    /// # Errors
    /// `busy`, as [`ByteBudget::take`]; then `held` has what it had.
    pub(crate) async fn grow(
        &self,
        principal: &Principal,
        held: &Mutex<HeldBytes>,
        total: usize,
    ) -> Result<(), ApiError> {
        let has = held.lock().unwrap_or_else(PoisonError::into_inner).units();
        // By the units of the sum: many small parts do not each occupy a whole one.
        let missing = units(total).min(self.most(principal)).saturating_sub(has);
        if missing > 0 {
            let more = self.acquire(principal, missing).await?;
            held.lock().unwrap_or_else(PoisonError::into_inner).add(more);
        }
        Ok(())
    }

    /// As `grow`, without waiting: for work that must not wait.
    ///
    /// # Errors
    /// `busy` when others occupy what is missing.
    pub fn grow_at_once(
        &self,
        principal: &Principal,
        held: &mut HeldBytes,
        total: usize,
    ) -> Result<(), ApiError> {
        let missing = units(total).min(self.most(principal)).saturating_sub(held.units());
        if missing > 0 {
            let own = self.of_principal(principal).map(|own| own.try_acquire_many_owned(missing));
            let own = own.transpose().map_err(|_| self.too_many(principal))?;
            let shared = Arc::clone(self.share(principal)).try_acquire_many_owned(missing);
            let shared = shared.map_err(|_| self.busy())?;
            held.add(HeldBytes(Some(HeldPermits { shared, own })));
        }
        Ok(())
    }

    /// Waits a moment for permits: for those of the caller first, so that nothing of the half is held meanwhile.
    async fn acquire(&self, principal: &Principal, permits: u32) -> Result<HeldBytes, ApiError> {
        let own = match self.of_principal(principal) {
            None => None,
            Some(own) => match tokio::time::timeout(WAIT, own.acquire_many_owned(permits)).await {
                Ok(Ok(own)) => Some(own),
                Ok(Err(_)) | Err(_) => return Err(self.too_many(principal)),
            },
        };
        let shared = Arc::clone(self.share(principal)).acquire_many_owned(permits);
        match tokio::time::timeout(WAIT, shared).await {
            Ok(Ok(shared)) => Ok(HeldBytes(Some(HeldPermits { shared, own }))),
            Ok(Err(_)) | Err(_) => Err(self.busy()),
        }
    }

    /// The most permits that a caller may have.
    fn most(&self, principal: &Principal) -> u32 {
        if principal.is_anonymous() { self.of_anonymous } else { self.of_one }
    }

    /// The permits of a caller with a token.
    fn of_principal(&self, principal: &Principal) -> Option<Arc<Semaphore>> {
        let id = principal.token_id()?;
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        if principals.len() >= PRINCIPALS_MAX && !principals.contains_key(&id) {
            // Others have bytes of it: as many as there are requests.
            principals.retain(|_, permits| Arc::strong_count(permits) > 1);
        }
        let permits = principals.entry(id);
        Some(Arc::clone(permits.or_insert_with(|| Arc::new(Semaphore::new(self.of_one as usize)))))
    }

    fn share(&self, principal: &Principal) -> &Arc<Semaphore> {
        if principal.is_anonymous() { &self.anonymous } else { &self.known }
    }

    fn too_many(&self, principal: &Principal) -> ApiError {
        let detail = format!(
            "other requests of {:?} use the bytes that one caller may have of {} ({}); read their answers first",
            principal.name(),
            self.bytes_max,
            self.name
        );
        let mut error = ApiError::new(Code::TOO_MANY_REQUESTS, detail);
        error.body_mut().retry_after_seconds = Some(1);
        error
    }

    fn busy(&self) -> ApiError {
        let detail = format!(
            "other requests use the {} bytes that are available ({}); try again in a moment",
            self.bytes_max, self.name
        );
        ApiError::new(Code::BUSY, detail)
    }
}

impl HeldBytes {
    /// Occupies the bytes of another too.
    pub(crate) fn add(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(held), Some(more)) => {
                held.shared.merge(more.shared);
                match (&mut held.own, more.own) {
                    (Some(own), Some(more)) => own.merge(more),
                    (none @ None, more) => *none = more,
                    (Some(_), None) => {}
                }
            }
            (none @ None, more) => *none = more,
            (Some(_), None) => {}
        }
    }

    fn units(&self) -> u32 {
        let permits = self.0.as_ref().map(|permits| permits.shared.num_permits());
        permits.map_or(0, |permits| u32::try_from(permits).unwrap_or(u32::MAX))
    }

    /// Releases what is more than `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.units().saturating_sub(units(bytes));
        if let Some(permits) = &mut self.0 {
            drop(permits.shared.split(surplus as usize));
            drop(permits.own.as_mut().and_then(|own| own.split(surplus as usize)));
        }
    }

    /// The same bytes, occupied until the last part of them is dropped.
    pub(crate) fn guard(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Guarded { bytes, _held: self })
    }
}

struct Guarded {
    bytes: Bytes,
    _held: HeldBytes,
}

impl AsRef<[u8]> for Guarded {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{Role, TokenId};

    #[tokio::test]
    async fn bytes_are_shared_and_come_back_when_the_last_part_is_dropped() {
        let budget = ByteBudget::new(16 << 10, 4 << 10, "test_bytes_max");
        let no_one = Principal::anonymous();
        let known = Principal::with_token("anna", Role::Admin.into(), TokenId::of(&blake3::hash(b"token")));
        let held = budget.take(&no_one, 8 << 10).await.unwrap();
        let refused = budget.take(&no_one, 1).await.unwrap_err();
        assert_eq!(refused.code(), "busy");
        assert!(refused.body().detail.contains("test_bytes_max"), "{}", refused.body().detail);
        budget.take(&known, 8 << 10).await.unwrap();
        let bytes = held.guard(Bytes::from_static(b"0123456789"));
        let part = bytes.slice(2..4);
        drop(bytes);
        budget.take(&no_one, 1).await.unwrap_err();
        assert_eq!(&part[..], b"23");
        drop(part);
        budget.take(&no_one, 8 << 10).await.unwrap();
    }

    #[tokio::test]
    async fn many_small_parts_occupy_no_more_than_their_sum() {
        let budget = ByteBudget::new(16 << 10, 0, "test_bytes_max");
        let (no_one, held) = (Principal::anonymous(), Mutex::default());
        for part in 1..=800 {
            budget.grow(&no_one, &held, 10 * part).await.unwrap();
        }
        assert_eq!(held.lock().unwrap().units(), 8);
        let mut more = HeldBytes::default();
        assert_eq!(budget.grow_at_once(&no_one, &mut more, 1).unwrap_err().code(), "busy");
        held.lock().unwrap().shrink_to(3 << 10);
        budget.grow_at_once(&no_one, &mut more, 5 << 10).unwrap();
        assert_eq!((held.lock().unwrap().units(), more.units()), (3, 5));
        more.shrink_to(0);
        assert_eq!(more.units(), 0);
        // More than there is gets all of it.
        budget.grow(&no_one, &held, 1 << 20).await.unwrap();
        assert_eq!(held.lock().unwrap().units(), 8);
    }

    #[tokio::test]
    async fn the_largest_request_of_one_caller_leaves_room_for_that_of_another() {
        // As for imports, of which one may need half of all.
        let budget = ByteBudget::new(16 << 10, 8 << 10, "test_bytes_max");
        let of = |name: &str| {
            Principal::with_token(name, Role::Editor.into(), TokenId::of(&blake3::hash(name.as_bytes())))
        };
        let mut held = HeldBytes::default();
        budget.grow_at_once(&of("slow"), &mut held, 8 << 10).unwrap();
        let refused = budget.grow_at_once(&of("slow"), &mut HeldBytes::default(), 1).unwrap_err();
        assert_eq!(refused.code(), "too_many_requests");
        budget.grow_at_once(&of("other"), &mut HeldBytes::default(), 8 << 10).unwrap();
        drop(held);
    }

    #[tokio::test]
    async fn one_caller_cannot_have_the_bytes_of_all_others() {
        let budget = ByteBudget::new(64 << 10, 1 << 10, "test_bytes_max");
        let of = |name: &str| {
            Principal::with_token(name, Role::Viewer.into(), TokenId::of(&blake3::hash(name.as_bytes())))
        };
        let (greedy, other) = (of("greedy"), of("other"));
        let mut held = Vec::new();
        let refused = loop {
            let mut more = HeldBytes::default();
            match budget.grow_at_once(&greedy, &mut more, 4 << 10) {
                Ok(()) => held.push(more),
                Err(refused) => break refused,
            }
        };
        assert_eq!((held.len(), refused.code()), (4, "too_many_requests"));
        budget.take(&other, 16 << 10).await.unwrap();
        held.pop();
        budget.grow_at_once(&greedy, &mut HeldBytes::default(), 4 << 10).unwrap();
    }
}
