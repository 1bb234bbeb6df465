//! What the kinds share with what is composed around them.

use std::sync::{Arc, OnceLock};

use midflight_app::ConfigReloader;
use midflight_bus::RedisBus;
use midflight_components::{Llm, LlmSettings};
use midflight_live::World;
use midflight_outbound::OutboundPolicy;

#[cfg(feature = "modules")]
use super::modules::ModuleRuntime;
use super::patterns::limits::PatternsLimits;
use super::patterns::table::TableOptions;
use super::rules::limits::RulesLimits;
#[cfg(feature = "tools")]
use super::tools::{AgentSettings, limits::ToolsLimits};
use crate::ServeOptions;
use crate::own::{OwnConfig, OwnConfigView};

/// What the kinds share with what is composed around them.
pub(crate) struct KindContext {
    pub(crate) replica_id: String,
    pub(crate) rules: RulesLimits,
    pub(crate) patterns: PatternsLimits,
    #[cfg(feature = "tools")]
    pub(crate) tools: ToolsLimits,
    /// How agents are served, once the log was asked for its secret.
    #[cfg(feature = "tools")]
    pub(crate) agents: OnceLock<AgentSettings>,
    /// What runs modules.
    #[cfg(feature = "modules")]
    pub(crate) modules: OnceLock<ModuleRuntime>,
    /// Where the server's own config comes from.
    pub(crate) own_config: OwnConfig,
    /// Where the server's own config is in a world, once configs were added to the engine.
    pub(crate) own: OnceLock<OwnConfigView>,
    /// What may be called over HTTP.
    pub(crate) outbound: OutboundPolicy,
    /// Whether webhooks may send entries of the audit.
    pub(crate) audit_webhooks: bool,
    /// Whether other replicas follow the log too.
    pub(crate) is_shared: bool,
    /// The client of the LLM, once the patterns have their server side.
    pub(crate) llm: OnceLock<Llm>,
    /// The table of patterns to follow, if any.
    pub(crate) follow_table: Option<TableOptions>,
    /// The Redis that carries the hints, if one does.
    pub(crate) redis: OnceLock<RedisBus>,
    /// What takes every trigger of the server's own config, once the engine runs.
    pub(crate) reloader: OnceLock<Arc<ConfigReloader>>,
}

impl KindContext {
    pub(crate) fn new(options: &ServeOptions, replica_id: String, is_shared: bool) -> Arc<Self> {
        Arc::new(Self {
            replica_id,
            rules: options.rules,
            patterns: options.patterns,
            #[cfg(feature = "tools")]
            tools: options.tools,
            #[cfg(feature = "tools")]
            agents: OnceLock::new(),
            #[cfg(feature = "modules")]
            modules: OnceLock::new(),
            own_config: options.config.clone(),
            own: OnceLock::new(),
            outbound: options.outbound.clone(),
            audit_webhooks: options.audit_webhooks,
            is_shared,
            llm: OnceLock::new(),
            follow_table: options.follow_table.clone(),
            redis: OnceLock::new(),
            reloader: OnceLock::new(),
        })
    }

    /// The settings of the LLM in a world.
    pub(crate) fn llm_settings(&self, world: &World) -> Option<LlmSettings> {
        self.own.get()?.llm(world, self.own_config.operator())
    }
}
