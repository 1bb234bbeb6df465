//! What the task of a module owns: the instance that answers, the candidate beside it, and the one it replaced.

use std::sync::Arc;

use tokio::time::Instant;

use crate::code::{ModuleInstance, SharedCode, StateSnapshot, Trap};
use crate::imports::ImportContext;
use crate::memory::MemoryPermit;
use crate::report::LiveModule;

/// An instance with all it takes to make another.
pub(crate) struct RunningInstance {
    pub(crate) instance: Box<dyn ModuleInstance>,
    pub(crate) live: Arc<LiveModule>,
    pub(crate) code: SharedCode,
    pub(crate) context: ImportContext,
    /// The memory that is reserved for it.
    pub(crate) memory: MemoryPermit,
}

/// The instance that was replaced last, as it was then.
pub(crate) struct Retained {
    pub(crate) running: RunningInstance,
    /// Until when it is kept.
    pub(crate) until: Instant,
    /// How many messages its successor has acknowledged: a return is exact while there is none.
    pub(crate) acknowledged: u64,
    /// The state that was recorded of it, and how many messages it has acknowledged.
    pub(crate) base: Option<Arc<StateSnapshot>>,
    pub(crate) acknowledged_before: u64,
    pub(crate) since_base: u64,
}

#[derive(Default)]
pub(crate) struct ModuleSlot {
    /// None before the first commit, and while it is restarted.
    pub(crate) live: Option<RunningInstance>,
    pub(crate) candidate: Option<RunningInstance>,
    pub(crate) retained: Option<Retained>,
    /// The state that was recorded last, from which a restart begins.
    pub(crate) base: Option<Arc<StateSnapshot>>,
    /// How many messages the live generation has acknowledged.
    pub(crate) acknowledged: u64,
    /// How many of them since the state was recorded.
    pub(crate) since_base: u64,
    /// What is left of an instance that trapped, to make it again.
    pub(crate) ended: Option<EndedInstance>,
    /// The mark from which the live instance remembers its changes, if it does. It is of no other instance.
    pub(crate) marked: Option<u64>,
}

/// An instance that has ended.
pub(crate) struct EndedInstance {
    pub(crate) live: Arc<LiveModule>,
    pub(crate) code: SharedCode,
    pub(crate) context: ImportContext,
    pub(crate) memory: MemoryPermit,
}

impl ModuleSlot {
    /// Drops the live instance, which has trapped, and keeps what makes another.
    pub(crate) fn end_live(&mut self) {
        self.marked = None;
        if let Some(RunningInstance { live, code, context, memory, .. }) = self.live.take() {
            self.ended = Some(EndedInstance { live, code, context, memory });
        }
    }

    /// Lets the live instance remember what changes from now on; gives the mark, if it does.
    pub(crate) async fn mark(&mut self) -> Result<Option<u64>, Trap> {
        self.marked = None;
        if let Some(incremental) = self.live.as_mut().and_then(|running| running.instance.incremental()) {
            self.marked = Some(incremental.mark().await?);
        }
        Ok(self.marked)
    }

    /// What answers, or would.
    pub(crate) fn current(&self) -> Option<&Arc<LiveModule>> {
        let running = self.live.as_ref().map(|running| &running.live);
        running.or_else(|| self.ended.as_ref().map(|ended| &ended.live))
    }
}
