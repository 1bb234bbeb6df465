//! The server side of the patterns.

use async_trait::async_trait;
use midflight_core::KindName;
use midflight_engine::Kind;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_patterns::{Patterns, PatternsSnapshot};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::PatternsApp;
use super::{classify, documents, feedback, list, performance, reload};
use crate::app::App;
use crate::kind::KindApi;

/// The server side of the patterns.
pub(crate) struct PatternsApi {
    patterns: Live<PatternsSnapshot>,
    classifier: Classifier,
}

impl PatternsApi {
    pub(crate) fn new(patterns: Live<PatternsSnapshot>, classifier: Classifier) -> Self {
        Self { patterns, classifier }
    }
}

#[async_trait]
impl KindApi for PatternsApi {
    fn kind(&self) -> KindName {
        Patterns.name()
    }

    fn routes(&self, app: &App) -> OpenApiRouter<App> {
        routes().with_state(PatternsApp::new(app.clone(), self.patterns.clone()))
    }

    /// Writes what was learned and counted into the log and beside it, as long as they take it.
    async fn stop(&self) {
        self.classifier.stop().await;
    }
}

/// The routes of the patterns.
fn routes() -> OpenApiRouter<PatternsApp> {
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
