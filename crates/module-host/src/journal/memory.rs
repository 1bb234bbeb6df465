//! A journal in memory: it survives a module, not the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use midflight_core::DocumentName;

use super::{Journal, JournalError, JournalRecord, ModuleHistory};

/// Keeps records in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    modules: Mutex<BTreeMap<DocumentName, ModuleHistory>>,
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, module: &DocumentName, record: JournalRecord) -> Result<(), JournalError> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.entry(module.clone()).or_default().apply(record);
        Ok(())
    }

    async fn history(&self, module: &DocumentName) -> Result<ModuleHistory, JournalError> {
        let modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(modules.get(module).cloned().unwrap_or_default())
    }
}
