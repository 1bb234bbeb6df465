//! The server side of the patterns.

use async_trait::async_trait;
use midflight_components::Llm;
use midflight_core::KindName;
use midflight_engine::Kind;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_patterns::{Patterns, PatternsSnapshot};
use utoipa_axum::routes;

use super::app::{PatternsApp, PatternsParts};
use super::metrics::PatternsMetrics;
use super::{classify, documents, feedback, list, performance, reload};
use crate::app::App;
use crate::kind::KindApi;
use crate::metrics::registry::MetricsRegistry;
use crate::principal::Permission::{Edit, Execute, Operate, Read};
use crate::routes::Routes;

/// The server side of the patterns.
pub(crate) struct PatternsApi {
    parts: PatternsParts,
}

impl PatternsApi {
    pub(crate) fn new(
        patterns: Live<PatternsSnapshot>,
        classifier: Classifier,
        llm: Llm,
        registry: &MetricsRegistry,
    ) -> Self {
        let metrics = PatternsMetrics::new(registry);
        Self { parts: PatternsParts { patterns, classifier, llm, metrics } }
    }
}

#[async_trait]
impl KindApi for PatternsApi {
    fn kind(&self) -> KindName {
        Patterns.name()
    }

    fn routes(&self, app: &App) -> Routes<App> {
        routes().with_state(PatternsApp::new(app.clone(), self.parts.clone()))
    }

    fn metrics(&self) {
        self.parts.metrics.refresh(&self.parts.classifier, &self.parts.llm);
    }

    /// Writes what was learned and counted into the log and beside it, as long as they take it.
    async fn stop(&self) {
        self.parts.classifier.stop().await;
    }
}

/// The routes of the patterns.
fn routes() -> Routes<PatternsApp> {
    Routes::new()
        .at(Execute, routes!(classify::classify))
        .at(Execute, routes!(classify::normalize))
        .at(Edit, routes!(feedback::feedback))
        .at(Operate, routes!(reload::reload))
        .at(Operate, routes!(reload::reload_as_before))
        .at(Read, routes!(reload::metrics))
        .at(Read, routes!(performance::performance))
        .at(Read, routes!(list::list_patterns))
        .at(Edit, routes!(documents::create_pattern))
        .at(Read, routes!(documents::get_pattern))
        .at(Edit, routes!(documents::put_pattern, documents::delete_pattern))
        .at(Edit, routes!(documents::approve))
        .at(Edit, routes!(documents::disable))
}
