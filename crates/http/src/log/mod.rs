//! The log over HTTP: documents, revisions, reloads, replicas, and the stream of what changes.

mod adopt;
pub mod apply;
mod back;
pub mod collect;
mod compare;
pub mod documents;
mod from_copy;
mod known_kind;
mod lenient;
pub mod reloads;
mod revisions;
mod schedules;
mod schemas;
mod status;
mod transfer;
mod watch;

use axum::routing::{get, put};
use utoipa::OpenApi;
use utoipa_axum::routes;

use crate::app::App;
use crate::principal::Permission::{Admin, Edit, Operate, Read};
use crate::routes::Routes;

/// The documents' own paths, whose names may have slashes, so the router gets them as one wildcard.
const DOCUMENT: &str = "/api/v1/documents/{kind}/{*name}";

#[derive(OpenApi)]
#[openapi(paths(documents::get_document, documents::list_versions))]
struct ReadDocument;

#[derive(OpenApi)]
#[openapi(paths(documents::put_document, documents::delete_document))]
struct EditDocument;

/// The routes of the log.
pub(crate) fn routes() -> Routes<App> {
    let edit = put(documents::put_document).delete(documents::delete_document);
    Routes::new()
        .wildcard(Read, DOCUMENT, get(documents::read_document), ReadDocument::openapi())
        .wildcard(Edit, DOCUMENT, edit, EditDocument::openapi())
        .at(Read, routes!(documents::list_documents))
        .at(Read, routes!(status::get_status))
        .at(Read, routes!(status::list_replicas))
        .at(Read, routes!(revisions::list_revisions))
        .at(Read, routes!(revisions::get_revision))
        .at(Read, routes!(revisions::diff_revisions))
        .at(Operate, routes!(revisions::restore))
        .at(Edit, routes!(apply::apply))
        .at(Admin, routes!(apply::compact))
        .at(Operate, routes!(adopt::adopt_log))
        .at(Read, routes!(transfer::export))
        .at(Edit, routes!(transfer::import))
        .at(Read, routes!(watch::watch))
        .at(Read, routes!(reloads::list_reloads))
        .at(Read, routes!(reloads::statistics))
        .at(Read, routes!(schedules::list_schedules))
        .at(Read, routes!(schedules::get_schedule))
        .at(Edit, routes!(schedules::cancel_schedule))
        .at(Read, routes!(schemas::list_schemas))
        .at(Read, routes!(schemas::get_schema))
}
