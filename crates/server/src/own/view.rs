//! How the server's own parts find its config in a world.

use std::sync::Arc;

use midflight_components::{LlmSettings, LogSettings as Logged, SettingsSource};
use midflight_config::{Config, Configs, OperatorContents, Origin};
use midflight_core::{DocumentId, JsonPointer};
use midflight_engine::{KindSlot, Section};
use midflight_live::World;

use super::id::own_id;
use super::settings::Settings;

/// How the server's own parts find its config in a world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnConfigView(pub(crate) KindSlot<Config>);

impl OwnConfigView {
    pub(crate) fn of(self, world: &World) -> Option<Arc<Settings>> {
        world.get::<Configs>(self.0.slot())?.typed(&own_id().name)
    }

    /// The settings of the LLM, with who wrote its URL.
    pub(crate) fn llm(self, world: &World, operator: &OperatorContents) -> Option<LlmSettings> {
        let llm = self.of(world)?.llm.clone()?;
        let is_url_of_editor = self.is_of_editor(world, &JsonPointer::parse("/llm/base_url"), operator);
        Some(LlmSettings { is_url_of_editor, ..llm })
    }

    /// Whether a value is that of a document which is not the operator's file.
    fn is_of_editor(self, world: &World, path: &JsonPointer, operator: &OperatorContents) -> bool {
        let configs = world.get::<Configs>(self.0.slot());
        configs.and_then(|configs| configs.get(&own_id().name)).is_some_and(|entry| {
            let is_of_document =
                |(leaf, origin): (&JsonPointer, &Origin)| leaf == path && *origin == Origin::Document;
            entry.origins().any(is_of_document) && !entry.document().is_some_and(|body| operator.wrote(body))
        })
    }
}

/// What concerns the server's own components.
pub(crate) fn section() -> Section {
    let DocumentId { kind, name } = own_id();
    Section { kind, name: Some(name) }
}

/// Where the server's own connections find their settings. `wanted` picks them from the config; of what cannot change
/// while the server runs it keeps what is in use.
pub(crate) fn own_place<S: Clone + Send + Sync + 'static>(
    view: OwnConfigView,
    in_use: &S,
    wanted: impl Fn(&Settings, &S) -> S + Send + Sync + 'static,
) -> SettingsSource<S> {
    let in_use = in_use.clone();
    SettingsSource::new(vec![section()], JsonPointer::root(), move |world| {
        // Only a start may be without the config.
        Some(view.of(world).map_or_else(|| in_use.clone(), |settings| wanted(&settings, &in_use)))
    })
}

/// Where the logger finds its settings.
pub(crate) fn log_place(
    read: impl Fn(&World) -> Option<Logged> + Send + Sync + 'static,
) -> SettingsSource<Logged> {
    SettingsSource::new(vec![section()], JsonPointer::parse("/log"), read)
}

/// Where the client of the LLM finds its settings.
pub(crate) fn llm_place(
    read: impl Fn(&World) -> Option<LlmSettings> + Send + Sync + 'static,
) -> SettingsSource<LlmSettings> {
    SettingsSource::new(vec![section()], JsonPointer::parse("/llm"), read)
}
