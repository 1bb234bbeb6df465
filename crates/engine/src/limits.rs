//! The bounds of an engine, each with its default.

use std::time::Duration;

/// What an engine refuses to go past. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body of one document, in bytes of canonical JSON. 1 MiB: a document is something a person edits.
    pub body_bytes_max: usize,
    /// How many documents the log may hold. 1,000,000.
    pub documents_max: u64,
    /// How long a reload may take before it passes the point of no return. 30,000 ms: an edit's caller is waiting.
    pub reload_ms_max: u64,
    /// How much memory one compile may reserve, in bytes. 1 GiB.
    pub compile_bytes_max: u64,
    /// How many edits and reloads may be queued; large edits and forced reloads as many again each. 1,024: at more,
    /// callers have to retry.
    pub queue_max: usize,
    /// How many of these may be one caller's. 256: a quarter, so that no caller shuts out the others.
    pub queue_per_caller_max: usize,
    /// How many dry runs may wait their turn. 64: each may take as long as a reload.
    pub dry_runs_max: usize,
    /// How many of these may be one caller's. 8.
    pub dry_runs_per_caller_max: usize,
    /// How many callers may wait for a validation. 256: all who wait when one begins get its answer.
    pub validations_max: usize,
    /// How many of these may be one caller's. 8.
    pub validations_per_caller_max: usize,
    /// How many reload events are kept. 10,000.
    pub history_max: usize,
    /// How many threads may be abandoned with endless work of one kind before no more work of that kind is taken. 4.
    pub runaways_max: usize,
    /// How many changes of one reload are reported one by one to observers; the rest are only counted. 1,000.
    pub changes_reported_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            documents_max: 1_000_000,
            reload_ms_max: 30_000,
            compile_bytes_max: 1 << 30,
            queue_max: 1024,
            queue_per_caller_max: 256,
            dry_runs_max: 64,
            dry_runs_per_caller_max: 8,
            validations_max: 256,
            validations_per_caller_max: 8,
            history_max: 10_000,
            runaways_max: 4,
            changes_reported_max: 1000,
        }
    }
}

impl Limits {
    pub(crate) fn reload_max(&self) -> Duration {
        Duration::from_millis(self.reload_ms_max)
    }
}
