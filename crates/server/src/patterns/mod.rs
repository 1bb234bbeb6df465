//! The patterns over HTTP: documents, classification, feedback, how they do, and the reload of the originals.

mod api;
mod classify;
mod documents;
mod feedback;
mod list;
mod performance;
mod reload;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use api::PatternsApi;

/// The routes of the patterns.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(classify::classify))
        .routes(routes!(classify::normalize))
        .routes(routes!(feedback::feedback))
        .routes(routes!(reload::reload))
        .routes(routes!(reload::reload_as_before))
        .routes(routes!(reload::metrics))
        .routes(routes!(performance::performance))
        .routes(routes!(list::list_patterns, documents::create_pattern))
        .routes(routes!(documents::get_pattern, documents::put_pattern, documents::delete_pattern))
        .routes(routes!(documents::approve))
        .routes(routes!(documents::disable))
}
