//! The HTTP side: one endpoint for both eras, as a tower service.
//!
//! What the transport of `rmcp` leaves open is decided here, before it: bounds on listeners and sessions, batches, and
//! whose session an id is of.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use rmcp::model::{ErrorCode, InitializeRequestParams};
use rmcp::transport::streamable_http_server::{SessionId, StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::Span;

use crate::handler::McpHandler;
use crate::options::HostRule;
use crate::permits::{CallerPermit, NoRoom};
use crate::sessions::{
    REQUEST, RequestScope, SealedSessionStore, SealedSessions, SessionPermit, params_of, sealed_id,
};
use crate::shared::{BUSY, McpShared, no_room};
use crate::{McpCaller, McpHttpOptions, McpMeter, PastError};

/// The header with the id of a session of the old era.
const SESSION_ID: &str = "mcp-session-id";

type HttpAnswer = Response<BoxBody<Bytes, Infallible>>;

/// The endpoint as a tower service: mount it at one path for GET, POST and DELETE. Cheap to clone.
///
/// It reads an [`McpCaller`] from the extensions of the request, which the server puts there from the token that it has
/// verified, and never looks at `Authorization` itself. Streams stay open: a limit on the time of a request must not
/// apply to it, and compression must not hold events back.
#[derive(Clone)]
pub struct McpHttpService {
    inner: StreamableHttpService<McpHandler, SealedSessions>,
    sessions: Arc<SealedSessions>,
    shared: Arc<McpShared>,
    body_bytes_max: usize,
}

impl std::fmt::Debug for McpHttpService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpHttpService").finish_non_exhaustive()
    }
}

/// What of a message is looked at before the transport reads it.
#[derive(Deserialize)]
struct Peeked<'a> {
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    id: Option<Value>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// What a request needs that was admitted.
#[derive(Default)]
struct AdmittedRequest {
    /// Of a stream that waits for notices.
    listener: Option<CallerPermit>,
    /// The id of the session that it begins.
    session: Option<SessionId>,
    /// Of a session that it begins or restores.
    permit: SessionPermit,
}

