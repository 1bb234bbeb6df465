//! The server side of the patterns.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use midflight_components::Llm;
use midflight_core::{KindName, Problems};
use midflight_engine::{EngineStatus, Kind};
use midflight_learning::{Classifier, LearningOptions};
use midflight_patterns::Patterns;
use utoipa_axum::routes;

use super::app::{PatternsApp, PatternsParts};
use super::metrics::PatternsMetrics;
use super::table::TableFollower;
use super::{classify, documents, feedback, list, performance, reload, usage};
use crate::kinds::around::Around;
use crate::own::llm_place;
use midflight_http::agent_function::AgentFunction;
use midflight_http::app::App;
use midflight_http::code::Code;
use midflight_http::kind::{KindApi, KindHealth};
use midflight_http::principal::Permission::{Edit, Execute, Operate, Read};
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;

/// Another pattern has the same text.
const DUPLICATE_PATTERN: Code = Code::new(
    "duplicate_pattern",
    StatusCode::CONFLICT,
    "Duplicate pattern",
    include_str!("../../../../../docs/errors/duplicate_pattern.md"),
);

/// Adds the patterns to a server, with the classifier and the client of the LLM that it may ask.
pub(crate) fn setup(around: &Arc<Around>) -> KindSetup {
    let around = Arc::clone(around);
    KindSetup::new(move |builder| {
        let slot = builder.kind(Patterns);
        let own = Arc::clone(&around);
        let (part, llm) = Llm::new(llm_place(move |world| own.settings(world)?.llm.clone()));
        // A server is there without its LLM; one that is wrong from now on is refused.
        builder.component(part.may_come_later());
        let around = Arc::clone(&around);
        Box::new(move |started| {
            let patterns = started.engine.live(slot);
            let learning = LearningOptions::new(around.replica_id.clone());
            let classifier =
                Classifier::start(started.engine.clone(), patterns.clone(), llm.clone(), learning);
            let metrics = PatternsMetrics::new(started.metrics);
            let llm = around.llm.get_or_init(|| llm).clone();
            let limits = around.patterns;
            let follow = |options| {
                let refresh = started.engine.status().refresh;
                let period = refresh.enabled.then_some(refresh.period);
                TableFollower::start(options, started.engine, classifier.clone(), around.redis.get(), period)
            };
            let follower = around.follow_table.clone().map(follow);
            let table = follower.as_ref().map(TableFollower::handle);
            Some(Arc::new(PatternsApi {
                parts: PatternsParts { patterns, classifier, llm, metrics, limits, table },
                follower,
            }))
        })
    })
}

/// The server side of the patterns.
pub(super) struct PatternsApi {
    parts: PatternsParts,
    follower: Option<TableFollower>,
}

#[async_trait]
impl KindApi for PatternsApi {
    fn kind(&self) -> KindName {
        Patterns.name()
    }

    fn routes(&self, app: &App) -> Routes<App> {
        routes().with_state(PatternsApp::new(app.clone(), self.parts.clone()))
    }

    fn functions(&self, app: &App) -> Vec<AgentFunction> {
        vec![classify::function(PatternsApp::new(app.clone(), self.parts.clone()))]
    }

    fn refusal(&self, problems: &Problems) -> Option<Code> {
        let is_duplicate =
            problems.iter().all(|problem| problem.code == midflight_patterns::DUPLICATE_PATTERN);
        is_duplicate.then_some(DUPLICATE_PATTERN)
    }

    fn codes(&self) -> &'static [Code] {
        &[DUPLICATE_PATTERN]
    }

    fn metrics(&self) {
        self.parts.metrics.refresh(&self.parts.classifier, &self.parts.llm);
    }

    fn health(&self, _: &EngineStatus) -> KindHealth {
        let degraded = self.parts.table.iter().filter_map(|table| table.status().degraded()).collect();
        KindHealth { degraded, ..KindHealth::default() }
    }

    /// Writes what was learned and counted into the log and beside it, as long as they take it.
    async fn stop(&self) {
        if let Some(follower) = &self.follower {
            follower.stop().await;
        }
        self.parts.classifier.stop().await;
    }
}

/// The routes of the patterns.
fn routes() -> Routes<PatternsApp> {
    Routes::new()
        .at(Execute, routes!(classify::classify))
        .at(Execute, routes!(classify::normalize))
        .at(Edit, routes!(feedback::feedback))
        .at(Edit, routes!(usage::take_usage))
        .at(Operate, routes!(reload::reload))
        .at(Operate, routes!(reload::reload_as_before))
        .at(Read, routes!(reload::metrics))
        .at(Read, routes!(reload::metrics_as_before))
        .at(Read, routes!(performance::performance))
        .at(Read, routes!(list::list_patterns))
        .at(Edit, routes!(documents::create_pattern))
        .merge(documents::PATTERN.routes())
        .at(Edit, routes!(documents::approve))
        .at(Edit, routes!(documents::disable))
}
