//! The kinds that have a server side here: the one list.

use std::sync::Arc;

use midflight_app::Reloader;
use midflight_learning::Classifier;
use midflight_live::Live;
use midflight_rules::RulesSnapshot;
use utoipa::openapi::OpenApi;

use crate::config::ConfigApi;
use crate::kind::{KindApi, Kinds};
use crate::patterns::PatternsApi;
use crate::rules::RulesApi;

/// Their server sides, made of what runs.
pub(crate) fn kinds(rules: Live<RulesSnapshot>, classifier: Classifier, reloader: Arc<Reloader>) -> Kinds {
    Kinds::new(vec![
        Arc::new(RulesApi::new(rules)),
        Arc::new(PatternsApi::new(classifier)),
        Arc::new(ConfigApi::new(reloader)),
    ])
}

/// Adds to the OpenAPI document what they add to the answers that every kind has.
pub(crate) fn document(document: &mut OpenApi) {
    RulesApi::document(document);
    PatternsApi::document(document);
    ConfigApi::document(document);
}
