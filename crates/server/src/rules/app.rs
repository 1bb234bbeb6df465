//! What the handlers of the rules share.

use axum::extract::FromRef;
use midflight_core::KindName;
use midflight_engine::Kind;
use midflight_live::Live;
use midflight_rules::{Rules, RulesSnapshot};

use super::metrics::RulesMetrics;
use crate::app::App;

/// What the handlers of the rules share: what every handler does, and the rules.
#[derive(Clone)]
pub(crate) struct RulesApp {
    app: App,
    pub(super) kind: KindName,
    pub(super) rules: Live<RulesSnapshot>,
    pub(super) rules_metrics: RulesMetrics,
}

impl RulesApp {
    pub(super) fn new(app: App, rules: Live<RulesSnapshot>, rules_metrics: RulesMetrics) -> Self {
        Self { app, kind: Rules.name(), rules, rules_metrics }
    }
}

impl std::ops::Deref for RulesApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl FromRef<RulesApp> for App {
    fn from_ref(app: &RulesApp) -> Self {
        app.app.clone()
    }
}
