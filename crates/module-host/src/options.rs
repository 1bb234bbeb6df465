//! How a host and a reload are set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use midflight_core::{Digest, DocumentName};

use crate::blobs::{BlobSource, MemoryBlobs};
use crate::code::StateSnapshot;
use crate::imports::{ModuleServices, PlainServices};
use crate::journal::{Journal, MemoryJournal};
use crate::native::NativeModules;
use crate::phase::ModulePhase;
use crate::report::ReloadRecord;
use crate::wasm::EngineOptions;

/// Called at the begin of each phase; an error fails the reload there. For tests, and to observe.
pub type PhaseHook = Arc<dyn Fn(&DocumentName, ModulePhase) -> Result<(), String> + Send + Sync>;

/// Called with every reload that ended: done, failed, returned. One that had nothing to do is not reported. It must not
/// block.
pub type ReloadObserver = Arc<dyn Fn(&ReloadRecord) + Send + Sync>;

/// How a host is set up.
#[derive(Clone)]
#[non_exhaustive]
pub struct HostOptions {
    /// Where components come from. Default: nowhere.
    pub blobs: Arc<dyn BlobSource>,
    /// Where generations and states are recorded. Default: in memory.
    pub journal: Arc<dyn Journal>,
    /// The clock and the events that modules get.
    pub services: Arc<dyn ModuleServices>,
    /// The registered Rust types.
    pub natives: NativeModules,
    /// The pools of the engines.
    pub engine: EngineOptions,
    /// Whether the engines are made when the first component is loaded, rather than with the host: they reserve address
    /// space and have a thread. Default false.
    pub engine_on_demand: bool,
    /// Where compiled components are kept between starts. It must belong to this process alone. Default: nowhere.
    pub cache_folder: Option<PathBuf>,
    /// How many components are compiled at the same time. Default 1.
    pub compiles_max: usize,
    /// What all instances together may have, in bytes. Default 128 GiB: it is a bound on what is promised, not used.
    pub memory_bytes_max: u64,
    /// The most modules. Default 1,024.
    pub modules_max: usize,
    /// The first delay of a restart after a restart, doubled each time. Default 10 ms.
    pub restart_delay: Duration,
    /// The longest delay of a restart. Default 30 s.
    pub restart_delay_max: Duration,
    /// How long a paused module waits for the decision before it rolls back. Default 30 s.
    pub decision_max: Duration,
    /// Called at the begin of each phase.
    pub hook: Option<PhaseHook>,
    /// Called with every reload that ended.
    pub observer: Option<ReloadObserver>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            blobs: Arc::new(MemoryBlobs::default()),
            journal: Arc::new(MemoryJournal::default()),
            services: Arc::new(PlainServices),
            natives: NativeModules::default(),
            engine: EngineOptions::default(),
            engine_on_demand: false,
            cache_folder: None,
            compiles_max: 1,
            memory_bytes_max: 128 << 30,
            modules_max: 1_024,
            restart_delay: Duration::from_millis(10),
            restart_delay_max: Duration::from_secs(30),
            decision_max: Duration::from_secs(30),
            hook: None,
            observer: None,
        }
    }
}

/// How one reload is done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReloadOptions {
    /// Whether the candidate is first tried on a copy of the live state, beside the module. It costs one `save` between
    /// two messages, and keeps most bad candidates from pausing the module. Default true.
    pub preflight: bool,
    /// Whether a candidate takes over the copy of the live state before the pause, and in it only what changed since, when
    /// both versions give and take changes. It needs the copy that `preflight` makes. Default true.
    pub pre_copy: bool,
    /// Whether a manifest is loaded that failed before on this module, or that is live already. Default false.
    pub force: bool,
    /// Why it is done, for those who look at it later.
    pub reason: Option<String>,
    /// When it is done.
    pub(crate) order: TurnOrder,
    /// The manifest that this goes back from, when it goes back.
    pub(crate) withdraws: Option<Digest>,
    /// The state to load instead of the live one.
    pub(crate) state: Option<Arc<StateSnapshot>>,
    /// How many acknowledged messages of other generations that state does not have, and how many of the live one it
    /// has.
    pub(crate) undone: (u64, u64),
}

/// When a reload is done while another of the same module is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TurnOrder {
    /// After it, unless a newer one of this order waits too: then that one is done instead.
    #[default]
    Newest,
    /// After it, in any case.
    InLine,
    /// Not at all.
    IfIdle,
}

impl Default for ReloadOptions {
    fn default() -> Self {
        Self {
            preflight: true,
            pre_copy: true,
            force: false,
            reason: None,
            order: TurnOrder::default(),
            withdraws: None,
            state: None,
            undone: (0, 0),
        }
    }
}

impl ReloadOptions {
    /// The same, in spite of an earlier failure, and of being live already.
    #[must_use]
    pub fn forced(mut self) -> Self {
        self.force = true;
        self
    }

    /// The same, refused (`reload_in_progress`) while another reload of the module is under way, so that it never takes
    /// the place of one that waits.
    #[must_use]
    pub fn if_idle(mut self) -> Self {
        self.order = TurnOrder::IfIdle;
        self
    }

    /// The same, with a reason.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = (!reason.is_empty()).then(|| reason.to_owned());
        self
    }

    /// The same, in its turn whatever else waits.
    pub(crate) fn in_line(mut self) -> Self {
        self.order = TurnOrder::InLine;
        self
    }

    /// The same, without trying the candidate on a copy of the live state first.
    #[must_use]
    pub fn without_preflight(mut self) -> Self {
        self.preflight = false;
        self
    }

    /// The same, with the whole state taken over in the pause.
    #[must_use]
    pub fn without_pre_copy(mut self) -> Self {
        self.pre_copy = false;
        self
    }
}
