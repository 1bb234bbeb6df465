//! What the handlers of configs share.

use std::sync::Arc;

use axum::extract::FromRef;
use midflight_app::Reloader;

use super::webhooks::Heard;
use crate::app::App;

/// What the handlers of configs share: what every handler does, and what looks at the server's own config.
#[derive(Clone)]
pub(crate) struct ConfigApp {
    app: App,
    /// Takes every trigger of the server's own config.
    pub(super) reloader: Arc<Reloader>,
    /// The requests of webhooks that were taken.
    pub(super) webhooks: Arc<Heard>,
}

impl ConfigApp {
    pub(super) fn new(app: App, reloader: Arc<Reloader>) -> Self {
        Self { app, reloader, webhooks: Arc::default() }
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
