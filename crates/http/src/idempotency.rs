//! The key of a write: a client that sends a request again with it, since it does not know the result, has it done once
//! (`Idempotency-Key`, as the IETF draft of that name has it).

use std::sync::Arc;

use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;
use midflight_core::{Digest, EditKey};

use crate::body::{BodyBytes, KEY_HEADER};
use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;

/// The longest key, in bytes. 128: a UUID and a name fit into it.
pub(crate) const KEY_BYTES_MAX: usize = 128;

/// The key of a request, with what distinguishes the request from another one with the same key.
#[derive(Clone)]
pub struct RequestKey(Arc<IdempotencyState>);

struct IdempotencyState {
    key: String,
    /// The method and the address.
    target: String,
    /// Has the digest of the body, once that was received.
    body: Option<BodyBytes>,
}

impl RequestKey {
    /// The key of a request; none when it has none.
    ///
    /// # Errors
    /// `invalid_header` for one that is too long, empty or not visible.
    pub(crate) fn of(parts: &Parts) -> Result<Option<Self>, ApiError> {
        let Some(value) = parts.headers.get(KEY_HEADER) else { return Ok(None) };
        let bytes = value.as_bytes();
        let is_good = (1..=KEY_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        let Some(key) = value.to_str().ok().filter(|_| is_good) else {
            let detail =
                format!("Idempotency-Key takes 1 to {KEY_BYTES_MAX} visible ASCII characters without spaces");
            return Err(ApiError::new(Code::INVALID_HEADER, detail));
        };
        let target = format!("{} {}", parts.method, parts.uri);
        let body = parts.extensions.get::<BodyBytes>().cloned();
        Ok(Some(Self(Arc::new(IdempotencyState { key: key.to_owned(), target, body }))))
    }

    /// The key of the edit that the request makes: each principal has keys of its own. The body must have been
    /// received, since its digest is part of it.
    pub fn of_edit(&self, principal: &Principal) -> EditKey {
        let IdempotencyState { key, target, body } = &*self.0;
        let sender = principal.token_id().map_or_else(|| principal.name().to_owned(), |id| id.to_string());
        let body = body.as_ref().and_then(BodyBytes::digest).map_or_else(String::new, |it| it.to_string());
        let request = Digest::of_bytes(format!("{target}\n{body}").as_bytes());
        EditKey::new(format!("http:{sender}:{key}")).of_request(request)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for RequestKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, ApiError> {
        Self::of(parts)
    }
}

impl std::fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RequestKey").field(&self.0.key).finish()
    }
}
