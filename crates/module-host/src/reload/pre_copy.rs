//! Pre-copy: a candidate loads the whole state while the old version answers, and in the pause only what changed since.
//!
//! Whatever goes wrong with that, a new instance loads the whole state in the pause, as without it.

use std::sync::Arc;

use midflight_modules::Manifest;

use super::slot::ModuleSlot;
use super::trial::{check_size, restore};
use crate::code::{ModuleInstance, StateSnapshot};
use crate::error::ModuleRefusal;

/// A copy of the live state, and the mark from which the instance remembers what changes, if it does.
#[derive(Debug, Default)]
pub(crate) struct MarkedState {
    pub(crate) state: Option<Arc<StateSnapshot>>,
    pub(crate) mark: Option<u64>,
}

/// What a candidate loaded before the pause.
#[derive(Debug)]
pub(crate) struct PreCopied {
    mark: u64,
    /// The size of the state.
    pub(crate) bytes: usize,
    /// How many hops its code did.
    pub(crate) steps: u32,
}

/// Lets a candidate load the marked state before the pause; none when it takes no changes, so that nothing was done.
pub(crate) async fn load_before(
    instance: &mut dyn ModuleInstance,
    state: &StateSnapshot,
    mark: u64,
) -> Result<Option<PreCopied>, ModuleRefusal> {
    if instance.incremental().is_none() {
        return Ok(None);
    }
    let steps = restore(instance, state).await?;
    Ok(Some(PreCopied { mark, bytes: state.bytes.len(), steps }))
}

/// Lets the candidate in the slot take over what the live instance changed since; gives the size of that in bytes.
pub(crate) async fn apply_changes(
    slot: &mut ModuleSlot,
    copied: &PreCopied,
    manifest: &Manifest,
) -> Result<usize, ModuleRefusal> {
    let refuse = |message: &str| Err(ModuleRefusal::new("no_changes", message));
    if slot.marked != Some(copied.mark) {
        return refuse("the instance that was copied has been replaced since");
    }
    let live = slot.live.as_mut().and_then(|running| running.instance.incremental());
    let Some(live) = live else { return refuse("the old version gives no changes") };
    let changes = match live.changes_since(copied.mark).await {
        Ok(changes) => changes,
        Err(trap) => {
            // It may never be entered again; the state that it saved a moment ago is all that it had.
            slot.end_live();
            return Err(ModuleRefusal::trap("changes-since of the old version", &trap));
        }
    };
    let Some(changes) = changes else { return refuse("the old version does not remember all changes") };
    check_size(&changes, manifest)?;
    let candidate = slot.candidate.as_mut().and_then(|running| running.instance.incremental());
    let Some(candidate) = candidate else { return refuse("the candidate takes no changes") };
    let applied = candidate.apply(&changes).await.map_err(|trap| ModuleRefusal::trap("apply", &trap))?;
    applied.map_err(|failure| ModuleRefusal::failure("apply_failed", "apply", &failure))?;
    Ok(changes.bytes.len())
}
