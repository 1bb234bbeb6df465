//! The events of reloads: what they say, and the WebSocket that clients get them by.

pub(crate) mod broadcaster;
pub mod event;
pub mod run;
mod socket;

use utoipa_axum::routes;

use crate::app::App;
use crate::principal::Permission::Read;
use crate::routes::Routes;

/// The routes of events.
pub(crate) fn routes() -> Routes<App> {
    Routes::new().at(Read, routes!(socket::socket))
}
