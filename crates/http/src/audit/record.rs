//! From a request and its answer to an entry of the audit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Method, StatusCode};
use axum::response::Response;
use midflight_store::AuditEntry;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

use super::beside::now;
use super::trail::EntryClass;
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

/// Who a request is of, in the extensions of its answer, where the edge did not find it: who logged in, or who is known and
/// was refused.
#[derive(Debug, Clone)]
pub(crate) struct FoundCaller(pub(crate) Principal);

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

    /// A HEAD is answered as the GET that it stands for.
    fn has(&self, path: &str, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
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
        let path = self.path();
        let is_refusal = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // A browser logs out of a session that has ended: nothing was done.
        let is_nothing = path == SESSION
            && self.method == Method::DELETE
            && principal.session().is_none()
            && response.status().is_success();
        if is_refusal || (self.is_audited(app, &path) && !is_nothing) {
            self.add(app, principal, &path, Some(response));
        }
    }

    /// Adds the entry, bounded by whether who asked is known.
    fn add(&self, app: &AppState, principal: &Principal, path: &str, answer: Option<&Response>) {
        let extensions = answer.map(Response::extensions);
        let is_signed = extensions.is_some_and(|extensions| extensions.get::<SignedBy>().is_some());
        let is_found = extensions.is_some_and(|extensions| extensions.get::<FoundCaller>().is_some());
        let class = match answer.map(|answer| answer.status().as_u16()) {
            _ if principal.is_anonymous() && !is_signed && !is_found => EntryClass::Unknown,
            Some(401 | 403 | 429) => EntryClass::Refusal,
            _ if self.changes_nothing(path) => EntryClass::Unchanging,
            _ => EntryClass::Action,
        };
        app.audit.add(self.entry(app, principal, path, answer), class);
    }

    /// The path of the route, as the document has it. One of the router with a wildcard is another text.
    fn path(&self) -> Cow<'_, str> {
        let path = self.route.as_ref().map_or("", MatchedPath::as_str);
        match path.contains("{*") {
            true => path.replace("{*", "{").into(),
            false => path.into(),
        }
    }

    /// Whether it changes nothing that others see: a read, a login, or a log-out.
    fn changes_nothing(&self, path: &str) -> bool {
        path == SESSION || matches!(self.method, Method::GET | Method::HEAD)
    }

    fn is_audited(&self, app: &AppState, path: &str) -> bool {
        match path {
            LOGIN => matches!(self.method, Method::GET | Method::HEAD),
            SESSION => matches!(self.method, Method::POST | Method::DELETE),
            _ => app.audited.get().is_some_and(|it| it.has(path, &self.method)),
        }
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
        let found = extensions.and_then(Extensions::get::<FoundCaller>);
        let principal = found.map_or(principal, |found| &found.0);
        let signer = extensions.and_then(Extensions::get::<SignedBy>).map(|signer| signer.0.to_string());
        let outcome = match status {
            CLOSED => "unknown",
            401 | 403 => "refused",
            ..=399 => "success",
            _ => "failed",
        };
        let route = if path.is_empty() { "(unknown path)" } else { path };
        let target = bounded(self.target.path());
        AuditEntry {
            at: now(),
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

/// What an entry has of a target.
pub(super) fn bounded(target: &str) -> String {
    let end = target.floor_char_boundary(TARGET_BYTES_MAX);
    target.get(..end).unwrap_or_default().to_owned()
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
                asked.add(&app, &principal, &path, None);
            }
        }
    }
}
