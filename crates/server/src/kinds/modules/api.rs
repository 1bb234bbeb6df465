//! The server side of the modules.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::KindName;
use midflight_engine::{EngineStatus, Kind as _};
use midflight_http::app::AppState;
use midflight_http::code::Code;
use midflight_http::kind::{KindApi, KindHealth, Members, describe, members_of};
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::principal::Permission::{Edit, Execute, Operate, Read};
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;
use midflight_module_host::ModulesComponent;
use midflight_modules::Modules;
use midflight_wire::modules::{ModulesHealth, ModulesMembers};
use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use super::app::{ModulesApp, ModulesParts};
use super::metrics::ModulesMetrics;
use super::status::{ModuleState, SeenModule, look_at_all};
use super::{blobs, call, codes, events, read, reconciler, reload, rollback, state};
use crate::kinds::context::KindContext;

/// How many modules health names for each state.
const NAMED_MAX: usize = 20;

/// Adds the modules to a server.
pub(crate) fn setup(context: &Arc<KindContext>) -> KindSetup {
    let context = Arc::clone(context);
    KindSetup::new(move |builder| {
        let slot = builder.kind(Modules);
        let runtime = context.modules.get().cloned();
        if let Some(runtime) = &runtime {
            builder.component(ModulesComponent::new(runtime.host.clone(), Modules.name(), slot.slot()));
        }
        Box::new(move |started| {
            let (runtime, modules) = (runtime?, started.engine.live(slot));
            let metrics = ModulesMetrics::new(started.metrics);
            runtime.metrics.get_or_init(|| metrics.clone());
            Some(Arc::new(ModulesApi { parts: ModulesParts { modules, runtime }, metrics }))
        })
    })
}

/// The server side of the modules.
pub(super) struct ModulesApi {
    parts: ModulesParts,
    metrics: ModulesMetrics,
}

/// Members of `modules_reloaded` and `modules_reload_failed`.
#[derive(Debug, Serialize)]
struct ModulesSummary {
    modules_loaded: usize,
}

impl ModulesApi {
    fn look(&self) -> Vec<SeenModule> {
        let runtime = &self.parts.runtime;
        look_at_all(&runtime.host, &runtime.history, &self.parts.modules.load())
    }
}

#[async_trait]
impl KindApi for ModulesApi {
    fn kind(&self) -> KindName {
        Modules.name()
    }

    fn routes(&self, app: &AppState) -> Routes<AppState> {
        // Each begins once: a server has its routes made once.
        if let Some(emitted) = self.parts.runtime.take_events() {
            app.tasks.spawn(events::pass_on(app.clone(), emitted));
            app.tasks.spawn(reconciler::run(app.clone(), self.parts.clone()));
        }
        routes().with_state(ModulesApp::new(app.clone(), self.parts.clone())).merge(read::MANIFEST.routes())
    }

    fn summary(&self) -> Members {
        let summary = ModulesSummary { modules_loaded: self.parts.modules.load().count() };
        members_of(&summary).unwrap_or_default()
    }

    fn codes(&self) -> &'static [Code] {
        codes::ALL
    }

    /// A module that is not live is no reason to send requests elsewhere: the others and the other kinds answer.
    fn health(&self, _: &EngineStatus) -> KindHealth {
        let seen = self.look();
        let of = |state: ModuleState| seen.iter().filter(move |seen| seen.state == state);
        let names = |state| of(state).take(NAMED_MAX).map(|seen| seen.name.to_string()).collect();
        let modules = ModulesHealth {
            live: of(ModuleState::Live).count(),
            behind: names(ModuleState::Behind),
            restarting: names(ModuleState::Restarting),
            failed: names(ModuleState::Failed),
        };
        let wrong = seen.iter().filter_map(|seen| {
            let why = seen.why.as_ref()?;
            Some(format!("module {} is {}: {why}", seen.name, seen.state.word()))
        });
        KindHealth {
            degraded: wrong.take(NAMED_MAX).collect(),
            members: members_of(&ModulesMembers { modules }).unwrap_or_default(),
            ..KindHealth::default()
        }
    }

    fn metrics(&self, registry: &MetricsRegistry) {
        self.metrics.refresh(registry, &self.parts.runtime.host, &self.look());
    }

    fn document(&self, document: &mut OpenApi) {
        describe::<ModulesMembers>(document, "HotReloadHealth");
    }

    /// Answers the messages that were accepted, and records every state.
    async fn stop(&self) {
        self.parts.runtime.host.stop().await;
    }
}

/// The routes of the modules. A blob is no document, so that an editor of some modules may put the component of one. An
/// editor of none may not: blobs have a bound together, and are compiled.
fn routes() -> Routes<ModulesApp> {
    Routes::new()
        .of(Read, Reach::All("modules", ""), routes!(blobs::get_blob))
        .of(Edit, Reach::Some("modules"), routes!(blobs::put_blob))
        .of(Read, Reach::All("modules", ""), routes!(read::list_modules))
        .of(Read, Reach::Document("modules", "{name}"), routes!(read::get_module))
        .of(Execute, Reach::Document("modules", "{name}"), routes!(call::call_module))
        .of(Operate, Reach::Document("modules", "{name}"), routes!(reload::reload_module))
        .of(Operate, Reach::Document("modules", "{name}"), routes!(rollback::rollback_module))
        .of(Operate, Reach::Document("modules", "{name}"), routes!(state::export_state))
        .of(Operate, Reach::Document("modules", "{name}"), routes!(state::import_state))
        .of(Read, Reach::Document("modules", "{name}"), routes!(read::list_module_reloads))
}
