//! Components as blobs: put under their digest before a manifest names them, and read back.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::Digest;
use midflight_http::body::{BodyBytes, receive};
use midflight_http::code::Code;
use midflight_http::long_answer::of_bytes;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_wire::modules::BlobAnswer;
use midflight_wire::problem::ProblemBody;

use super::app::ModulesApp;
use super::codes::{BLOB_DIGEST_MISMATCH, BLOBS_FULL};

/// How long a request waits until its component is compiled. Those of interpreted languages take tens of seconds, on a
/// machine that is busy minutes.
const COMPILED_MAX: Duration = Duration::from_secs(300);

/// Puts the bytes of a component under their SHA-256: 201 when they are new, 200 when they were there. They are kept
/// once for all replicas. At most `blob_bytes_max`, 32 MiB by default. The answer comes when this replica has compiled
/// them, so that the manifest that names them is not refused for the time that this takes.
#[utoipa::path(put, path = "/api/v1/blobs/{digest}", tag = "modules",
    params(("digest" = String, Path, description = "SHA-256 of the bytes, in hex")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = BlobAnswer), (status = 201, body = BlobAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn put_blob(
    State(app): State<ModulesApp>,
    InPath(digest): InPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let digest = digest_of(&digest)?;
    let limits = &app.parts.runtime.limits;
    if let Some(occupied) = request.extensions().get::<BodyBytes>() {
        occupied.count_as_import();
    }
    let bytes = receive(request, limits.blob_bytes_max, "blob_bytes_max", app.limits.receive_ms_max).await?;
    let computing = bytes.clone();
    let found = tokio::task::spawn_blocking(move || Digest::of_bytes(&computing)).await;
    let found = found.map_err(|error| ApiError::internal(&error))?;
    if found != digest {
        let detail = format!(
            "the address names sha256:{digest}, and the bytes have sha256:{found}; send the bytes as they were built"
        );
        return Err(ApiError::new(BLOB_DIGEST_MISMATCH, detail));
    }
    let is_there = put(&app, &digest, &bytes).await?;
    let answer = BlobAnswer { digest: digest.to_string(), bytes: bytes.len() as u64 };
    let component = Arc::from(&*bytes);
    // What requests occupy is bounded, and this one has been received.
    drop(bytes);
    compile(&app, component).await;
    let status = if is_there { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(answer)).into_response())
}

/// Keeps a blob if there is room for it, and answers whether it was there.
async fn put(app: &ModulesApp, digest: &Digest, bytes: &[u8]) -> Result<bool, ApiError> {
    let store = app.engine.store();
    let _turn = app.parts.runtime.put_turn.lock().await;
    if store.blob_size(digest).await?.is_some() {
        return Ok(true);
    }
    let (kept, max) = (store.blobs_size().await?, app.parts.runtime.limits.blobs_bytes_max);
    if kept.saturating_add(bytes.len() as u64) > max {
        let detail = format!(
            "the blobs have {kept} bytes and may have {max} (blobs_bytes_max), and this one has {}; raise the bound",
            bytes.len()
        );
        return Err(ApiError::new(BLOBS_FULL, detail));
    }
    store.put_blob(digest, bytes).await?;
    Ok(false)
}

/// Compiles a component before a manifest names it: edits have a deadline, and later ones wait for their turn.
async fn compile(app: &ModulesApp, component: Arc<[u8]>) {
    let compiled = app.parts.runtime.host.compile_component(component);
    match tokio::time::timeout(COMPILED_MAX, compiled).await {
        Ok(Ok(())) => {}
        // The manifest that names it is refused for that, with the module's name.
        Ok(Err(refusal)) => tracing::debug!(%refusal, "component not compiled"),
        Err(_) => tracing::warn!(
            "component still being compiled; a manifest that names it may be refused until then"
        ),
    }
}

/// The bytes of a blob. `If-None-Match` with its digest answers 304; HEAD says whether it is there.
#[utoipa::path(get, path = "/api/v1/blobs/{digest}", tag = "modules",
    params(("digest" = String, Path, description = "SHA-256 of the bytes, in hex")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "Unchanged"), (status = "default", body = ProblemBody)))]
pub(super) async fn get_blob(
    State(app): State<ModulesApp>,
    principal: Principal,
    InPath(digest): InPath<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let digest = digest_of(&digest)?;
    let absent = || ApiError::new(Code::NOT_FOUND, format!("no blob sha256:{digest}"));
    let tag = HeaderValue::from_str(&format!("\"{digest}\"")).map_err(|error| ApiError::internal(&error))?;
    let store = app.engine.store();
    let is_known = headers.get(header::IF_NONE_MATCH) == Some(&tag);
    let described = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (header::ETAG, tag),
    ];
    if is_known || method == Method::HEAD {
        let size = store.blob_size(&digest).await?.ok_or_else(absent)?;
        return Ok(match is_known {
            true => (StatusCode::NOT_MODIFIED, described).into_response(),
            false => (described, [(header::CONTENT_LENGTH, HeaderValue::from(size))]).into_response(),
        });
    }
    let size = store.blob_size(&digest).await?.ok_or_else(absent)?;
    // Before it is read, and twice: a store has its own copy while it answers.
    let size = usize::try_from(size).unwrap_or(usize::MAX).saturating_mul(2);
    let room = app.answers.take(&principal, size).await?;
    let bytes = store.blob(&digest).await?.ok_or_else(absent)?;
    Ok((described, of_bytes(Bytes::from_owner(bytes), room)).into_response())
}

/// The digest that an address names.
fn digest_of(text: &str) -> Result<Digest, ApiError> {
    text.parse().map_err(|_| {
        let detail = format!("invalid digest {text:?}: expected SHA-256 as 64 digits in hex");
        ApiError::new(Code::INVALID_NAME, detail)
    })
}
