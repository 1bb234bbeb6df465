//! How many requests of one caller may be in flight, and how many streams it may have open, so that it cannot have the
//! places of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::code::Code;
use crate::principal::{Permission, Principal, TokenId};
use crate::problem::ApiError;
use crate::signed_request::SenderAddress;

/// Whose places are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum PlaceHolder {
    Principal(TokenId),
    /// All callers without a token together.
    Anonymous,
    /// Who signed requests that were verified.
    Signer(Arc<str>),
    /// An address: what comes from it and is of no caller yet, as a connection, or a signed request that was not verified.
    Address(SenderAddress),
}

impl PlaceHolder {
    fn of(principal: &Principal) -> Self {
        principal.token_id().map_or(Self::Anonymous, Self::Principal)
    }
}

/// Places of which each caller may have so many at the same time.
#[derive(Debug)]
pub(crate) struct CallerPlaces {
    /// How many each caller has, without those that have none.
    taken: Mutex<HashMap<PlaceHolder, usize>>,
    per_caller_max: usize,
    /// The name of that bound.
    bound: &'static str,
    /// What has a place, in the plural.
    what: &'static str,
}

/// One caller's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct CallerPlace {
    places: Arc<CallerPlaces>,
    holder: PlaceHolder,
}

impl CallerPlaces {
    /// Places for `what`; 0 is no limit.
    pub(crate) fn new(per_caller_max: usize, bound: &'static str, what: &'static str) -> Arc<Self> {
        let per_caller_max = if per_caller_max == 0 { usize::MAX } else { per_caller_max };
        Arc::new(Self { taken: Mutex::default(), per_caller_max, bound, what })
    }

    /// Takes a place of a caller.
    ///
    /// # Errors
    /// 429 when the caller has as many as one may have.
    pub(crate) fn take(self: &Arc<Self>, principal: &Principal) -> Result<CallerPlace, ApiError> {
        self.take_as(PlaceHolder::of(principal), principal.name())
    }

    /// Takes a place of an address; none when it has as many as one may have.
    pub(crate) fn take_of_address(self: &Arc<Self>, from: SenderAddress) -> Option<CallerPlace> {
        self.take_as(PlaceHolder::Address(from), "").ok()
    }

    fn take_as(self: &Arc<Self>, holder: PlaceHolder, name: &str) -> Result<CallerPlace, ApiError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder.clone()).or_default();
        if *count >= self.per_caller_max {
            drop(taken);
            return Err(self.refused(name));
        }
        *count += 1;
        Ok(CallerPlace { places: Arc::clone(self), holder })
    }

    fn refused(&self, name: &str) -> ApiError {
        let detail = format!(
            "{name:?} has {} {} ({}); try again when one of them has ended",
            self.per_caller_max, self.what, self.bound
        );
        let mut error = ApiError::new(Code::TOO_MANY_REQUESTS, detail);
        error.body_mut().retry_after_seconds = Some(1);
        error
    }
}

impl Drop for CallerPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

/// The place of one request: taken when its route has accepted the caller, and free when it is answered and the last
/// copy of this is dropped.
#[derive(Debug, Clone)]
pub(crate) struct RequestPlace(Arc<RequestPlaceParts>);

#[derive(Debug)]
struct RequestPlaceParts {
    places: Arc<CallerPlaces>,
    place: Mutex<Option<CallerPlace>>,
}

impl RequestPlace {
    pub(crate) fn new(places: &Arc<CallerPlaces>) -> Self {
        Self(Arc::new(RequestPlaceParts { places: Arc::clone(places), place: Mutex::default() }))
    }

    /// Takes it. Requests that need no permission are not counted, so that probes are answered whatever others do.
    ///
    /// # Errors
    /// 429 when the caller has as many requests in flight as one may have.
    pub(crate) fn take(
        &self,
        principal: &Principal,
        permission: Permission,
        from: SenderAddress,
    ) -> Result<(), ApiError> {
        match permission {
            Permission::Open => Ok(()),
            Permission::Signed => self.take_as(PlaceHolder::Address(from), &from.name()),
            Permission::Read
            | Permission::Execute
            | Permission::Edit
            | Permission::Operate
            | Permission::Admin => self.take_of(principal),
        }
    }

    /// Takes it for a caller whom the handler found, on an open route.
    ///
    /// # Errors
    /// 429 when the caller has as many requests in flight as one may have.
    pub(crate) fn take_of(&self, principal: &Principal) -> Result<(), ApiError> {
        self.take_as(PlaceHolder::of(principal), principal.name())
    }

    /// Exchanges it for one of who signed the request, which was verified.
    ///
    /// # Errors
    /// 429 when the signer has as many requests in flight as one may have.
    pub(crate) fn take_signed(&self, signer: &Arc<str>) -> Result<(), ApiError> {
        self.take_as(PlaceHolder::Signer(Arc::clone(signer)), signer)
    }

    fn take_as(&self, holder: PlaceHolder, name: &str) -> Result<(), ApiError> {
        let place = self.0.places.take_as(holder, name)?;
        let before = self.0.place.lock().unwrap_or_else(PoisonError::into_inner).replace(place);
        drop(before);
        Ok(())
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
    fn each_caller_has_places_of_its_own_and_gives_them_back() {
        let places = CallerPlaces::new(2, "test_per_caller_max", "tests running");
        let (anna, otto) = (principal("anna"), principal("otto"));
        let held = [places.take(&anna).unwrap(), places.take(&anna).unwrap()];
        let refused = places.take(&anna).unwrap_err();
        assert_eq!((refused.code(), refused.body().retry_after_seconds), ("too_many_requests", Some(1)));
        let expected =
            "\"anna\" has 2 tests running (test_per_caller_max); try again when one of them has ended";
        assert_eq!(refused.body().detail, expected);
        let others = [places.take(&otto).unwrap(), places.take(&Principal::anonymous()).unwrap()];
        drop(held);
        drop(places.take(&anna).unwrap());
        drop(others);
        assert!(places.taken.lock().unwrap().is_empty(), "callers without a place are forgotten");
    }

    #[test]
    fn zero_is_no_limit() {
        let places = CallerPlaces::new(0, "test_per_caller_max", "tests running");
        let anna = principal("anna");
        let held: Vec<_> = (0..10_000).map(|_| places.take(&anna).unwrap()).collect();
        assert_eq!(held.len(), 10_000);
    }

    #[test]
    fn a_request_has_a_place_until_its_last_copy_is_dropped_and_probes_need_none() {
        let places = CallerPlaces::new(1, "test_per_caller_max", "tests running");
        let no_one = Principal::anonymous();
        let from = SenderAddress::of(&axum::http::Extensions::new());
        let take = |permission| {
            let request = RequestPlace::new(&places);
            request.take(&no_one, permission, from).map(|()| request)
        };
        let read = take(Permission::Read).unwrap();
        let copy = read.clone();
        drop(read);
        take(Permission::Execute).unwrap_err();
        take(Permission::Open).unwrap();
        // Signed requests are counted apart from those of callers without a token.
        let signed = take(Permission::Signed).unwrap();
        take(Permission::Signed).unwrap_err();
        // One that is verified makes room for others that are not, and has a place of its signer.
        signed.take_signed(&"webhook:git".into()).unwrap();
        let unverified = take(Permission::Signed).unwrap();
        unverified.take_signed(&"webhook:git".into()).unwrap_err();
        unverified.take_signed(&"webhook:crm".into()).unwrap();
        drop((copy, signed, unverified));
        take(Permission::Read).unwrap();
        take(Permission::Signed).unwrap();
    }
}
