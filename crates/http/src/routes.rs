//! Routes, each with the permission that it needs.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::from_extractor_with_state;
use axum::routing::MethodRouter;
use midflight_wire::problem::ProblemBody;
use serde_json::json;
use utoipa::ToSchema as _;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::app::AppState;
use crate::principal::{Access, Permission};
use crate::problem::{ApiError, PROBLEM_TYPE};
use crate::reach::Reach;
use crate::signed_request::SenderAddress;

/// Routes with their operations in the OpenAPI document. None can be added without saying what permission it needs.
pub struct Routes<S = AppState>(OpenApiRouter<S>);

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

    /// Adds the handlers of one path that need a permission, as `routes!` gives them. Two calls may add methods to one
    /// path. Callers with scopes are refused: [`Self::of`] says which documents a route is about.
    pub fn at(self, permission: Permission, routes: UtoipaMethodRouter<S>) -> Self {
        self.of(permission, Reach::Everything, routes)
    }

    /// The same of handlers that are about certain documents, for callers with scopes.
    pub fn of(
        self,
        permission: Permission,
        reach: Reach,
        (schemas, mut paths, router): UtoipaMethodRouter<S>,
    ) -> Self {
        let need = Need { permission, reach };
        need.describe(&mut paths);
        Self(self.0.routes((schemas, paths, guarded(need, router))))
    }

    /// Adds the handlers of a path that axum writes in another way than OpenAPI, as `{*name}`, with the operations that
    /// describe them.
    pub fn wildcard(
        self,
        (permission, reach): (Permission, Reach),
        path: &str,
        router: MethodRouter<S>,
        mut described: OpenApi,
    ) -> Self {
        let need = Need { permission, reach };
        need.describe(&mut described.paths);
        let mut routes = self.0.route(path, guarded(need, router));
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

/// What a route needs its caller to be allowed.
#[derive(Debug, Clone, Copy)]
struct Need {
    permission: Permission,
    reach: Reach,
}

/// Puts the check of what it needs before handlers. A method that the path does not have is still answered 405.
fn guarded<S: Clone + Send + Sync + 'static>(need: Need, router: MethodRouter<S>) -> MethodRouter<S> {
    router.route_layer(from_extractor_with_state::<Permitted, _>(need))
}

/// Refuses a request whose sender has not the permission, or not the documents, that are its state.
struct Permitted;

impl FromRequestParts<Need> for Permitted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, need: &Need) -> Result<Self, ApiError> {
        let access = Access::of(parts)?;
        access.check(need.permission)?;
        if parts.method != Method::GET {
            access.count(need.permission)?;
        }
        let from = SenderAddress::of(&parts.extensions);
        access.place().take(access.principal(), need.permission, from)?;
        if access.principal().scopes().is_some() {
            let principal = access.principal().clone();
            need.reach.check(&principal, parts).await?;
        }
        Ok(Self)
    }
}

/// The member of an operation in the OpenAPI document that says what it needs.
const ACCESS: &str = "x-access";

impl Need {
    /// Says in the OpenAPI document what operations need.
    fn describe(self, paths: &mut Paths) {
        for operation in paths.paths.values_mut().flat_map(operations) {
            if self.permission.needs_token() {
                operation.security = Some(vec![SecurityRequirement::new("token", [] as [&str; 0])]);
            }
            // One member: of several the order would be another one at each start.
            let output = json!({"permission": self.permission.as_str(), "documents": self.reach.text()});
            let output = ExtensionsBuilder::new().add(ACCESS, output).build();
            operation.extensions.get_or_insert_default().merge(output);
            problems_by_their_type(operation);
            problems_of_layers(operation);
        }
    }
}

/// Says of the answers that are problems that they are sent as such, which a handler cannot leave out or get wrong.
fn problems_by_their_type(operation: &mut Operation) {
    let problem = format!("#/components/schemas/{}", ProblemBody::name());
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (sort, content) in std::mem::take(&mut response.content) {
            let schema = match &content {
                RefOr::T(content) => content.schema.as_ref(),
                RefOr::Ref(_) => None,
            };
            let is_problem = matches!(schema, Some(RefOr::Ref(schema)) if schema.ref_location == problem);
            let sort = if is_problem { PROBLEM_TYPE.to_owned() } else { sort };
            response.content.insert(sort, content);
        }
    }
}

/// Says of every operation that it may be answered with a problem, also with the status of an answer of its own: what is
/// around a handler refuses a caller, a body that cannot be read or a request that takes too long.
fn problems_of_layers(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let default = responses.entry("default".to_owned()).or_insert_with(|| {
        let problem = Content::new(Some(Ref::from_schema_name(ProblemBody::name())));
        ResponseBuilder::new().content(PROBLEM_TYPE, problem).into()
    });
    let RefOr::T(default) = default else { return };
    let Some(problem) = default.content.get(PROBLEM_TYPE).cloned() else { return };
    let errors = responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in errors {
        if let RefOr::T(response) = response {
            response.content.entry(PROBLEM_TYPE.to_owned()).or_insert_with(|| problem.clone());
        }
    }
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}
