//! What the handlers of configs share.

use std::sync::Arc;

use axum::extract::FromRef;
use midflight_app::Reloader;
use midflight_config::Configs;
use midflight_live::Live;

use super::webhooks::Heard;
use crate::own::{Settings, own_id};
use midflight_http::app::App;

/// What the server side of configs is made of.
#[derive(Clone)]
pub(super) struct ConfigParts {
    pub(super) configs: Live<Configs>,
    /// Takes every trigger of the server's own config.
    pub(super) reloader: Arc<Reloader>,
    /// The requests of webhooks that were taken.
    pub(super) webhooks: Arc<Heard>,
}

impl ConfigParts {
    /// The server's own config, as it is served.
    pub(super) fn settings(&self) -> Arc<Settings> {
        // It was there at the start, and a revision without it does not go live.
        self.configs.load().typed(&own_id().name).unwrap_or_default()
    }
}

/// What the handlers of configs share: what every handler does, and the configs.
#[derive(Clone)]
pub(crate) struct ConfigApp {
    app: App,
    pub(super) parts: ConfigParts,
}

impl ConfigApp {
    pub(super) fn new(app: App, parts: ConfigParts) -> Self {
        Self { app, parts }
    }
}

impl std::ops::Deref for ConfigApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRef<ConfigApp> for App {
    fn from_ref(app: &ConfigApp) -> Self {
        app.app.clone()
    }
}
