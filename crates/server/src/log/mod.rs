//! The log over HTTP: documents, revisions, reloads, replicas, and the stream of what changes.

mod adopt;
pub(crate) mod apply;
pub(crate) mod collect;
mod compare;
pub(crate) mod documents;
mod lenient;
pub(crate) mod reloads;
mod revisions;
mod schedules;
mod schemas;
mod status;
mod transfer;
mod watch;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The documents' own paths, whose names may have slashes, so the router gets them as one wildcard.
#[derive(OpenApi)]
#[openapi(paths(
    documents::get_document,
    documents::list_versions,
    documents::put_document,
    documents::delete_document
))]
struct DocumentPaths;

/// The routes of the log.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(DocumentPaths::openapi())
        .route(
            "/api/v1/documents/{kind}/{*name}",
            axum::routing::get(documents::read_document)
                .put(documents::put_document)
                .delete(documents::delete_document),
        )
        .routes(routes!(documents::list_documents))
        .routes(routes!(status::get_status))
        .routes(routes!(status::list_replicas))
        .routes(routes!(revisions::list_revisions))
        .routes(routes!(revisions::get_revision))
        .routes(routes!(revisions::diff_revisions))
        .routes(routes!(revisions::restore))
        .routes(routes!(apply::apply))
        .routes(routes!(apply::compact))
        .routes(routes!(adopt::adopt_log))
        .routes(routes!(transfer::export))
        .routes(routes!(transfer::import))
        .routes(routes!(watch::watch))
        .routes(routes!(reloads::list_reloads))
        .routes(routes!(reloads::statistics))
        .routes(routes!(schedules::list_schedules))
        .routes(routes!(schedules::get_schedule, schedules::cancel_schedule))
        .routes(routes!(schemas::list_schemas))
        .routes(routes!(schemas::get_schema))
}
