//! A request that is signed instead of sent with a token: who signed it is known only when its handler verified that.
//!
//! Until then anyone may have sent it, so it has a place of its address, and nothing is counted for the signer. A request
//! that is not verified counts for its address alone.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use crate::accept::Peer;
use crate::principal::Access;
use crate::problem::ApiError;

/// Where a request comes from, as far as one sender has the addresses: of IPv6 a network of 64 bits. None if that is not
/// known, as in a program that calls the router itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SenderAddress(Option<IpAddr>);

impl SenderAddress {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Peer>().map_or(Self(None), |peer| Self::of_peer(peer.address))
    }

    /// That of the other end of a connection.
    pub(crate) fn of_peer(address: SocketAddr) -> Self {
        Self(Some(network(address.ip().to_canonical())))
    }

    /// As errors name it.
    pub(crate) fn name(self) -> String {
        self.0.map_or_else(|| "unverified".to_owned(), |address| format!("unverified, from {address}"))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        IpAddr::V4(_) => address,
    }
}

/// The request of a route of [`Permission::Signed`](crate::principal::Permission::Signed), for its handler to verify.
#[derive(Debug)]
pub struct SignedRequest {
    access: Access,
    from: SenderAddress,
}

impl SignedRequest {
    /// Counts a request whose signature was verified for who signed it.
    ///
    /// # Errors
    /// 429 past the rate of the signer, or when it has as many requests in flight as a caller may have.
    pub fn verified(&self, signer: &str) -> Result<(), ApiError> {
        let signer: Arc<str> = signer.into();
        self.access.rates().count_signed(&signer)?;
        self.access.place().take_signed(&signer)
    }

    /// The answer to a request that was not verified: `refusal`, or 429 past the rate of such requests from its address.
    #[must_use]
    pub fn refused(&self, refusal: ApiError) -> Response {
        self.access.rates().count_unverified(self.from).err().unwrap_or(refusal).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self { access: Access::of(parts)?.clone(), from: SenderAddress::of(&parts.extensions) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
