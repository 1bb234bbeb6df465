//! The server side of the patterns beside their routes.

use async_trait::async_trait;
use midflight_core::KindName;
use midflight_engine::Kind;
use midflight_learning::Classifier;
use midflight_patterns::Patterns;

use crate::kind::KindApi;

/// The server side of the patterns.
pub(crate) struct PatternsApi {
    classifier: Classifier,
}

impl PatternsApi {
    pub(crate) fn new(classifier: Classifier) -> Self {
        Self { classifier }
    }
}

#[async_trait]
impl KindApi for PatternsApi {
    fn kind(&self) -> KindName {
        Patterns.name()
    }

    /// Writes what was learned and counted into the log and beside it, as long as they take it.
    async fn stop(&self) {
        self.classifier.stop().await;
    }
}
