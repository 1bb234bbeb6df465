//! The kinds that have a server side here: the one list.

use std::sync::Arc;

use midflight_app::Reloader;
use midflight_components::Llm;
use midflight_engine::Engine;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_patterns::PatternsSnapshot;
use midflight_rules::RulesSnapshot;

use crate::config::ConfigApi;
use crate::kind::Kinds;
use crate::metrics::registry::MetricsRegistry;
use crate::patterns::PatternsApi;
use crate::rules::RulesApi;

/// Their server sides, made of what runs.
pub(crate) fn kinds(engine: &Engine, registry: &MetricsRegistry, running: Running) -> Kinds {
    let Running { rules, patterns, classifier, llm, reloader } = running;
    Kinds::new(vec![
        Arc::new(RulesApi::new(engine, rules, registry)),
        Arc::new(PatternsApi::new(patterns, classifier, llm, registry)),
        Arc::new(ConfigApi::new(reloader)),
    ])
}

/// What the kinds run.
pub(crate) struct Running {
    pub(crate) rules: Live<RulesSnapshot>,
    pub(crate) patterns: Live<PatternsSnapshot>,
    pub(crate) classifier: Classifier,
    pub(crate) llm: Llm,
    pub(crate) reloader: Arc<Reloader>,
}
