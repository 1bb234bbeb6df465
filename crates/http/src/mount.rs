//! The edge as a router that another program mounts beside its own routes, under any prefix, on its own listener.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::Extensions;
use hyper::upgrade::OnUpgrade;
use tower::service_fn;

use crate::accept::Peer;
use crate::edge::HttpEdge;

impl HttpEdge {
    /// The same routes with the same layers, as a router.
    pub fn into_router(self) -> Router {
        Router::new().fallback_service(service_fn(move |request| {
            let edge = self.clone();
            async move { Ok::<_, Infallible>(edge.answer(unmarked(request)).await) }
        }))
    }
}

/// The request without what another router noted in it, as the matched path and its parameters: the routes here would
/// take them for their own.
fn unmarked(request: Request) -> Request {
    let (mut parts, body) = request.into_parts();
    let mut noted = std::mem::replace(&mut parts.extensions, Extensions::new());
    if let Some(upgrade) = noted.remove::<OnUpgrade>() {
        parts.extensions.insert(upgrade);
    }
    if let Some(ConnectInfo(peer)) = noted.remove::<ConnectInfo<SocketAddr>>() {
        parts.extensions.insert(Peer { address: peer, is_encrypted: false, certificate: None });
    }
    Request::from_parts(parts, body)
}
