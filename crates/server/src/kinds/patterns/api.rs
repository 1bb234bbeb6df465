//! The server side of the patterns.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use midflight_components::Llm;
use midflight_core::{KindName, Problems};
use midflight_engine::{EngineStatus, Kind};
use midflight_http::agent_function::AgentFunction;
use midflight_http::app::AppState;
use midflight_http::code::Code;
use midflight_http::kind::{KindApi, KindHealth};
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::principal::Permission::{Edit, Execute, Operate, Read};
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;
use midflight_learning::{Classifier, LearningOptions};
use midflight_patterns::Patterns;
use utoipa_axum::routes;

use super::app::{PatternsApp, PatternsParts};
use super::metrics::PatternsMetrics;
use super::table::TableFollower;
use super::{classify, documents, feedback, list, performance, reload, usage};
use crate::kinds::context::KindContext;
use crate::own::llm_place;

/// Another pattern has the same text.
const DUPLICATE_PATTERN: Code = Code::new(
    "duplicate_pattern",
    StatusCode::CONFLICT,
    "Duplicate pattern",
    include_str!("../../../../../docs/errors/duplicate_pattern.md"),
);

/// Adds the patterns to a server, with the classifier and the client of the LLM that it may ask.
pub(crate) fn setup(context: &Arc<KindContext>) -> KindSetup {
    let context = Arc::clone(context);
    KindSetup::new(move |builder| {
        let slot = builder.kind(Patterns);
        let own = Arc::clone(&context);
        let place = llm_place(move |world| own.llm_settings(world));
        let (part, llm) = Llm::within(context.outbound.clone(), place);
        // A server is there without its LLM; one that is wrong from now on is refused.
        builder.component(part.may_come_later());
        let context = Arc::clone(&context);
        Box::new(move |started| {
            let patterns = started.engine.live(slot);
            let learning = LearningOptions::new(context.replica_id.clone());
            let classifier =
                Classifier::start(started.engine.clone(), patterns.clone(), llm.clone(), learning);
            let metrics = PatternsMetrics::new(started.metrics);
            let llm = context.llm.get_or_init(|| llm).clone();
            let limits = context.patterns;
            let follow = |options| {
                let refresh = started.engine.status().refresh;
                let period = refresh.enabled.then_some(refresh.period);
                TableFollower::start(options, started.engine, classifier.clone(), context.redis.get(), period)
            };
            let follower = context.follow_table.clone().map(follow);
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

    fn routes(&self, app: &AppState) -> Routes<AppState> {
        routes().with_state(PatternsApp::new(app.clone(), self.parts.clone()))
    }

    fn functions(&self, app: &AppState) -> Vec<AgentFunction> {
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

    fn metrics(&self, _: &MetricsRegistry) {
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
        .of(Execute, Reach::All("patterns", ""), routes!(classify::classify))
        .of(Execute, Reach::All("patterns", ""), routes!(classify::normalize))
        .of(Edit, Reach::All("patterns", ""), routes!(feedback::feedback))
        .of(Edit, Reach::All("patterns", ""), routes!(usage::take_usage))
        .at(Operate, routes!(reload::reload))
        .at(Operate, routes!(reload::reload_as_before))
        .of(Read, Reach::All("patterns", ""), routes!(reload::metrics))
        .of(Read, Reach::All("patterns", ""), routes!(reload::metrics_as_before))
        .of(Read, Reach::All("patterns", ""), routes!(performance::performance))
        .of(Read, Reach::All("patterns", ""), routes!(list::list_patterns))
        .of(Edit, Reach::Each, routes!(documents::create_pattern))
        .merge(documents::PATTERN.routes())
        .of(Edit, Reach::Each, routes!(documents::approve))
        .of(Edit, Reach::Each, routes!(documents::disable))
}
