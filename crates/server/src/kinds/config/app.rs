//! What the handlers of configs share.

use std::sync::Arc;

use axum::extract::FromRef;
use midflight_app::ConfigReloader;
use midflight_config::Configs;
use midflight_http::app::AppState;
use midflight_live::Live;

use super::webhooks::SeenDeliveries;
use crate::own::{Settings, own_id};

/// What the server side of configs is made of.
#[derive(Clone)]
pub(super) struct ConfigParts {
    pub(super) configs: Live<Configs>,
    /// Takes every trigger of the server's own config.
    pub(super) reloader: Arc<ConfigReloader>,
    /// The requests of webhooks that were taken.
    pub(super) webhooks: Arc<SeenDeliveries>,
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
    app: AppState,
    pub(super) parts: ConfigParts,
}

impl ConfigApp {
    pub(super) fn new(app: AppState, parts: ConfigParts) -> Self {
        Self { app, parts }
    }
}

impl std::ops::Deref for ConfigApp {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRef<ConfigApp> for AppState {
    fn from_ref(app: &ConfigApp) -> Self {
        app.app.clone()
    }
}
