//! The events of reloads: what they say, and the WebSocket that clients get them by.

pub(crate) mod broadcaster;
pub(crate) mod event;
pub(crate) mod run;
mod socket;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of events.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(socket::socket))
}
