//! What the handlers of the rules share.

use axum::extract::FromRef;
use midflight_core::KindName;
use midflight_http::app::AppState;
use midflight_live::Live;
use midflight_rules::RulesSnapshot;

use super::limits::RulesLimits;
use super::metrics::RulesMetrics;

/// What the server side of the rules is made of.
#[derive(Clone)]
pub(super) struct RulesParts {
    pub(super) kind: KindName,
    pub(super) rules: Live<RulesSnapshot>,
    pub(super) metrics: RulesMetrics,
    pub(super) limits: RulesLimits,
}

/// What the handlers of the rules share: what every handler does, and the rules.
#[derive(Clone)]
pub(crate) struct RulesApp {
    app: AppState,
    pub(super) parts: RulesParts,
}

impl RulesApp {
    pub(super) fn new(app: AppState, parts: RulesParts) -> Self {
        Self { app, parts }
    }
}

impl std::ops::Deref for RulesApp {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRef<RulesApp> for AppState {
    fn from_ref(app: &RulesApp) -> Self {
        app.app.clone()
    }
}
