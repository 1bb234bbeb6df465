//! Reads request bodies: bounded in size and time, and with the place of whatever is wrong in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::header;
use bytes::Bytes;
use http_body_util::BodyExt;
use midflight_core::{Digest, JsonPointer};
use serde::de::DeserializeOwned;

use crate::app::AppState;
use crate::byte_budget::{HeldBytes, SMALL_BYTES_MAX};
use crate::code::Code;
use crate::json_root::JsonRoot;
use crate::limits::HttpLimits;
use crate::parsed_size;
use crate::principal::Principal;
use crate::problem::ApiError;

/// How much of a body past its bound is read all the same, in bytes.
const DISCARDED_BYTES_MAX: usize = 4 << 20;

/// A JSON body of a known shape, at most `body_bytes_max` long.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        is_json(&request)?;
        let limits = AppState::from_ref(state).limits;
        let occupied = request.extensions().get::<BodyBytes>().cloned();
        let bytes = receive(request, limits.body_bytes_max, "body_bytes_max", limits.receive_ms_max).await?;
        weigh(&bytes, &limits, occupied.as_ref()).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out, or be null.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub Option<T>);

impl<S, T> FromRequest<S> for OptionalJsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let typed = is_json(&request);
        let limits = AppState::from_ref(state).limits;
        let occupied = request.extensions().get::<BodyBytes>().cloned();
        let bytes = receive(request, limits.body_bytes_max, "body_bytes_max", limits.receive_ms_max).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        typed?;
        weigh(&bytes, &limits, occupied.as_ref()).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that carries documents to import, at most `import_bytes_max` long. It is counted among imports, for
/// which other bodies do not wait.
#[derive(Debug)]
pub struct ImportJsonBody<T> {
    /// The body.
    pub value: T,
    occupied: Option<BodyBytes>,
    bytes: usize,
    parsed_bytes_max: usize,
}

impl<S, T> FromRequest<S> for ImportJsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        is_json(&request)?;
        let limits = AppState::from_ref(state).limits;
        let occupied = request.extensions().get::<BodyBytes>().cloned();
        if let Some(occupied) = &occupied {
            occupied.count_as_import();
        }
        let bytes =
            receive(request, limits.import_bytes_max, "import_bytes_max", limits.receive_ms_max).await?;
        let parsed_bytes_max = limits.import_parsed_bytes_max;
        let parsed = parsed_size::of_json(&bytes);
        fits_parsed(parsed, parsed_bytes_max, "import_parsed_bytes_max")?;
        let total = bytes.len().saturating_add(parsed);
        if let Some(occupied) = &occupied {
            occupied.grow(total).await?;
        }
        Ok(Self { value: parse(&bytes)?, occupied, bytes: total, parsed_bytes_max })
    }
}

impl<T> ImportJsonBody<T> {
    /// Occupies what a YAML text of the body needs once it is parsed, before it is.
    ///
    /// # Errors
    /// `too_large` for more than `import_parsed_bytes_max`, `busy` when others occupy what it needs.
    pub async fn weigh_yaml(&self, text: &str) -> Result<(), ApiError> {
        let parsed = parsed_size::of_yaml(text);
        fits_parsed(parsed, self.parsed_bytes_max, "import_parsed_bytes_max")?;
        match &self.occupied {
            Some(occupied) => occupied.grow(self.bytes.saturating_add(parsed)).await,
            None => Ok(()),
        }
    }
}

/// The type of a body, without its parameters; none when it has none.
pub(crate) fn media_type(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(value.split(';').next().unwrap_or_default().trim())
}

