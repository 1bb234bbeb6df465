//! What is recorded of a module, so that a restarted process runs the last commit with its state.
//!
//! Records are appended; what they mean together is [`ModuleHistory`], made by one function, live and on replay.

mod codec;
mod file;
mod history;
mod memory;

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::{Digest, DocumentName};
use serde_json::Value;

use crate::code::StateSnapshot;

pub use file::FileJournal;
pub use history::{GENERATIONS_MAX, GenerationRecord, ModuleHistory, PreparedRecord};
pub use memory::MemoryJournal;

/// One record of a module.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalRecord {
    /// A reload is about to pause the module, with this plan.
    Prepared(PreparedRecord),
    /// The state at the end of a generation, as the pause found it.
    Snapshotted {
        /// The generation that saved it.
        generation: u64,
        /// The state.
        state: Arc<StateSnapshot>,
        /// How many messages the generation has acknowledged.
        acknowledged: u64,
    },
    /// A generation answers from here on.
    Committed {
        /// The generation.
        generation: u64,
        /// The digest of its manifest.
        manifest: Digest,
        /// Its manifest.
        body: Arc<Value>,
        /// The state with which it began.
        state: Arc<StateSnapshot>,
        /// Why it was made, as when an operator restored a generation or imported a state; empty without a reason.
        reason: String,
    },
    /// The state of the generation that answers, at some later moment.
    Checkpoint {
        /// The generation.
        generation: u64,
        /// The state.
        state: Arc<StateSnapshot>,
        /// How many messages the generation has acknowledged.
        acknowledged: u64,
    },
    /// An earlier generation answers again.
    Returned {
        /// That generation.
        generation: u64,
    },
    /// A manifest failed; recovery does not choose it again.
    Failed {
        /// The digest of the manifest.
        manifest: Digest,
        /// In which phase.
        phase: String,
        /// Why.
        why: String,
    },
}

/// A record that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the journal of modules: {0}")]
pub struct JournalError(pub String);

/// Keeps records.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Appends a record. When it returns, the record survives what the journal promises to survive.
    ///
    /// # Errors
    /// The record is not there, and nothing else has changed.
    async fn append(&self, module: &DocumentName, record: JournalRecord) -> Result<(), JournalError>;

    /// What the records of a module come to.
    ///
    /// # Errors
    /// They cannot be read.
    async fn history(&self, module: &DocumentName) -> Result<ModuleHistory, JournalError>;
}
