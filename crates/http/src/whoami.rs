//! Who a request comes from, as the server sees it: what `midflight login` asks.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::principal::{Permission::Read, Principal, Role};
use crate::problem::{ApiError, ProblemBody};
use crate::reach::Reach;
use crate::routes::Routes;
use crate::wire::stamp;

/// The route.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Read, Reach::Nothing, routes!(whoami))
}

/// Who sent a request, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
struct Whoami {
    /// The name, the author of what they change.
    name: String,
    /// The role.
    role: String,
    /// What the role includes: `read`, `execute`, `edit`, `operate`, `admin`.
    permissions: Vec<&'static str>,
    /// The id of the token or of the subject; null without a token.
    id: Option<String>,
    /// The documents that they may see and change; null for all.
    scopes: Option<Vec<String>>,
    /// From when on the token is refused; null for one that does not expire.
    expires_at: Option<String>,
}

/// Who sends this request, and what they may do.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "access",
    responses((status = 200, body = Whoami), (status = "default", body = ProblemBody)))]
async fn whoami(principal: Principal) -> Result<Json<Whoami>, ApiError> {
    Ok(Json(Whoami {
        name: principal.name().to_owned(),
        role: principal.role().as_str().to_owned(),
        permissions: principal.role().known().map(Role::permissions).unwrap_or_default(),
        id: principal.token_id().map(|id| id.to_string()),
        scopes: principal.scopes().map(|scopes| scopes.patterns().to_vec()),
        expires_at: principal.expires_at().map(stamp),
    }))
}
