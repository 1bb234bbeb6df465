//! From a request and its answer to an entry of the audit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use midflight_store::AuditEntry;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

use crate::accept::Peer;
use crate::app::AppState;
use crate::principal::{Permission, Principal};
use crate::request_id;

/// How much of a path an entry has, in bytes.
const TARGET_BYTES_MAX: usize = 512;
/// The status of a request whose sender closed the connection before it was answered, as proxies write it.
const CLOSED: u16 = 499;
/// The route that a login asks.
const LOGIN: &str = "/api/v1/whoami";
/// The route of the sessions of browsers.
const SESSION: &str = "/api/v1/session";

/// The code of the error that an answer is, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// The revision that a write made, in the extensions of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MadeRevision(pub(crate) u64);

/// Who signed a request, in the extensions of its answer: the handler verified it.
#[derive(Debug, Clone)]
pub struct SignedBy(pub Arc<str>);

/// In the extensions of an answer to a sender who proved nothing, past the rate of such requests: the entries of those
/// before say enough, and more of them would take the place of others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotAudited;

/// Who logged in, in the extensions of the answer: the request itself was anonymous.
#[derive(Debug, Clone)]
pub(crate) struct LoggedIn(pub(crate) Principal);

/// The permission of each route that is audited, by its path and method.
#[derive(Debug, Default)]
pub(crate) struct RoutePermissions(HashMap<String, Vec<Method>>);

impl RoutePermissions {
    /// Those of the routes of a document: whatever changes something, and whatever only admins may.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut audited = HashMap::<String, Vec<Method>>::new();
        for (path, item) in &document.paths.paths {
            let methods = methods(item).filter(|(_, permission)| is_audited(permission));
            let methods: Vec<_> = methods.map(|(method, _)| method).collect();
            if !methods.is_empty() {
                audited.insert(path.clone(), methods);
            }
        }
        Self(audited)
    }

    fn has(&self, path: &str, method: &Method) -> bool {
        self.0.get(path).is_some_and(|methods| methods.contains(method))
    }
}

/// The methods of a path, each with the permission that its operation says.
fn methods(item: &PathItem) -> impl Iterator<Item = (Method, String)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| {
        let access = serde_json::to_value(operation.as_ref()?.extensions.as_ref()?).ok()?;
        Some((method, access.pointer("/x-access/permission")?.as_str()?.to_owned()))
    })
}

fn is_audited(permission: &str) -> bool {
    use Permission::{Admin, Edit, Operate, Signed};
    [Edit, Operate, Admin, Signed].iter().any(|audited| audited.as_str() == permission)
}

/// What of a request an entry has. Cheap to make: every request has one, and few come to an entry.
pub(crate) struct Asked {
    method: Method,
    route: Option<MatchedPath>,
    target: axum::http::Uri,
    from: Option<IpAddr>,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            target: request.uri().clone(),
            from: request.extensions().get::<Peer>().map(|peer| peer.address.ip()),
        }
    }

    /// The same for a request that is being answered.
    pub(crate) fn pending(self, app: &AppState, principal: &Principal) -> Pending {
        Pending(Some((self, app.clone(), principal.clone())))
    }

    /// Keeps what came of it, if that is for the audit.
    pub(crate) fn answered(&self, app: &AppState, principal: &Principal, response: &Response) {
        if response.extensions().get::<NotAudited>().is_some() {
            return;
        }
        let path = self.path();
        let is_refusal = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if is_refusal || self.is_audited(app, &path) {
            app.audit.add(self.entry(app, principal, &path, Some(response)));
        }
    }

    /// The path of the route, as the document has it. One of the router with a wildcard is another text.
    fn path(&self) -> Cow<'_, str> {
        let path = self.route.as_ref().map_or("", MatchedPath::as_str);
        match path.contains("{*") {
            true => path.replace("{*", "{").into(),
            false => path.into(),
        }
    }

    fn is_audited(&self, app: &AppState, path: &str) -> bool {
        path == LOGIN || path == SESSION || app.audited.get().is_some_and(|it| it.has(path, &self.method))
    }

    /// The entry of an answer, or of a request whose sender left before it.
    fn entry(
        &self,
        app: &AppState,
        principal: &Principal,
        path: &str,
        answer: Option<&Response>,
    ) -> AuditEntry {
        let status = answer.map_or(CLOSED, |answer| answer.status().as_u16());
        let extensions = answer.map(Response::extensions);
        let logged_in = extensions.and_then(Extensions::get::<LoggedIn>);
        let principal = logged_in.map_or(principal, |logged_in| &logged_in.0);
        let signer = extensions.and_then(Extensions::get::<SignedBy>).map(|signer| signer.0.to_string());
        let outcome = match status {
            CLOSED => "unknown",
            401 | 403 => "refused",
            ..=399 => "success",
            _ => "failed",
        };
        let route = if path.is_empty() { "(unknown path)" } else { path };
        let mut target = self.target.path().to_owned();
        target.truncate(target.floor_char_boundary(TARGET_BYTES_MAX));
        AuditEntry {
            // As precise as the store keeps it.
            at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default(),
            replica: app.replica_id.clone(),
            role: if signer.is_some() { "signer".to_owned() } else { principal.role().as_str().to_owned() },
            actor: signer.unwrap_or_else(|| principal.name().to_owned()),
            principal: principal.token_id().map(|id| id.to_string()),
            action: format!("{} {route}", self.method),
            target,
            outcome: outcome.to_owned(),
            status,
            code: extensions.and_then(Extensions::get::<ErrorCode>).map(|code| code.0.to_owned()),
            from: self.from.map(|from| from.to_canonical().to_string()),
            request_id: Some(request_id::current()),
            revision: extensions.and_then(Extensions::get::<MadeRevision>).map(|made| made.0),
            count: 1,
        }
    }
}

/// A request that is being answered. Dropped before it was, it comes to an entry too: what was asked for may have been
/// done.
pub(crate) struct Pending(Option<(Asked, AppState, Principal)>);

impl Pending {
    /// Keeps what came of it.
    pub(crate) fn answered(mut self, response: &Response) {
        if let Some((asked, app, principal)) = self.0.take() {
            asked.answered(&app, &principal, response);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some((asked, app, principal)) = self.0.take() {
            let path = asked.path();
            if asked.is_audited(&app, &path) {
                app.audit.add(asked.entry(&app, &principal, &path, None));
            }
        }
    }
}
