//! The last reloads of each module on this replica.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use midflight_core::DocumentName;
use midflight_module_host::ReloadRecord;

/// How many reloads of one module are kept. 100: two pages.
const KEPT_MAX: usize = 100;
/// Of how many modules reloads are kept, those that are gone included.
const MODULES_MAX: usize = 4_096;

/// A reload, and when it ended.
#[derive(Debug, Clone)]
pub(super) struct PastReload {
    pub(super) at: Timestamp,
    pub(super) record: Arc<ReloadRecord>,
}

/// The last reloads of each module since this process started. A clone is the same history.
#[derive(Debug, Clone, Default)]
pub(super) struct ModuleReloadHistory(Arc<Mutex<BTreeMap<DocumentName, VecDeque<PastReload>>>>);

impl ModuleReloadHistory {
    /// Keeps a reload, and forgets the oldest of the module past [`KEPT_MAX`].
    pub(super) fn add(&self, record: &ReloadRecord) {
        let mut modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if modules.len() >= MODULES_MAX && !modules.contains_key(&record.module) {
            let newest = |past: &VecDeque<PastReload>| past.back().map(|reload| reload.at);
            let oldest = modules.iter().min_by_key(|(_, past)| newest(past)).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                modules.remove(&oldest);
            }
        }
        let past = modules.entry(record.module.clone()).or_default();
        if past.len() >= KEPT_MAX {
            past.pop_front();
        }
        past.push_back(PastReload { at: Timestamp::now(), record: Arc::new(record.clone()) });
    }

    /// The last reloads of a module, newest first.
    pub(super) fn of(&self, module: &DocumentName, limit: usize) -> Vec<PastReload> {
        let modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        modules.get(module).into_iter().flat_map(|past| past.iter().rev().take(limit)).cloned().collect()
    }

    /// The last reload of a module.
    pub(super) fn last(&self, module: &DocumentName) -> Option<PastReload> {
        self.of(module, 1).pop()
    }
}
