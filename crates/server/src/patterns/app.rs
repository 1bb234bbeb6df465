//! What the handlers of the patterns share.

use axum::extract::FromRef;
use midflight_live::Live;
use midflight_patterns::PatternsSnapshot;

use crate::app::App;

/// What the handlers of the patterns share: what every handler does, and the patterns.
#[derive(Clone)]
pub(crate) struct PatternsApp {
    app: App,
    pub(super) patterns: Live<PatternsSnapshot>,
}

impl PatternsApp {
    pub(super) fn new(app: App, patterns: Live<PatternsSnapshot>) -> Self {
        Self { app, patterns }
    }
}

impl std::ops::Deref for PatternsApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRef<PatternsApp> for App {
    fn from_ref(app: &PatternsApp) -> Self {
        app.app.clone()
    }
}
