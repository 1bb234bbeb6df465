//! What is so of a module on this replica, in one word, and why.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_module_host::{ModuleHost, ModuleStatus};
use midflight_modules::{CodeSource, Manifest, ModulesSnapshot};
use midflight_wire::modules::ModuleItem;

use super::history::ModuleReloadHistory;
use super::wire::module_counters;

/// The state of a module on this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModuleState {
    /// It runs its manifest.
    Live,
    /// It runs another manifest than the one that is served.
    Behind,
    /// Its instance trapped, and the next one is being made.
    Restarting,
    /// It does not run.
    Failed,
}

impl ModuleState {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Live, Self::Behind, Self::Restarting, Self::Failed];

    /// The word for it, in answers and metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Behind => "behind",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
        }
    }
}

/// A module as it is on this replica.
pub(super) struct SeenModule {
    pub(super) name: DocumentName,
    pub(super) state: ModuleState,
    /// Why it is not live.
    pub(super) why: Option<String>,
    pub(super) status: ModuleStatus,
    /// The manifest that is served.
    pub(super) wanted: Option<Arc<Manifest>>,
}

/// Looks at a module; none when neither the log nor the host has it.
pub(super) fn look(
    host: &ModuleHost,
    history: &ModuleReloadHistory,
    modules: &ModulesSnapshot,
    name: &DocumentName,
) -> Option<SeenModule> {
    let wanted = modules.manifest(name).map(Arc::clone);
    let status = host.status(name).filter(|status| status.live.is_some());
    if wanted.is_none() && status.is_none() {
        return None;
    }
    let status = status.unwrap_or_default();
    let failure = || {
        let last = history.last(name)?;
        last.record.result.as_ref().err().map(ToString::to_string)
    };
    let live = status.live.as_ref().map(|live| &live.manifest);
    let (state, why) = match (live, &wanted) {
        (None, _) => {
            let why = failure().unwrap_or_else(|| "it is being loaded".to_owned());
            (ModuleState::Failed, Some(why))
        }
        _ if status.restarting.is_some() => (ModuleState::Restarting, status.restarting.clone()),
        (Some(live), Some(wanted)) if live.digest != wanted.digest => {
            let went_back = status.withdrawn == Some(wanted.digest);
            let cause = match went_back {
                true => Some("it went back from it".to_owned()),
                false => failure(),
            };
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            let why = format!("it runs {}, and its manifest is of {}{cause}", live.version, wanted.version);
            (ModuleState::Behind, Some(why))
        }
        (Some(_), None) => {
            let why = "it has no manifest any more; it is being unloaded".to_owned();
            (ModuleState::Behind, Some(why))
        }
        _ => (ModuleState::Live, None),
    };
    Some(SeenModule { name: name.clone(), state, why, status, wanted })
}

/// Looks at every module, by name.
pub(super) fn look_at_all(
    host: &ModuleHost,
    history: &ModuleReloadHistory,
    modules: &ModulesSnapshot,
) -> Vec<SeenModule> {
    let wanted = modules.manifests().map(|manifest| manifest.name.clone());
    let names: std::collections::BTreeSet<_> = wanted.chain(host.names()).collect();
    names.iter().filter_map(|name| look(host, history, modules, name)).collect()
}

impl SeenModule {
    /// As it goes over the wire.
    pub(super) fn item(&self, host: &ModuleHost) -> ModuleItem {
        let metrics = host.metrics(&self.name).unwrap_or_default();
        let live = self.status.live.as_ref();
        ModuleItem {
            name: self.name.to_string(),
            state: self.state.word().into(),
            why: self.why.clone(),
            version: live.map(|live| live.manifest.version.clone()),
            manifest_version: self.wanted.as_ref().map(|wanted| wanted.version.clone()),
            code: live.map(|live| match &live.manifest.code {
                CodeSource::Component(digest) => format!("sha256:{digest}"),
                CodeSource::Native(name) => format!("native:{name}"),
            }),
            digest: live.map(|live| live.manifest.digest.to_string()),
            schema: live.map(|live| live.manifest.schema),
            generation: live.map(|live| live.generation),
            queue: metrics.waiting,
            counters: module_counters(&metrics),
        }
    }
}