impl McpHttpService {
    pub(crate) fn new(shared: &Arc<McpShared>, options: McpHttpOptions, stop: &CancellationToken) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_sse_keep_alive(Some(options.keep_alive()))
            .with_json_response(true)
            .with_max_request_body_bytes(options.body_bytes_max)
            .with_cancellation_token(stop.child_token())
            .with_allowed_origins(options.allowed_origins)
            .enforce_origin_validation();
        let mut config = match options.allowed_hosts.0 {
            HostRule::Any => config.disable_allowed_hosts(),
            HostRule::Listed(hosts) => config.with_allowed_hosts(hosts),
        };
        config.session_store = Some(Arc::new(SealedSessionStore(Arc::clone(shared))));
        let sessions = Arc::new(SealedSessions::new(shared));
        let factory = {
            let (shared, stop) = (Arc::clone(shared), stop.clone());
            move || {
                let caller = RequestScope::caller().unwrap_or_else(McpCaller::anonymous);
                Ok(McpHandler::new(Arc::clone(&shared), caller, stop.clone()))
            }
        };
        Self {
            inner: StreamableHttpService::new(factory, Arc::clone(&sessions), config),
            sessions,
            shared: Arc::clone(shared),
            body_bytes_max: options.body_bytes_max,
        }
    }

    /// Reads what this endpoint counts.
    #[must_use]
    pub fn meter(&self) -> McpMeter {
        McpMeter {
            counts: Arc::clone(&self.shared.counts),
            listeners: Arc::clone(&self.shared.listeners),
            sessions: Arc::clone(&self.sessions),
        }
    }

    async fn answer<B>(self, request: Request<B>) -> HttpAnswer
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        if is_own_origin(&parts.headers) {
            // A page of this server itself; which hosts it may be reached by is checked separately.
            parts.headers.remove(header::ORIGIN);
        }
        parts.extensions.insert(Span::current());
        let caller = parts.extensions.get().cloned().unwrap_or_else(McpCaller::anonymous);
        let body = match parts.method {
            Method::POST => match Limited::new(body, self.body_bytes_max).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) => return self.unreadable(&*error),
            },
            _ => Bytes::new(),
        };
        let AdmittedRequest { listener, session, permit } =
            match self.admit(&caller, &parts.method, &parts.headers, &body).await {
                Ok(admitted) => admitted,
                Err(refused) => return *refused,
            };
        if caller.at.is_some() {
            // The transport asks for the schema of a tool without waiting, so the catalogue is brought before. A failure is
            // reported by the request itself, which must not wait for what it has no place to wait for.
            if let Err(busy @ PastError::Busy { .. }) = self.shared.views.of(&caller).await {
                let id = serde_json::from_slice::<Peeked<'_>>(&body).ok().and_then(|peeked| peeked.id);
                let (id, message) = (id.unwrap_or_default(), busy.to_string());
                return refusal(StatusCode::TOO_MANY_REQUESTS, id, BUSY, &message, None);
            }
        }
        let scope = RequestScope { caller, session, permit };
        let is_close = parts.method == Method::DELETE;
        let request = Request::from_parts(parts, Full::new(body));
        let mut response = REQUEST.scope(scope, self.inner.handle(request)).await;
        if is_close && response.status() == StatusCode::ACCEPTED {
            // The session is closed by now, and the Python SDK reports any answer but 200 and 204 as a failure.
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        match listener {
            Some(listener) => response.map(|body| BoxBody::new(ListenerBody { body, _permit: listener })),
            None => response,
        }
    }

    fn unreadable(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) -> HttpAnswer {
        if error.is::<LengthLimitError>() {
            let message = format!("the body of a request may have {} bytes; send less", self.body_bytes_max);
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                Value::Null,
                ErrorCode::INVALID_REQUEST,
                &message,
                None,
            );
        }
        let message = format!("the body of the request cannot be read: {error}");
        refusal(StatusCode::BAD_REQUEST, Value::Null, ErrorCode::INVALID_REQUEST, &message, None)
    }

    /// Looks at a request before the transport does: room for a stream, the session it is of, the session it begins.
    async fn admit(
        &self,
        caller: &McpCaller,
        method: &Method,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<AdmittedRequest, Box<HttpAnswer>> {
        let session = headers.get(SESSION_ID).map(|id| id.to_str().unwrap_or_default());
        let mut admitted = AdmittedRequest::default();
        if let Some(id) = session {
            admitted.permit = self.check_session(caller, id).await?;
            if method == Method::DELETE {
                self.shared.closed.add(id);
            }
        }
        if method == Method::GET {
            admitted.listener = Some(self.listener(caller, Value::Null)?);
            return Ok(admitted);
        }
        if method != Method::POST {
            return Ok(admitted);
        }
        if body.trim_ascii_start().first() == Some(&b'[') {
            let message = "a batch is not accepted: the protocol has none since 2025-06-18; send one message in each request";
            return Err(refused(
                StatusCode::BAD_REQUEST,
                Value::Null,
                ErrorCode::INVALID_REQUEST,
                message,
                None,
            ));
        }
        let peeked: Peeked<'_> = serde_json::from_slice(body).map_err(|error| {
            let message = format!("invalid message: expected one JSON-RPC message: {error}");
            refused(StatusCode::BAD_REQUEST, Value::Null, ErrorCode::PARSE_ERROR, &message, None)
        })?;
        let id = peeked.id.unwrap_or_default();
        match peeked.method.as_deref() {
            Some("subscriptions/listen") => admitted.listener = Some(self.listener(caller, id)?),
            Some("initialize") if session.is_none() => {
                admitted.permit = self.room_for_session(caller, &id)?;
                let params = peeked.params.map(RawValue::get);
                let params =
                    params.and_then(|params| serde_json::from_str::<InitializeRequestParams>(params).ok());
                admitted.session = params.and_then(|params| sealed_id(&self.shared, caller, &params));
            }
            _ => {}
        }
        Ok(admitted)
    }

    /// Refuses the id of a session that is not one of this caller, as an unknown one. A session that is not here needs a
    /// permit to be restored.
    async fn check_session(&self, caller: &McpCaller, id: &str) -> Result<SessionPermit, Box<HttpAnswer>> {
        if params_of(&self.shared, caller, id).is_none() {
            let message = "unknown session: it ended, or it belongs to another caller; initialize again";
            return Err(refused(
                StatusCode::NOT_FOUND,
                Value::Null,
                ErrorCode::INVALID_REQUEST,
                message,
                None,
            ));
        }
        match self.sessions.has(id).await {
            true => Ok(SessionPermit::default()),
            false => self.room_for_session(caller, &Value::Null),
        }
    }

    fn room_for_session(&self, caller: &McpCaller, id: &Value) -> Result<SessionPermit, Box<HttpAnswer>> {
        let permit = self.shared.sessions.acquire(&caller.name).map_err(|full| {
            let status = match full {
                NoRoom::Caller(_) => StatusCode::TOO_MANY_REQUESTS,
                NoRoom::All(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            let (message, details) = no_room("sessions", full);
            refused(status, id.clone(), BUSY, &message, Some(details))
        })?;
        Ok(SessionPermit::of(permit))
    }

    fn listener(&self, caller: &McpCaller, id: Value) -> Result<CallerPermit, Box<HttpAnswer>> {
        self.shared.listeners.acquire(&caller.name).map_err(|full| {
            let (message, details) = no_room("open streams that wait for notices", full);
            refused(StatusCode::TOO_MANY_REQUESTS, id, BUSY, &message, Some(details))
        })
    }
}

impl<B> Service<Request<B>> for McpHttpService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = HttpAnswer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpAnswer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// Whether a request is of a page that came from the host that it is sent to.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin =
        text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// A stream that counts as a listener until it ends or its client goes.
struct ListenerBody {
    body: BoxBody<Bytes, Infallible>,
    _permit: CallerPermit,
}

impl Body for ListenerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn refused(
    status: StatusCode,
    id: Value,
    code: ErrorCode,
    message: &str,
    data: Option<Value>,
) -> Box<HttpAnswer> {
    Box::new(refusal(status, id, code, message, data))
}

/// A JSON-RPC error with an HTTP status.
fn refusal(status: StatusCode, id: Value, code: ErrorCode, message: &str, data: Option<Value>) -> HttpAnswer {
    let mut error = json!({"code": code.0, "message": message});
    if let Some(data) = data {
        error["data"] = data;
    }
    let body = json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string();
    let mut response = Response::new(BoxBody::new(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
