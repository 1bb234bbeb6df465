//! The memory that all instances together may have, reserved before they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::ModuleRefusal;

/// What is left of the budget.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    max: u64,
    used: AtomicU64,
}

/// A reservation, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryPermit {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl MemoryBudget {
    pub(crate) fn new(max: u64) -> Arc<Self> {
        Arc::new(Self { max, used: AtomicU64::new(0) })
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<MemoryPermit, ModuleRefusal> {
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(MemoryPermit { budget: Arc::clone(self), bytes }),
            Err(used) => Err(ModuleRefusal::new(
                "memory_budget",
                format!(
                    "the module may need {bytes} bytes, and {} of {} are left; lower memory_bytes_max, or unload modules",
                    self.max.saturating_sub(used),
                    self.max
                ),
            )),
        }
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
