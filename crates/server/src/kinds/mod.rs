//! The kinds of this server: the one list.

pub(crate) mod config;
pub(crate) mod patterns;
pub(crate) mod rules;

use std::sync::{Arc, OnceLock};

use midflight_app::Reloader;
use midflight_components::Llm;
use midflight_live::World;

use crate::ServeOptions;
use crate::own::{OwnConfig, Part, Settings};
use crate::setup::KindSetup;
use patterns::limits::PatternsLimits;
use rules::limits::RulesLimits;

/// Every kind of a server, in the order of its status, and those that the program adds.
pub(crate) fn kinds(options: &ServeOptions, around: &Arc<Around>) -> Vec<KindSetup> {
    let own = [rules::setup(around.rules), patterns::setup(around), config::setup(around)];
    own.into_iter().chain(options.kinds.iter().cloned()).collect()
}

/// What the kinds share with what is composed around them.
pub(crate) struct Around {
    pub(crate) replica_id: String,
    pub(crate) rules: RulesLimits,
    pub(crate) patterns: PatternsLimits,
    /// Where the server's own config comes from.
    pub(crate) own_config: OwnConfig,
    /// Where the server's own config is in a world, once configs were added to the engine.
    pub(crate) own: OnceLock<Part>,
    /// The client of the LLM, once the patterns have their server side.
    pub(crate) llm: OnceLock<Llm>,
    /// What takes every trigger of the server's own config, once the engine runs.
    pub(crate) reloader: OnceLock<Arc<Reloader>>,
}

impl Around {
    pub(crate) fn new(options: &ServeOptions, replica_id: String) -> Arc<Self> {
        Arc::new(Self {
            replica_id,
            rules: options.rules,
            patterns: options.patterns,
            own_config: options.config.clone(),
            own: OnceLock::new(),
            llm: OnceLock::new(),
            reloader: OnceLock::new(),
        })
    }

    /// The server's own config in a world.
    pub(crate) fn settings(&self, world: &World) -> Option<Arc<Settings>> {
        self.own.get()?.of(world)
    }
}
