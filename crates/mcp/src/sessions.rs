//! Sessions of the old era, which any replica can continue.
//!
//! The id of a session is sealed and has all its state: the version and whether the client shows forms. A replica that
//! does not know a session restores it from its id. An id of another caller, a forged one and an expired one are
//! unknown sessions, and the client initialises again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::Stream;
use midflight_core::Digest;
use rmcp::model::{
    ClientCapabilities, ClientJsonRpcMessage, ElicitationCapability, FormElicitationCapability,
    Implementation, InitializeRequestParams, ProtocolVersion, ServerJsonRpcMessage,
};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionState, SessionStore, SessionStoreError,
};
use rmcp::transport::streamable_http_server::{RestoreOutcome, SessionId, SessionManager};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::McpCaller;
use crate::ask::shows_forms;
use crate::permits::CallerPermit;
use crate::seal::SealPurpose;
use crate::shared::McpShared;

/// The longest name of a client that is kept in the id of its session, in characters.
const CLIENT_NAME_CHARS_MAX: usize = 64;
/// The most closed sessions that are remembered. 10,000; older ones can be continued until they expire.
const CLOSED_MAX: usize = 10_000;

tokio::task_local! {
    /// What the transport does not pass on while it answers a request.
    pub(crate) static REQUEST: RequestScope;
}

/// Who a request is of, and the id of the session that it begins, if it begins one.
#[derive(Clone)]
pub(crate) struct RequestScope {
    pub(crate) caller: McpCaller,
    pub(crate) session: Option<SessionId>,
    /// The permit of the session that it begins or restores.
    pub(crate) permit: SessionPermit,
}

/// The permit of a session, until the session takes it. Without a session it is given back after the request.
#[derive(Clone, Default)]
pub(crate) struct SessionPermit(Arc<Mutex<Option<CallerPermit>>>);

impl SessionPermit {
    pub(crate) fn of(permit: CallerPermit) -> Self {
        Self(Arc::new(Mutex::new(Some(permit))))
    }

    fn take(&self) -> Option<CallerPermit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl RequestScope {
    /// The caller of the request that is answered by this task; none outside of HTTP.
    pub(crate) fn caller() -> Option<McpCaller> {
        REQUEST.try_with(|request| request.caller.clone()).ok()
    }
}

/// The contents of the id of a session.
#[derive(Serialize, Deserialize)]
struct SessionClaims {
    /// Distinguishes sessions.
    id: String,
    version: ProtocolVersion,
    shows_forms: bool,
    client: String,
}

/// The id of a session that begins with these parameters.
pub(crate) fn sealed_id(
    shared: &McpShared,
    caller: &McpCaller,
    params: &InitializeRequestParams,
) -> Option<SessionId> {
    let claims = SessionClaims {
        id: Uuid::now_v7().to_string(),
        version: params.protocol_version.clone(),
        shows_forms: shows_forms(&params.capabilities),
        client: params.client_info.name.chars().take(CLIENT_NAME_CHARS_MAX).collect(),
    };
    let ttl = Duration::from_millis(shared.options.session_ms_max);
    shared.sealer.seal(SealPurpose::Session, &[&caller.name], &claims, ttl).map(SessionId::from)
}

/// What a client began a session with, by its id; none when it is not one of this caller.
pub(crate) fn params_of(shared: &McpShared, caller: &McpCaller, id: &str) -> Option<InitializeRequestParams> {
    if shared.closed.has(id) {
        return None;
    }
    let claims: SessionClaims = shared.sealer.open(SealPurpose::Session, &[&caller.name], id).ok()?;
    let mut capabilities = ClientCapabilities::default();
    if claims.shows_forms {
        let form = FormElicitationCapability::new();
        capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
    }
    let client = Implementation::new(claims.client, "");
    Some(InitializeRequestParams::new(capabilities, client).with_protocol_version(claims.version))
}

/// The sessions that clients closed, so that this replica does not restore them.
#[derive(Default)]
pub(crate) struct ClosedSessions(Mutex<(HashSet<Digest>, VecDeque<Digest>)>);

impl ClosedSessions {
    pub(crate) fn add(&self, id: &str) {
        let digest = Digest::of_bytes(id.as_bytes());
        let mut closed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *closed;
        if known.insert(digest) {
            order.push_back(digest);
        }
        while order.len() > CLOSED_MAX {
            if let Some(oldest) = order.pop_front() {
                known.remove(&oldest);
            }
        }
    }

    fn has(&self, id: &str) -> bool {
        let digest = Digest::of_bytes(id.as_bytes());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(&digest)
    }
}

/// Reads from the id of a session what the client began it with.
pub(crate) struct SealedSessionStore(pub(crate) Arc<McpShared>);

#[async_trait]
impl SessionStore for SealedSessionStore {
    async fn load(&self, session_id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let Some(caller) = RequestScope::caller() else { return Ok(None) };
        Ok(params_of(&self.0, &caller, session_id).map(SessionState::new))
    }

    async fn store(&self, _: &str, _: &SessionState) -> Result<(), SessionStoreError> {
        Ok(())
    }

    async fn delete(&self, _: &str) -> Result<(), SessionStoreError> {
        Ok(())
    }
}

type LocalError = <LocalSessionManager as SessionManager>::Error;

/// The sessions of this process, by their sealed ids.
pub(crate) struct SealedSessions {
    local: LocalSessionManager,
    /// What each session occupies of the bounds of its caller.
    permits: Mutex<HashMap<SessionId, CallerPermit>>,
}

impl SealedSessions {
    pub(crate) fn new(shared: &McpShared) -> Self {
        let mut sessions = LocalSessionManager::default();
        sessions.session_config.keep_alive = Some(Duration::from_millis(shared.options.session_idle_ms_max));
        Self { local: sessions, permits: Mutex::default() }
    }

    /// Keeps the permit of the request that is answered for as long as the session is here.
    fn keep_permit(&self, id: &SessionId) {
        if let Some(permit) = REQUEST.try_with(|request| request.permit.take()).ok().flatten() {
            self.permits.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), permit);
        }
    }

    /// Whether a session is here.
    pub(crate) async fn has(&self, id: &str) -> bool {
        self.local.sessions.read().await.contains_key(id)
    }

    /// How many there are, without waiting; none while they are being changed.
    pub(crate) fn count_now(&self) -> Option<usize> {
        self.local.sessions.try_read().ok().map(|sessions| sessions.len())
    }
}

impl SessionManager for SealedSessions {
    type Error = LocalError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), LocalError> {
        let id = REQUEST.try_with(|request| request.session.clone()).ok().flatten();
        let restored = match &id {
            Some(id) => self.local.restore_session(id.clone()).await?,
            None => RestoreOutcome::NotSupported,
        };
        let (id, transport) = match (id, restored) {
            (Some(id), RestoreOutcome::Restored(transport)) => (id, transport),
            // The id has 74 random bits; a plain one is as good but for other replicas.
            _ => self.local.create_session().await?,
        };
        self.keep_permit(&id);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, LocalError> {
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, LocalError> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), LocalError> {
        // The transport closes each session that ended by itself too.
        let closed = self.local.close_session(id).await;
        self.permits.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        closed
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, LocalError> {
        self.local.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), LocalError> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, LocalError> {
        self.local.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, LocalError> {
        self.local.resume(id, last_event_id).await
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, LocalError> {
        let restored = self.local.restore_session(id.clone()).await?;
        if matches!(restored, RestoreOutcome::Restored(_)) {
            self.keep_permit(&id);
        }
        Ok(restored)
    }
}
