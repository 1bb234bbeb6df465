//! Who a request comes from, as the server sees it: what `midflight login` asks.

use midflight_wire::problem::ProblemBody;
use midflight_wire::tokens::Whoami;
use std::borrow::Cow;

use axum::Json;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::principal::{Permission::Read, Principal, Role};
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;
use crate::wire::stamp;

/// The route.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Read, Reach::Nothing, routes!(whoami))
}

/// Who sends this request, and what they may do.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "access",
    responses((status = 200, body = Whoami), (status = "default", body = ProblemBody)))]
async fn whoami(principal: Principal) -> Result<Json<Whoami>, ApiError> {
    let permissions = principal.role().known().map(Role::permissions).unwrap_or_default();
    Ok(Json(Whoami {
        name: principal.name().to_owned(),
        role: principal.role().as_str().to_owned(),
        permissions: permissions.into_iter().map(Cow::Borrowed).collect(),
        id: principal.token_id().map(|id| id.to_string()),
        scopes: principal.scopes().map(|scopes| scopes.patterns().to_vec()),
        expires_at: principal.expires_at().map(stamp),
    }))
}