fn is_json(request: &Request) -> Result<(), ApiError> {
    match media_type(request) {
        None => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json") => Ok(()),
        Some(kind) => {
            let kind: String = kind.chars().take(80).collect();
            let detail = format!("the body is {kind}; send JSON with `Content-Type: application/json`");
            Err(ApiError::new(Code::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// The header with the key of a request, which asks for the digest of its body.
pub(crate) const KEY_HEADER: &str = "idempotency-key";

/// What the body of one request occupies, until the request is answered.
#[derive(Clone)]
pub struct BodyBytes(Arc<OfOne>);

impl std::fmt::Debug for BodyBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyBytes").finish_non_exhaustive()
    }
}

struct OfOne {
    app: AppState,
    principal: Principal,
    held: Mutex<HeldBytes>,
    /// What it occupies while it is small.
    small: Mutex<HeldBytes>,
    is_import: AtomicBool,
    /// Of what was received, where a key of the request asks for it.
    digest: OnceLock<Digest>,
}

impl BodyBytes {
    pub(crate) fn new(app: AppState, principal: Principal) -> Self {
        let (held, small) = (Mutex::default(), Mutex::default());
        Self(Arc::new(OfOne {
            app,
            principal,
            held,
            small,
            is_import: AtomicBool::new(false),
            digest: OnceLock::new(),
        }))
    }

    /// The digest of the body, once it was received; none for a request without a key.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.0.digest.get().copied()
    }

    /// Counts it among imports from now on, for which other bodies do not wait. Nothing of it was received yet.
    pub fn count_as_import(&self) {
        self.0.is_import.store(true, Ordering::Relaxed);
    }

    /// Computes the digest of what was received, off the async threads when that takes long.
    async fn take_digest(&self, bytes: Bytes) -> Result<(), ApiError> {
        let digest = match bytes.len() {
            ..=SMALL_BYTES_MAX => Digest::of_bytes(&bytes),
            _ => {
                let computed = tokio::task::spawn_blocking(move || Digest::of_bytes(&bytes)).await;
                computed.map_err(|error| ApiError::internal(&error))?
            }
        };
        self.0.digest.get_or_init(|| digest);
        Ok(())
    }

    /// Occupies so many bytes in all: those of the body, and then those of what was parsed too.
    pub(crate) async fn grow(&self, total: usize) -> Result<(), ApiError> {
        let OfOne { app, principal, held, small, is_import, .. } = &*self.0;
        if total <= SMALL_BYTES_MAX {
            return app.small_bodies.grow(principal, small, total).await;
        }
        let budget = if is_import.load(Ordering::Relaxed) { &app.imports } else { &app.bodies };
        budget.grow(principal, held, total).await?;
        small.lock().unwrap_or_else(PoisonError::into_inner).shrink_to(0);
        Ok(())
    }
}

/// Why a body is not there.
enum Uncollected {
    /// The connection ended.
    Cut,
    /// Other bodies occupy what there is for them.
    Busy(ApiError),
}

/// Reads a body of at most `bytes_max`, within the time for it.
pub async fn receive(
    request: Request,
    bytes_max: usize,
    bound: &str,
    receive_ms_max: u64,
) -> Result<Bytes, ApiError> {
    let too_large = || {
        let detail = format!("the body is larger than {bytes_max} bytes ({bound}); send less at once");
        ApiError::new(Code::TOO_LARGE, detail)
    };
    // One that is decompressed could be a thousand times as large as what is received of it.
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "compressed bodies are not accepted; send the body without Content-Encoding";
        return Err(ApiError::new(Code::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let stated = request.headers().get(header::CONTENT_LENGTH);
    let stated = stated.and_then(|value| value.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
    if stated > bytes_max.saturating_add(DISCARDED_BYTES_MAX) {
        return Err(too_large());
    }
    let occupied = request.extensions().get::<BodyBytes>().cloned();
    let has_key = request.headers().contains_key(KEY_HEADER);
    let collected = collect(request.into_body(), bytes_max, occupied.clone());
    match tokio::time::timeout(Duration::from_millis(receive_ms_max), collected).await {
        Ok(Ok(Some(bytes))) => {
            if let Some(occupied) = occupied.filter(|_| has_key) {
                occupied.take_digest(bytes.clone()).await?;
            }
            Ok(bytes)
        }
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(Uncollected::Cut)) => {
            Err(ApiError::new(Code::MALFORMED_BODY, "the body ended before it was complete"))
        }
        Ok(Err(Uncollected::Busy(busy))) => Err(busy),
        Err(_) => {
            let detail = format!("the body was not received within {receive_ms_max} ms (receive_ms_max)");
            Err(ApiError::new(Code::TOO_SLOW, detail))
        }
    }
}

/// The bytes of a body; none when they are more than `bytes_max`. A little more than that is read and dropped, so that
/// a client which reads only after it has sent everything receives the refusal rather than a reset.
async fn collect(
    mut body: Body,
    bytes_max: usize,
    occupied: Option<BodyBytes>,
) -> Result<Option<Bytes>, Uncollected> {
    let mut parts: Vec<Bytes> = Vec::with_capacity(1);
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Uncollected::Cut)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= bytes_max {
            // By what came, not by what was announced: a client that sends slowly occupies little.
            if let Some(occupied) = &occupied {
                occupied.grow(length).await.map_err(Uncollected::Busy)?;
            }
            parts.push(data);
        } else {
            parts.clear();
            if length > bytes_max.saturating_add(DISCARDED_BYTES_MAX) {
                return Ok(None);
            }
        }
    }
    if length > bytes_max {
        return Ok(None);
    }
    // Most bodies come in one part, which is not copied.
    match parts.as_mut_slice() {
        [only] => Ok(Some(std::mem::take(only))),
        parts => Ok(Some(parts.concat().into())),
    }
}

/// Occupies what a JSON body needs once it is parsed, before it is.
///
/// # Errors
/// `too_large` for more than `body_parsed_bytes_max`, `busy` when others occupy what it needs.
pub async fn weigh(bytes: &Bytes, limits: &HttpLimits, occupied: Option<&BodyBytes>) -> Result<(), ApiError> {
    let parsed = parsed_size::of_json(bytes);
    fits_parsed(parsed, limits.body_parsed_bytes_max, "body_parsed_bytes_max")?;
    match occupied {
        Some(occupied) => occupied.grow(bytes.len() + parsed).await,
        None => Ok(()),
    }
}

/// Refuses a body that needs more than it may once it is parsed.
pub(crate) fn fits_parsed(parsed: usize, bytes_max: usize, bound: &str) -> Result<(), ApiError> {
    if parsed <= bytes_max {
        return Ok(());
    }
    let detail = format!(
        "the values of the body need about {parsed} bytes of memory, and {bytes_max} are allowed \
         ({bound}); send fewer at once"
    );
    Err(ApiError::new(Code::TOO_LARGE, detail))
}

/// Parses JSON of a known shape. What is wrong is looked up in a second pass, so that what is right costs one.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = T::deserialize(JsonRoot(&mut deserializer));
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| explain::<T>(bytes, &error))
}

