//! What the records of a module come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::Digest;
use serde_json::Value;

use super::JournalRecord;
use crate::code::StateSnapshot;

/// How many generations are kept. 8: what an operator restores is one of the last few.
pub const GENERATIONS_MAX: usize = 8;
/// How many failed manifests are remembered.
const FAILED_MAX: usize = 64;

/// The plan of a reload, as it was before the pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedRecord {
    /// The generation that it would be.
    pub generation: u64,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The schema of the state before; none for a module that starts without one.
    pub from: Option<u32>,
    /// The schema that `load` gets.
    pub loads: u32,
    /// The schema of the candidate.
    pub to: u32,
}

/// A generation that has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRecord {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its manifest.
    pub body: Arc<Value>,
    /// The last state of it that is known.
    pub state: Arc<StateSnapshot>,
    /// How many messages it had acknowledged then.
    pub acknowledged: u64,
    /// Why it was made, as when an operator restored a generation or imported a state; empty without a reason.
    pub reason: String,
}

/// What is known of a module's past.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModuleHistory {
    /// The last generations, by number.
    pub generations: BTreeMap<u64, GenerationRecord>,
    /// The one that answers.
    pub live: Option<u64>,
    /// The highest number that was given.
    pub highest: u64,
    /// Manifests that failed, with why.
    pub failed: BTreeMap<Digest, String>,
    /// A reload that was begun and neither committed nor failed, by the records.
    pub prepared: Option<PreparedRecord>,
}

impl ModuleHistory {
    /// Takes a record into account.
    pub fn apply(&mut self, record: JournalRecord) {
        match record {
            JournalRecord::Prepared(prepared) => self.prepared = Some(prepared),
            JournalRecord::Snapshotted { generation, state, acknowledged }
            | JournalRecord::Checkpoint { generation, state, acknowledged } => {
                if let Some(kept) = self.generations.get_mut(&generation) {
                    kept.state = state;
                    kept.acknowledged = acknowledged;
                }
            }
            JournalRecord::Committed { generation, manifest, body, state, reason } => {
                self.prepared = None;
                self.failed.remove(&manifest);
                self.live = Some(generation);
                self.highest = self.highest.max(generation);
                let record = GenerationRecord { manifest, body, state, acknowledged: 0, reason };
                self.generations.insert(generation, record);
                while self.generations.len() > GENERATIONS_MAX {
                    self.generations.pop_first();
                }
            }
            JournalRecord::Returned { generation } => {
                self.prepared = None;
                if self.generations.contains_key(&generation) {
                    self.live = Some(generation);
                }
            }
            JournalRecord::Failed { manifest, phase, why } => {
                self.prepared = None;
                if self.failed.len() >= FAILED_MAX {
                    self.failed.pop_first();
                }
                self.failed.insert(manifest, format!("{phase}: {why}"));
            }
        }
    }

    /// The generation that a restarted process runs. Older states are invalid once a newer generation has committed.
    #[must_use]
    pub fn live(&self) -> Option<&GenerationRecord> {
        self.generations.get(&self.live?)
    }

    /// How many acknowledged messages are undone when `generation` is restored as it ended.
    #[must_use]
    pub fn acknowledged_since(&self, generation: u64) -> u64 {
        let later = self.generations.range(generation.saturating_add(1)..);
        later.map(|(_, record)| record.acknowledged).sum()
    }

    /// The fewest records that come to the same.
    #[must_use]
    pub fn records(&self) -> Vec<JournalRecord> {
        let mut records = Vec::new();
        for (generation, kept) in &self.generations {
            let (generation, state) = (*generation, Arc::clone(&kept.state));
            records.push(JournalRecord::Committed {
                generation,
                manifest: kept.manifest,
                body: Arc::clone(&kept.body),
                state: Arc::clone(&state),
                reason: kept.reason.clone(),
            });
            if kept.acknowledged > 0 {
                let acknowledged = kept.acknowledged;
                records.push(JournalRecord::Checkpoint { generation, state, acknowledged });
            }
        }
        records.extend(self.live.map(|generation| JournalRecord::Returned { generation }));
        records.extend(self.failed.iter().map(|(manifest, why)| {
            let (phase, why) = why.split_once(": ").unwrap_or(("prepare", why));
            JournalRecord::Failed { manifest: *manifest, phase: phase.to_owned(), why: why.to_owned() }
        }));
        records.extend(self.prepared.clone().map(JournalRecord::Prepared));
        records
    }
}
