//! The log over HTTP: documents, revisions, reloads, replicas, and the stream of what changes.

mod adopt;
pub mod apply;
pub mod collect;
mod compare;
mod cursor;
pub mod documents;
mod from_copy;
mod known_kind;
mod lenient;
pub mod reloads;
mod restore_point;
mod revisions;
mod schedules;
mod schemas;
mod seen_page;
pub(crate) mod status;
mod transfer;
mod watch;

use axum::routing::{get, put};
use utoipa::OpenApi;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::principal::Permission::{Admin, Edit, Operate, Read};
use crate::reach::Reach;
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
pub(crate) fn routes() -> Routes<AppState> {
    let edit = put(documents::put_document).delete(documents::delete_document);
    Routes::new()
        .wildcard((Read, Reach::Each), DOCUMENT, get(documents::read_document), ReadDocument::openapi())
        .wildcard((Edit, Reach::Each), DOCUMENT, edit, EditDocument::openapi())
        .of(Read, Reach::Each, routes!(documents::list_documents))
        .at(Read, routes!(status::get_status))
        .at(Read, routes!(status::list_replicas))
        .of(Read, Reach::Each, routes!(revisions::list_revisions))
        .of(Read, Reach::Each, routes!(revisions::get_revision))
        .of(Read, Reach::Each, routes!(revisions::diff_revisions))
        .of(Operate, Reach::Each, routes!(revisions::restore))
        .of(Edit, Reach::Each, routes!(apply::apply))
        .at(Admin, routes!(apply::compact))
        .at(Operate, routes!(adopt::adopt_log))
        .of(Read, Reach::Each, routes!(transfer::export))
        .of(Edit, Reach::Each, routes!(transfer::import))
        .of(Read, Reach::Each, routes!(watch::watch))
        .at(Read, routes!(reloads::list_reloads))
        .at(Read, routes!(reloads::statistics))
        .of(Read, Reach::All("schedules", ""), routes!(schedules::list_schedules))
        .of(Read, Reach::All("schedules", ""), routes!(schedules::get_schedule))
        .of(Edit, Reach::Each, routes!(schedules::cancel_schedule))
        .of(Read, Reach::Nothing, routes!(schemas::list_schemas))
        .of(Read, Reach::Nothing, routes!(schemas::get_schema))
}