fn explain<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        let detail = format!("the body is not JSON: {error}");
        return ApiError::new(Code::MALFORMED_BODY, detail);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => JsonPointer::root(),
        Err(placed) => JsonPointer::from(placed.path()),
    };
    ApiError::new(Code::INVALID_BODY, format!("the body has the wrong shape: {error}"))
        .at(&path, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_wire::edits::ApplyRequest;

    #[track_caller]
    fn check(body: &str, code: &str, path: Option<&str>, part: &str) {
        let error = parse::<ApplyRequest>(body.as_bytes()).unwrap_err();
        let body = error.body();
        assert_eq!((error.code(), body.errors.first().map(|item| item.path.as_str())), (code, path));
        assert!(body.detail.contains(part), "{}", body.detail);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check("{\"changes\": [}", "malformed_body", None, "line 1 column 14");
        check("", "malformed_body", None, "EOF");
        check("{\"changes\": []} x", "malformed_body", None, "trailing characters");
        check("[[]]", "invalid_body", Some(""), "invalid type: sequence");
        check("{\"changes\": 3}", "invalid_body", Some("/changes"), "invalid type");
        check(
            "{\"changes\": [], \"author\": \"me\"}",
            "invalid_body",
            Some("/author"),
            "unknown field `author`",
        );
        let change = "{\"changes\": [{\"op\": \"put\", \"kind\": 1, \"name\": \"a\"}]}";
        check(change, "invalid_body", Some("/changes/0/kind"), "expected a string");
        let deep = "[".repeat(200);
        let bomb =
            format!("{{\"changes\": [{{\"op\": \"put\", \"kind\": \"a\", \"name\": \"b\", \"body\": {deep}");
        check(&bomb, "malformed_body", None, "recursion limit exceeded");
    }
}
