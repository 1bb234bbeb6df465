//! What the handlers of the modules share.

use std::time::Duration;

use axum::extract::FromRef;
use midflight_core::DocumentName;
use midflight_http::app::AppState;
use midflight_live::Live;
use midflight_modules::ModulesSnapshot;

use super::runtime::ModuleRuntime;

/// How long a request waits for a reload of its module that is under way to end.
const SETTLED_MAX: Duration = Duration::from_secs(10);

/// What the server side of the modules is made of.
#[derive(Clone)]
pub(super) struct ModulesParts {
    pub(super) modules: Live<ModulesSnapshot>,
    pub(super) runtime: ModuleRuntime,
}

/// What the handlers of the modules share: what every handler does, and the modules.
#[derive(Clone)]
pub(crate) struct ModulesApp {
    app: AppState,
    pub(super) parts: ModulesParts,
}

impl ModulesApp {
    pub(super) fn new(app: AppState, parts: ModulesParts) -> Self {
        Self { app, parts }
    }

    /// Waits for the reload of a module that is under way when the module does not run its manifest yet: an edit is
    /// answered when its world is served, a moment before its modules have committed.
    pub(super) async fn settled(&self, name: &DocumentName) {
        let ModulesParts { modules, runtime } = &self.parts;
        let wanted = modules.load().manifest(name).map(|manifest| manifest.digest);
        let live = runtime.host.live(name).map(|live| live.manifest.digest);
        if wanted.is_some() && wanted != live {
            // What is not settled by then is answered as it is.
            let _is_settled = tokio::time::timeout(SETTLED_MAX, runtime.host.settled(name)).await;
        }
    }
}

impl std::ops::Deref for ModulesApp {
    type Target = AppState;
    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRef<ModulesApp> for AppState {
    fn from_ref(app: &ModulesApp) -> Self {
        app.app.clone()
    }
}
