//! What the handlers of the patterns share.

use axum::extract::FromRef;
use midflight_components::Llm;
use midflight_http::app::AppState;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_patterns::PatternsSnapshot;

use super::limits::PatternsLimits;
use super::metrics::PatternsMetrics;
use super::table::TableHandle;

/// What the server side of the patterns is made of.
#[derive(Clone)]
pub(super) struct PatternsParts {
    pub(super) patterns: Live<PatternsSnapshot>,
    /// Classifies queries, and learns of what it is answered.
    pub(super) classifier: Classifier,
    /// The client of the LLM, if the config has one.
    pub(super) llm: Llm,
    pub(super) metrics: PatternsMetrics,
    pub(super) limits: PatternsLimits,
    /// The table that is followed, if any.
    pub(super) table: Option<TableHandle>,
}

/// What the handlers of the patterns share: what every handler does, and the patterns.
#[derive(Clone)]
pub(crate) struct PatternsApp {
    app: AppState,
    pub(super) parts: PatternsParts,
}

impl PatternsApp {
    pub(super) fn new(app: AppState, parts: PatternsParts) -> Self {
        Self { app, parts }
    }
}

impl std::ops::Deref for PatternsApp {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRef<PatternsApp> for AppState {
    fn from_ref(app: &PatternsApp) -> Self {
        app.app.clone()
    }
}
