//! Routes, each with the permission that it needs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::middleware::from_extractor_with_state;
use axum::routing::MethodRouter;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::app::App;
use crate::principal::{Access, Permission};
use crate::problem::ApiError;

/// Routes with their operations in the OpenAPI document. None can be added without saying what permission it needs.
pub struct Routes<S = App>(OpenApiRouter<S>);

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None.
    pub fn new() -> Self {
        Self(OpenApiRouter::new())
    }

    /// Adds the handlers of one path that need a permission, as `routes!` gives them. Two calls may add methods to one path.
    pub fn at(self, permission: Permission, (schemas, mut paths, router): UtoipaMethodRouter<S>) -> Self {
        need(permission, &mut paths);
        Self(self.0.routes((schemas, paths, guarded(permission, router))))
    }

    /// Adds the handlers of a path that axum writes in another way than OpenAPI, as `{*name}`, with the operations that describe
    /// them.
    pub fn wildcard(
        self,
        permission: Permission,
        path: &str,
        router: MethodRouter<S>,
        mut described: OpenApi,
    ) -> Self {
        need(permission, &mut described.paths);
        let mut routes = self.0.route(path, guarded(permission, router));
        routes.get_openapi_mut().merge(described);
        Self(routes)
    }

    /// Adds other routes.
    pub fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    /// Gives the handlers what they share.
    pub fn with_state<T: Clone + Send + Sync + 'static>(self, state: S) -> Routes<T> {
        Routes(self.0.with_state(state))
    }

    /// The router, and the OpenAPI document of its routes.
    pub fn into_router(self) -> OpenApiRouter<S> {
        self.0
    }
}

/// Puts the check of a permission before handlers. A method that the path does not have is still answered 405.
fn guarded<S: Clone + Send + Sync + 'static>(
    permission: Permission,
    router: MethodRouter<S>,
) -> MethodRouter<S> {
    router.route_layer(from_extractor_with_state::<Permitted, _>(permission))
}

/// Refuses a request whose sender has not the permission that is its state.
struct Permitted;

impl FromRequestParts<Permission> for Permitted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, permission: &Permission) -> Result<Self, ApiError> {
        Access::of(parts)?.check(*permission).map(|()| Self)
    }
}

/// Says in the OpenAPI document that operations need a token.
fn need(permission: Permission, paths: &mut Paths) {
    if permission.needs_token() {
        for operation in paths.paths.values_mut().flat_map(operations) {
            operation.security = Some(vec![SecurityRequirement::new("token", [] as [&str; 0])]);
        }
    }
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}
