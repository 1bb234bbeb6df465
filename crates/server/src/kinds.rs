//! The kinds that have a server side here: the one list.

use std::sync::Arc;

use midflight_app::Reloader;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_patterns::PatternsSnapshot;
use midflight_rules::RulesSnapshot;

use crate::config::ConfigApi;
use crate::kind::Kinds;
use crate::patterns::PatternsApi;
use crate::rules::RulesApi;

/// Their server sides, made of what runs.
pub(crate) fn kinds(
    rules: Live<RulesSnapshot>,
    patterns: Live<PatternsSnapshot>,
    classifier: Classifier,
    reloader: Arc<Reloader>,
) -> Kinds {
    Kinds::new(vec![
        Arc::new(RulesApi::new(rules)),
        Arc::new(PatternsApi::new(patterns, classifier)),
        Arc::new(ConfigApi::new(reloader)),
    ])
}
